"""Machines that carry a flow together, and what the cheapest of them cost, with the flow divided into whole units.

A *way* ``i`` is a type of machine and a number ``k[i]`` of layers that it holds; it carries ``T[i]`` tokens per second.
A *cover* is a multiset of ways that carry a flow ``F``. Units of ``F`` are rounded down, those of ``T`` up: whatever
carries the flow covers the units, so what every cover of units costs at least holds for every cover of the flow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ortools.linear_solver import pywraplp

from milp_amp.bounds.bisection import MARGIN
from milp_amp.cost.network import FloatArray
from milp_amp.space.fleet import Fleet

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

UNITS = 2000
"""That a flow is divided into."""

ENOUGH = 1e-7
"""By which the cheapest cover may miss its price when prices are final; they are then scaled until it does not."""


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways to hold layers, and a flow to carry.

    Attributes
    ----------
    type_of, layers, tokens_per_s
        ``(ways,)``: number of the type, ``k`` and ``T``.
    count
        ``(types,)``: machines of every type.
    """

    flow: float
    type_of: IntArray
    layers: IntArray
    tokens_per_s: FloatArray
    count: IntArray

    @staticmethod
    def of(fleet: Fleet, flow: float) -> "Ways":
        """Return the ways of a fleet, type by type."""
        rows = [(t, k, T) for t, kind in enumerate(fleet.count) for k, T in enumerate(fleet.tokens_per_s[kind], 1)]
        type_of, layers, tokens = zip(*rows, strict=True)
        return Ways(flow, np.array(type_of), np.array(layers), np.array(tokens), np.array(list(fleet.count.values())))

    def units(self, tokens_per_s: FloatArray) -> IntArray:
        """Return units, rounded up; all of them for whatever carries the flow alone."""
        unit = self.flow * (1 - MARGIN) / UNITS
        return np.minimum(np.ceil(tokens_per_s * (1 + MARGIN) / unit), UNITS).astype(np.int64)

    def costs(self, price: FloatArray) -> FloatArray:
        """Return the price of a machine of each way, spread over its layers."""
        return np.asarray(price[self.type_of] / self.layers)


def cheapest(costs: FloatArray, units: IntArray) -> tuple[FloatArray, IntArray]:
    """Return what covering each number of units costs at least, ``(UNITS + 1,)``, and a way in such a cover."""
    least, way = np.zeros(UNITS + 1), np.zeros(UNITS + 1, dtype=np.int64)
    # What is left after any way is less than where the block begins.
    block = int(units.min())
    for begin in range(1, UNITS + 1, block):
        needed = np.arange(begin, min(begin + block, UNITS + 1))
        with_each = costs + least[np.maximum(needed[:, None] - units, 0)]
        way[needed] = with_each.argmin(axis=1)
        least[needed] = with_each.min(axis=1)
    return least, way


def prices(ways: Ways, required: Sequence[BoolArray]) -> tuple[float, FloatArray]:
    """Return prices of machines at which every cover costs at least 1, and what all machines cost then: the least.

    Only covers count in which there is a way of each of the ``required`` sets (two at most). Every layer is held by a
    cover, so all machines together cost at least 1 per layer; covers are added to the program while one is too cheap.
    """
    solver = pywraplp.Solver.CreateSolver("GLOP")
    mu = [solver.NumVar(0, solver.infinity(), "") for _ in ways.count]
    solver.Minimize(sum(int(n) * each for n, each in zip(ways.count, mu, strict=True)))
    units = ways.units(ways.tokens_per_s)
    while True:
        status = solver.Solve()
        assert status == solver.OPTIMAL, status
        price = np.array([max(each.solution_value(), 0.0) for each in mu])
        costs = ways.costs(price)
        cost, cover = _cheapest_cover(costs, units, required)
        if cost >= 1 - ENOUGH:
            return float(ways.count @ price) / cost, price / cost
        row = solver.Constraint(1, solver.infinity())
        used = np.bincount(ways.type_of[cover], 1 / ways.layers[cover], len(mu))
        for each, share in zip(mu, used, strict=True):
            row.SetCoefficient(each, float(share))


def _cheapest_cover(costs: FloatArray, units: IntArray, required: Sequence[BoolArray]) -> tuple[float, list[int]]:
    """Return the least cost of a cover with a way of each set, and the ways in it, each as often as it is there."""
    least, way = cheapest(costs, units)
    first, second = [np.flatnonzero(each) for each in required] + [np.array([-1])] * (2 - len(required))
    # A set that is not required is one way that costs nothing and covers nothing.
    free, none = np.append(costs, 0.0), np.append(units, 0)
    left = np.maximum(UNITS - none[first][:, None] - none[second], 0)
    total = free[first][:, None] + free[second] + least[left]
    a, b = np.unravel_index(total.argmin(), total.shape)
    cover = [int(i) for i in (first[a], second[b]) if i >= 0]
    needed = int(left[a, b])
    while needed > 0:
        cover.append(int(way[needed]))
        needed -= int(units[way[needed]])
    return float(total[a, b]), cover
