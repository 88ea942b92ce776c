"""Where a stage may sit, where costs are per byte: the same room in each of some nodes.

A place takes ``c · t`` devices of each of ``w = d / c`` nodes: ``c`` replicas per node, ``t`` devices each.
Consecutive stages of one ``c`` may fill the same nodes, one after the other; then they exchange data inside. Nodes
that a path has left are not used again, except where a node is a class of its own and holds the stage alone (``w =
1``): stages of any number then share it.

Tensor degree, ``c``, the classes and the number of nodes of every class are free in each stage. The replicas are
numbered class by class, node by node. ``c = d`` packs a stage into a node, ``c = 1`` spreads it.

Compactness. Where the slowest pair of nodes decides, every node is a class of its own and all have one size, a power
of two as are all ``t`` and ``d``, only the largest ``c`` is listed: stages lie inside one node or on whole nodes. Among
plans of one tensor degree that loses nothing. Proof: fix the stages and the sets of nodes they touch. What stages take
of the nodes, over ``t d`` where that is at most the node size ``q``, over ``q`` otherwise, is a point of a
transportation polytope (rows: stages; columns: nodes) with integral sums; a vertex on the same support is integral. It
is a plan in which the set of nodes of every stage is a subset, and no cost falls as a set grows. Where tensor degrees
differ, a stage of ``t d = q`` may have to be spread so that two smaller ones find room on different nodes: such plans
are left out. In larger classes a compact plan might return to a node that it has left, and hierarchical rings need
fewer rounds on more nodes, so that latency inside nodes may reward spreading: there every ``c`` is listed.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from milp_amp.cost.model import PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees
from milp_amp.space.crossings import Crossings
from milp_amp.space.grid import Vector
from milp_amp.space.group import Group, first_nodes
from milp_amp.space.labels import PlacedStage
from milp_amp.space.restriction import Mark, allows_stage, mark, stage_mask

BoolArray = npt.NDArray[np.bool_]

MAX_PLACES = 2_000
"""Places of one tensor degree and replicas per node above which only those on one class are searched."""

MAX_MIXTURES = 30
"""Mixtures of larger classes above which it is the same where costs depend on the order of replicas.

There are many places on each, since stages then join others on their nodes, and few classes make good bounds.
"""


@dataclass(frozen=True, order=True)
class Place:
    """A stage of tensor degree ``t`` on a group.

    ``filled`` counts the devices of each node that this stage and those after it on the same nodes take; 0 where the
    node is shared by stages in any order.
    """

    group: Group
    tensor_parallel: int
    filled: int

    @property
    def width(self) -> int:
        """Devices that the stage takes of each node."""
        return self.group.replicas_per_node * self.tensor_parallel

    @property
    def fresh(self) -> bool:
        """Whether the stage is the last one of the path on its nodes, so that it is the one to claim them."""
        return self.filled == self.width


class Places:
    """The places of all configurations of one instance."""

    def __init__(self, tables: LayerTables, classes: tuple[NodeClass, ...]) -> None:
        self.tables = tables
        self.classes = classes
        self.costs: PerByteCost = tables.costs
        instance = self.costs.instance
        self.tensor_degrees = sorted({entry.tensor_parallel for entry in instance.profile})
        self._restrictions = instance.restrictions
        self._sizes = [g.devices_per_node for g in classes]
        self._set_costs = self.costs.slowest_pair_decides
        self.places = lru_cache(maxsize=None)(self._places)
        self._crossing = lru_cache(maxsize=8)(self._crossings)
        self.ring = lru_cache(maxsize=None)(self._ring_seconds)
        self._within = lru_cache(maxsize=None)(self._within_seconds)
        self._mask_of = lru_cache(maxsize=None)(self._mask_of_marks)
        self._marks = [mark(self._restrictions, kind.nodes[0]) for kind in classes]

    # ------------------------------------------------------------------ what there is

    def _places(self, data_parallel: int, degrees: tuple[int, ...]) -> tuple[tuple[Place, ...], bool]:
        """Return the places of stages with ``d`` replicas and these tensor degrees, and whether some were left out."""
        places: list[Place] = []
        truncated = False
        for t, c in self.widths(data_parallel, degrees):
            width = data_parallel // c
            able = tuple(len(g.nodes) if self.able(g, t, c, width) else 0 for g in self.classes)
            found = list(itertools.islice(splits(width, able), MAX_PLACES + 1))
            listed = sum(len(self._fillings(Group(nodes, c), t)) for nodes in found)
            ordered = not self._set_costs and any(len(kind.nodes) > 1 for kind in self.classes)
            if listed > MAX_PLACES or (ordered and len(found) > MAX_MIXTURES):
                truncated = True
                found = list(_pure(width, able)) or found[:1]
            for nodes in found:
                group = Group(nodes, c)
                places += [Place(group, t, filled) for filled in self._fillings(group, t)]
        return tuple(sorted(places)), truncated

    def widths(self, data_parallel: int, degrees: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        """Yield tensor degree and replicas per node of every stage worth considering."""
        for t, c in itertools.product(degrees, range(1, data_parallel + 1)):
            allowed = data_parallel % c == 0 and allows_stage(self._restrictions, t, t * data_parallel)
            if allowed and self._worth(data_parallel, t, c):
                yield t, c

    def able(self, kind: NodeClass, tensor_parallel: int, replicas_per_node: int, width: int) -> bool:
        """Whether nodes of a class may hold, and were measured for, so many replicas of a stage on ``width`` nodes."""
        taken = replicas_per_node * tensor_parallel
        whole = self._restrictions.compact_stages and width > 1
        return (
            (kind.devices_per_node == taken if whole else kind.devices_per_node >= taken)
            and not mark(self._restrictions, kind.nodes[0]).idle
            and self.costs.layer_seconds(kind.device_type, tensor_parallel, 1) is not None
        )

    def _worth(self, data_parallel: int, tensor_parallel: int, replicas_per_node: int) -> bool:
        """Whether stages with so many replicas on every node are listed."""
        size = max(self._sizes)
        if replicas_per_node * tensor_parallel > size:
            return False
        if not self._monotone or any(n & (n - 1) for n in (data_parallel, *self.tensor_degrees, *self._sizes)):
            return True
        return replicas_per_node == min(data_parallel, size // tensor_parallel)

    @cached_property
    def _monotone(self) -> bool:
        """Whether costs are of sets of nodes and never fall as a set grows, and nodes of one size can all be shared."""
        instance = self.costs.instance
        sooner = instance.workload.all_reduce == "hierarchical" and any(g.latency_us for g in instance.cluster.nodes)
        own = all(len(kind.nodes) == 1 for kind in self.classes)
        # Where stages spread over the same nodes in other shares, other devices are paid.
        asks = instance.objective.asks_price
        return self._set_costs and own and len(set(self._sizes)) == 1 and not sooner and not asks

    def own(self, group: Group) -> bool:
        """Whether a group is one node that is a class of its own."""
        return sum(group.nodes) == 1 and len(self.classes[group.nodes.index(1)].nodes) == 1

    def _fillings(self, group: Group, tensor_parallel: int) -> list[int]:
        if self.own(group):
            return [0]
        size = min(self._sizes[g] for g, n in enumerate(group.nodes) if n)
        widths = [group.replicas_per_node * t for t in self.tensor_degrees]
        found = [group.replicas_per_node * tensor_parallel]
        for filled in found:  # which grows on the way: a stage may be followed by stages of any degrees
            found += [filled + width for width in widths if filled + width <= size and filled + width not in found]
        return found

    # ------------------------------------------------------------------ the program

    def chain(self, degrees: Degrees, places: tuple[Place, ...], end_degree: int | None = None) -> Chain:
        """Return the program of one data degree and microbatch size; the tensor degree of ``degrees`` is not used.

        Parameters
        ----------
        end_degree
            The tensor degree of the first and of the last stage; ``None`` where they may have any.
        """
        tables, d, b = self.tables, degrees.data_parallel, degrees.microbatch_size
        rows = {key: n for n, key in enumerate(dict.fromkeys(self._row(place) for place in places))}
        of_place = np.array([rows[self._row(place)] for place in places])
        alone = {(g, t) for members, t, _ in rows for g in members}
        parts = {(g, t): self.interval_tables(Degrees(t, d, b, degrees.num_microbatches), g) for g, t in alone}
        seconds = np.array([np.max([parts[g, t][0] for g in members], axis=0) for members, t, _ in rows])
        # Nodes are claimed from the end of the path: its last stage cannot be one that joins others.
        seconds[[not last for _, _, last in rows], :, -1] = np.inf
        for n, (members, t, _) in enumerate(rows):
            seconds[n, ~self._mask(members)] = np.inf
            if end_degree not in (None, t):
                seconds[n, 0, :] = seconds[n, :, -1] = np.inf
        most = np.array([np.min([parts[g, t][1] for g in members], axis=0) for members, t, _ in rows])
        forward, latency = self._links(places)
        rings = np.array([self._ring(place) for place in places])
        volume = {t: tables.boundary_bytes(Degrees(t, d, b, 0)) for t in {place.tensor_parallel for place in places}}
        return Chain(
            data_parallel=d,
            microbatch_size=b,
            num_microbatches=degrees.num_microbatches,
            capacity=np.array([g.devices_per_node * len(g.nodes) for g in self.classes]),
            usage=np.array([self._usage(place) for place in places]),
            seconds=seconds,
            seconds_row=of_place,
            most_stages=most,
            most_stages_row=of_place,
            forward=forward[None],
            backward=np.zeros((1, len(places), len(places))),
            size=np.zeros((len(places), tables.num_layers + 1), np.int64),
            volume=np.array([volume[place.tensor_parallel] for place in places]),
            latency=latency,
            synchronisation=tables.gradient_bytes[None],
            synchronisation_row=np.zeros(len(places), np.int64),
            synchronisation_rate=rings[:, 0],
            synchronisation_latency=rings[:, 1],
            update=np.zeros((len(places), tables.num_layers)),
            links_are_stations=True,
            link_share=float(self.costs.links_are_stations),
        )

    def _row(self, place: Place) -> tuple[tuple[int, ...], int, bool]:
        """Return what a stage's seconds and memory depend on: classes, tensor degree, whether it may be the last."""
        members = tuple(g for g, n in enumerate(place.group.nodes) if n)
        return members, place.tensor_parallel, place.fresh or place.filled == 0

    def _mask(self, members: tuple[int, ...]) -> BoolArray:
        """Return which intervals restrictions leave to stages on some classes ``(L, L + 1)``."""
        return self._mask_of(frozenset(self._marks[g] for g in members))

    def _mask_of_marks(self, marks: frozenset[Mark]) -> BoolArray:
        return stage_mask(self._restrictions, self.tables.num_layers, list(marks))

    def interval_tables(self, degrees: Degrees, g: int) -> tuple[FloatArray, IntArray]:
        """Return ``τ`` and the stages to the end that memory allows of every interval on one class ``(L, L + 1)``."""
        kind = self.classes[g]
        seconds = self.tables.stage_seconds(degrees, kind.device_type)
        below = np.tri(self.tables.num_layers, self.tables.num_layers + 1, 0, dtype=bool)
        return np.where(below, np.inf, seconds), self.tables.stages_to_end(degrees, kind.memory)

    def _usage(self, place: Place) -> list[int]:
        if place.filled == 0:
            return [n * place.width for n in place.group.nodes]
        return [n * size * place.fresh for n, size in zip(place.group.nodes, self._sizes, strict=True)]

    def _ring(self, place: Place) -> tuple[float, float]:
        return self.ring(place.group, place.tensor_parallel)

    def _ring_seconds(self, group: Group, tensor_parallel: int) -> tuple[float, float]:
        """Return seconds per gradient byte of a stage, and seconds however few they are."""
        nodes, t = first_nodes(group, self.classes), tensor_parallel
        return self.costs.synchronisation_seconds_per_byte(nodes, t), self.costs.synchronisation_latency(nodes, t)

    def _links(self, places: tuple[Place, ...]) -> tuple[FloatArray, FloatArray]:
        """Return seconds per byte, there and back, from a stage to the next one, and the latency: ``(K, K)`` twice."""
        groups = tuple(dict.fromkeys(self._home(place) for place in places))
        number = {group: n for n, group in enumerate(groups)}
        home = np.array([number[self._home(place)] for place in places])
        filled = np.array([place.filled for place in places])
        width = np.array([place.width for place in places])
        same = home[:, None] == home[None, :]
        joins = same & (filled[:, None] > 0) & (filled[:, None] == filled[None, :] + width[:, None])
        inside = joins | (same & (filled[:, None] == 0))
        starts = (filled == width) | (filled == 0)
        within = np.array([self._within(group) for group in groups])[home]
        seconds, latency = (
            np.where(inside, within[:, None, part], np.where(starts[:, None], crossing[np.ix_(home, home)], np.inf))
            for part, crossing in enumerate(self._crossing(groups))
        )
        return seconds, latency

    def _home(self, place: Place) -> Group:
        """Return what the links of a place depend on."""
        return place.group

    def _within_seconds(self, group: Group) -> tuple[float, float]:
        nodes = first_nodes(group, self.classes)
        return self._transfer(nodes, nodes)

    def _crossings(self, groups: tuple[Group, ...]) -> tuple[FloatArray, FloatArray]:
        return Crossings(self.costs, self.classes).between(groups)

    def _transfer(self, sources: list[int], targets: list[int]) -> tuple[float, float]:
        return (
            self.costs.transfer_seconds_per_byte(sources, targets),
            self.costs.transfer_latency(sources, targets),
        )

    # ------------------------------------------------------------------ back to devices

    def strategy(self, degrees: Degrees, places: tuple[Place, ...], path: tuple[PlacedStage, ...]) -> Strategy:
        """Return the plan of a path, down to the devices; nodes are handed out from the last stage to the first."""
        claimed = [0] * len(self.classes)
        taken: dict[int, int] = {}
        group: list[tuple[int, int]] = []
        stages: list[Stage] = []
        for step in reversed(path):
            place = places[step.place]
            if place.filled == 0:
                g = place.group.nodes.index(1)
                group, first = [(g, 0)], taken.get(g, 0)
                taken[g] = first + place.width
            else:
                if place.fresh:
                    group = [(g, claimed[g] + k) for g, n in enumerate(place.group.nodes) for k in range(n)]
                    claimed = [a + n for a, n in zip(claimed, place.group.nodes, strict=True)]
                first = place.filled - place.width
            t = place.tensor_parallel
            replicas = tuple(
                tuple(self.classes[g].nodes[k].device(first + r * t + x) for x in range(t))
                for g, k in group
                for r in range(place.group.replicas_per_node)
            )
            stages.append(Stage(layers=(step.start, step.stop), tensor_parallel=t, replicas=replicas))
        return Strategy(
            microbatch_size=degrees.microbatch_size,
            data_parallel=degrees.data_parallel,
            schedule=self.costs.instance.workload.schedule,
            stages=tuple(reversed(stages)),
        )


def splits(total: int, most: Vector) -> Iterator[Vector]:
    """Yield every way to take ``total`` nodes; no branch is a dead end, so the first ones come at once."""
    if not most:
        if total == 0:
            yield ()
        return
    head, tail = most[0], most[1:]
    for taken in range(max(0, total - sum(tail)), min(total, head) + 1):
        yield from ((taken, *rest) for rest in splits(total - taken, tail))


def _pure(total: int, most: Vector) -> Iterator[Vector]:
    for g, limit in enumerate(most):
        if limit >= total:
            yield tuple(total * (g == h) for h in range(len(most)))
