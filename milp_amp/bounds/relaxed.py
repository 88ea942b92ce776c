"""The relaxed path: a bound over all placements that keeps what makes a plan granular.

Relaxation. Give every stage to one of the classes it uses, and let a transfer and a ring be as fast as
anywhere in the cluster. Stages use ``Σ_s n[s, g] <= Q[g]`` slots; the fractions ``n[s, g] / d`` are a point
of a transportation polytope, whose vertices on the same support give every stage to one class it uses,
at most ``⌈Q[g] / d⌉`` stages to class ``g``. A stage's ``τ`` is at least its class's seconds, its memory at
most its class's. So every plan maps to a relaxed path that costs no more, and the cheapest relaxed path
is a lower bound. With one replica the map keeps the classes, so transfers keep their pair of classes.
Restrictions: nodes of a class are restricted alike, so a relaxed stage may hold what the stage may hold on all of
its classes; and the relaxed path has as many stages as the plan.
"""

import heapq
import math
from collections.abc import Callable

from milp_amp.cost.model import PerByteCost
from milp_amp.space.boxes import Box, rest_of
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import LayerTables, build_columns
from milp_amp.space.configuration import Degrees
from milp_amp.space.grid import Vector, pure_compositions, usable_slots
from milp_amp.space.order import Order
from milp_amp.space.path import CheapestPath
from milp_amp.space.restriction import restricted_counts

PRECISION = 1e-3
"""Relative width at which the bisection for the min-max partition ends."""

MOST_HALVINGS = 40
"""Steps after which it ends in any case: the floor it begins with may be zero."""


def never() -> bool:
    """Go on."""
    return False


class RelaxedGrid:
    """Slots without places: the grid of the relaxed path (see ``space.grid.SlotGrid`` for the names)."""

    def __init__(
        self, costs: PerByteCost, classes: tuple[NodeClass, ...], tensor_parallel: int, data_parallel: int
    ) -> None:
        slots = usable_slots(costs, classes, tensor_parallel)
        self.unit = 1
        self.capacity: Vector = tuple(math.ceil(q / data_parallel) for q in slots)
        self.max_stages = sum(slots) // data_parallel
        self.compositions = tuple(pure_compositions(self.unit, self.capacity))
        self._ring = costs.least_synchronisation_seconds_per_byte(data_parallel, tensor_parallel)
        self._ring_latency = costs.least_synchronisation_latency(data_parallel, tensor_parallel)
        self._transfer = costs.least_transfer_seconds_per_byte(), costs.least_transfer_latency()
        self._between = _class_transfers(costs, classes, tensor_parallel) if data_parallel == 1 else None

    def phase(self, position: Vector) -> Vector:
        """Return the same phase for every position: places do not matter here."""
        return (0,) * len(position)

    def transfer(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Return the least seconds per byte between stages of two classes."""
        return self._link(earlier, later)[0]

    def transfer_latency(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Return the least latency between stages of two classes."""
        return self._link(earlier, later)[1]

    def _link(self, earlier: Vector, later: Vector) -> tuple[float, float]:
        if self._between is None:
            return self._transfer
        return self._between[earlier.index(1)][later.index(1)]

    def ring(self, phase: Vector, composition: Vector) -> float:
        """Return the least seconds per byte of a synchronisation."""
        return self._ring

    def ring_latency(self, phase: Vector, composition: Vector) -> float:
        """Return the least latency of a synchronisation."""
        return self._ring_latency

    def devices(self, position: Vector, composition: Vector) -> tuple[tuple[str, ...], ...]:
        """Return no device: a relaxed stage sits nowhere."""
        return ()


def _class_transfers(
    costs: PerByteCost, classes: tuple[NodeClass, ...], tensor_parallel: int
) -> list[list[tuple[float, float]]]:
    """Return the least seconds per byte, and the least latency, from one replica on class ``g`` to one on ``h``."""

    def least(g: NodeClass, h: NodeClass) -> tuple[float, float]:
        pairs = [(g.nodes[0].index, h.nodes[0].index)] if g != h else []
        if g == h and g.slots_per_node(tensor_parallel) > 1:
            pairs.append((g.nodes[0].index, g.nodes[0].index))
        if g == h and len(g.nodes) > 1:
            pairs.append((g.nodes[0].index, g.nodes[1].index))
        rates = [costs.transfer_seconds_per_byte([v], [w]) for v, w in pairs]
        latencies = [costs.transfer_latency([v], [w]) for v, w in pairs]
        return min(rates, default=math.inf), min(latencies, default=math.inf)

    return [[least(g, h) for h in classes] for g in classes]


class Relaxation:
    """The relaxed paths of some degrees.

    Raises
    ------
    FormulationError
        If the cluster has too many node classes for shortest paths over positions.
    """

    def __init__(self, tables: LayerTables, classes: tuple[NodeClass, ...], degrees: Degrees) -> None:
        grid = RelaxedGrid(tables.costs, classes, degrees.tensor_parallel, degrees.data_parallel)
        counts = restricted_counts(tables.costs.instance.restrictions, min(grid.max_stages, tables.num_layers))
        self._columns = build_columns(tables, classes, degrees, grid).ordered(Order(counts) if counts else None)
        self._oracle = CheapestPath(self._columns)

    def chain_balance(self, box: Box) -> float:
        """Return seconds below which no bottleneck can lie: the min-max partition, to ``PRECISION``.

        Proof: no relaxed path exists under a lower ceiling, and every plan maps to a relaxed path whose
        bottleneck is no longer. ``inf`` if there is no relaxed path at all. By bisection, from ``box``'s floor.
        """
        path = self._oracle.solve()
        if path is None:
            return math.inf
        low, high = box.bottleneck_floor, path.bottleneck
        for _ in range(MOST_HALVINGS):
            if high <= low * (1 + PRECISION):
                break
            middle = 0.5 * (low + high)
            path = self._oracle.solve(middle)
            if path is None:
                low = middle
            else:
                high = path.bottleneck
        return low

    def least_step_time(self, box: Box, enough: float, evaluations: int, stopped: Callable[[], bool] = never) -> float:
        """Return a lower bound on the step time in a box, certified even when the search is cut short.

        Parameters
        ----------
        enough
            Step time in seconds above which a better bound is of no use.
        evaluations
            Most shortest-path computations to spend.
        stopped
            Asked before each of them whether to give up.
        """
        heap: list[tuple[float, int, Box]] = [(0.0, 0, box)]
        best, spent, pushed = enough, 0, 0
        while heap and heap[0][0] < best and spent < evaluations and not stopped():
            bound, _, part = heapq.heappop(heap)
            spent += 1
            path = self._oracle.solve(part.bottleneck, part.synchronisation)
            if path is None:
                continue
            best = min(best, path.step_time(self._columns.weight))
            for rest, smaller in rest_of(part, path, self._columns.weight, best):
                pushed += 1
                heapq.heappush(heap, (max(rest, bound), pushed, smaller))
        return min(heap[0][0], best) if heap else best
