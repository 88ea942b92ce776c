"""Places that plans found by annealing use: where a configuration is worth looking at first."""

from dataclasses import dataclass

import numpy as np

from milp_amp.cost.collectives import ring_volume
from milp_amp.space.annealing import IMPOSSIBLE, Annealed, NodeCosts, Room, Sketch, anneal
from milp_amp.space.configuration import Degrees
from milp_amp.space.group import Group
from milp_amp.space.places import Place, Places


@dataclass(frozen=True)
class Draft:
    """A plan found by annealing, the times as far as that sees them.

    Attributes
    ----------
    stages
        First and last layer (exclusive), and place, of every stage.
    step_time, bottleneck, synchronisation
        In seconds.
    """

    stages: tuple[tuple[int, int, Place], ...]
    step_time: float
    bottleneck: float
    synchronisation: float


class Drafts:
    """Annealing over the nodes of an instance."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kinds = [g for g, kind in enumerate(places.classes) for _ in kind.nodes]
        self._nodes = np.array([node.index for kind in places.classes for node in kind.nodes])

    def drafts(self, degrees: Degrees, tensor_degrees: tuple[int, ...], how: Annealed) -> list[Draft]:
        """Return a good plan for every shape that annealing begins with."""
        shapes = self._shapes(degrees.data_parallel, tensor_degrees)
        if not shapes:
            return []
        costs = self._costs(degrees, shapes)
        once = self._places.costs.step_overhead
        begin = [how.seed % len(shapes)] if how.alone else range(len(shapes))
        found = [anneal(costs, shape, how.seed, how.steps_per_node * len(self._kinds)) for shape in begin]
        return [
            Draft(
                self._stages(sketch, shapes), sketch.step_time + once, sketch.bottleneck, sketch.synchronisation + once
            )
            for sketch in found
        ]

    def _stages(self, sketch: Sketch, shapes: list[tuple[int, int]]) -> tuple[tuple[int, int, Place], ...]:
        """Return the places of a sketch: stages on the same nodes count what they fill from the last one on."""
        found: list[tuple[int, int, Place]] = []
        filled, joins = 0, False
        for stage in reversed(sketch.stages):
            t, each = shapes[stage.shape]
            filled = filled + t * each if joins else t * each
            joins = stage.joins
            count = np.bincount([self._kinds[v] for v in stage.nodes], minlength=len(self._places.classes))
            group = Group(tuple(count.tolist()), each)
            found.append((stage.start, stage.stop, Place(group, t, 0 if self._places.own(group) else filled)))
        return tuple(reversed(found))

    def _shapes(self, data_parallel: int, tensor_degrees: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return tensor degree and replicas per node of the stages that there are nodes for."""
        places = self._places
        return [
            (t, each)
            for t, each in places.widths(data_parallel, tensor_degrees)
            if data_parallel // each
            <= sum(places.able(places.classes[g], t, each, data_parallel // each) for g in self._kinds)
        ]

    def _costs(self, degrees: Degrees, shapes: list[tuple[int, int]]) -> NodeCosts:
        d, b, m = degrees.data_parallel, degrees.microbatch_size, degrees.num_microbatches
        places, tables = self._places, self._places.tables
        of_shape = [Degrees(t, d, b, m) for t, _ in shapes]
        intervals = [[places.interval_tables(shape, g) for g in range(len(places.classes))] for shape in of_shape]
        seconds = np.array([[seconds for seconds, _ in row] for row in intervals])
        able = [[places.able(kind, t, each, d // each) for kind in places.classes] for t, each in shapes]
        seconds[~np.array(able)] = np.inf
        most = np.array([[most for _, most in row] for row in intervals])
        rings = np.array([self._ring(d, *shape) for shape in shapes])
        network, kinds = places.costs.network, [places.classes[g] for g in self._kinds]
        return NodeCosts(
            room=Room(
                width=np.array([d // each for _, each in shapes]),
                each=np.array([each for _, each in shapes]),
                devices=np.array([t * each for t, each in shapes]),
                size=np.array([kind.devices_per_node for kind in kinds]),
            ),
            seconds=np.ascontiguousarray(np.minimum(seconds, IMPOSSIBLE)[:, self._kinds]),
            most_stages=np.ascontiguousarray(most[:, self._kinds]),
            shared=not places.costs.slowest_pair_decides,
            between=1.0 / network.between[np.ix_(self._nodes, self._nodes)],
            sending=1.0 / network.outbound[self._nodes],
            receiving=1.0 / network.inbound[self._nodes],
            volume=np.array([tables.boundary_bytes(shape) for shape in of_shape]),
            across=rings[:, 0].copy(),
            inside=rings[:, 1].copy(),
            before=rings[:, 2].copy(),
            update=np.array([places.costs.update_seconds_per_byte(d, t) for t, _ in shapes]),
            gradient=tables.gradient_bytes,
            weight=m - 1,
        )

    def _ring(self, data_parallel: int, tensor_parallel: int, each: int) -> tuple[float, float, float]:
        """Return bytes per byte synchronised across, inside, and before (``cost.allreduce``).

        Where transfers share, all rings of a node cross at once. Where they do not, two replicas in a node that has
        room for them may be neighbours.
        """
        d, t, costs = data_parallel, tensor_parallel, self._places.costs
        shared = not costs.slowest_pair_decides
        room = each > 1 if shared else max(kind.devices_per_node for kind in self._places.classes) >= 2 * t
        if costs.instance.workload.all_reduce == "hierarchical":
            across = ring_volume(d // each) / (1 if shared else t * each)
            return across, 0.0 if shared or not room else across, ring_volume(each) / t
        return ring_volume(d) / (1 if shared else t), ring_volume(d) / t * room, 0.0
