"""Places that plans found by annealing use: where a configuration is worth looking at first."""

from dataclasses import dataclass

import numpy as np

from milp_amp.cost.collectives import ring_volume
from milp_amp.space.annealing import IMPOSSIBLE, Annealed, NodeCosts, anneal
from milp_amp.space.configuration import Degrees
from milp_amp.space.group import Group
from milp_amp.space.places import Place, Places


@dataclass(frozen=True)
class Sketched:
    """The places of a plan, with its bottleneck and its synchronisation in seconds, as far as annealing sees them."""

    places: frozenset[Place]
    bottleneck: float
    synchronisation: float


class Drafts:
    """Annealing over the nodes of an instance where the slowest pair decides.

    A draft has all its stages on whole nodes; what is left of a node stays idle.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kinds = [g for g, kind in enumerate(places.classes) for _ in kind.nodes]
        nodes = [node.index for kind in places.classes for node in kind.nodes]
        self._between = 1.0 / places.costs.network.between[np.ix_(nodes, nodes)]

    def draft(self, degrees: Degrees, tensor_degrees: tuple[int, ...], how: Annealed) -> list["Sketched"]:
        """Return a good plan for every shape that annealing begins with."""
        shapes = self._shapes(degrees.data_parallel, tensor_degrees)
        if not shapes:
            return []
        costs = self._costs(degrees, shapes)
        begin = [how.seed % len(shapes)] if how.alone else range(len(shapes))
        found = [anneal(costs, shape, how.seed, how.steps_per_node * len(self._kinds)) for shape in begin]
        return [
            Sketched(
                frozenset(self._place(nodes, *shapes[shape]) for shape, nodes in sketch.stages),
                sketch.bottleneck,
                sketch.synchronisation,
            )
            for sketch in found
        ]

    def _place(self, nodes: tuple[int, ...], tensor_parallel: int, each: int) -> Place:
        count = np.bincount([self._kinds[v] for v in nodes], minlength=len(self._places.classes))
        group = Group(tuple(count.tolist()), each)
        return Place(group, tensor_parallel, 0 if self._places.own(group) else tensor_parallel * each)

    def _shapes(self, data_parallel: int, tensor_degrees: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return tensor degree and replicas per node of the stages that there are nodes for."""
        places = self._places
        return [
            (t, each)
            for t, each in places.widths(data_parallel, tensor_degrees)
            if data_parallel // each <= sum(places.able(places.classes[g], t, each) for g in self._kinds)
        ]

    def _costs(self, degrees: Degrees, shapes: list[tuple[int, int]]) -> NodeCosts:
        d, b, m = degrees.data_parallel, degrees.microbatch_size, degrees.num_microbatches
        places, tables = self._places, self._places.tables
        of_shape = [Degrees(t, d, b, m) for t, _ in shapes]
        intervals = [[places.interval_tables(shape, g) for g in range(len(places.classes))] for shape in of_shape]
        seconds = np.array([[seconds for seconds, _ in row] for row in intervals])
        seconds[~np.array([[places.able(kind, *shape) for kind in places.classes] for shape in shapes])] = np.inf
        most = np.array([[most for _, most in row] for row in intervals])
        return NodeCosts(
            width=np.array([d // each for _, each in shapes]),
            seconds=np.minimum(seconds, IMPOSSIBLE)[:, self._kinds],
            most_stages=most[:, self._kinds],
            between=self._between,
            volume=np.array([tables.boundary_bytes(shape) for shape in of_shape]),
            ring=np.array([self._ring(d, *shape) for shape in shapes]),
            gradient=tables.gradient_bytes,
            weight=m - 1,
        )

    def _ring(self, data_parallel: int, tensor_parallel: int, each: int) -> float:
        """Return the bytes that the slowest pair carries per byte synchronised (``cost.allreduce``)."""
        if self._places.costs.instance.workload.all_reduce == "hierarchical":
            return ring_volume(data_parallel // each) / (tensor_parallel * each)
        return ring_volume(data_parallel) / tensor_parallel
