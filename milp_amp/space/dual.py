"""The prices that raise the bound of a box most: cutting planes in a trust region.

``P(λ)`` (``space.priced``) is the least of linear functions, one for every path: ``cost − λ · (capacity − used)``. The
paths met so far are a model that lies above it. Its maximum in a box around the best prices, a small linear program,
is asked next; where the model was right the region grows, where it was wrong it shrinks. Cells inherit the paths of
the cell they were cut from, as far as these lie under their ceilings.

Whatever the program answers, a bound is what the sweeps say: a solver that fails costs steps, never truth.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.boxes import Box
from milp_amp.space.chain import IntArray
from milp_amp.space.priced import CheapestPath, PricedPaths

REGION = 0.25
"""What the first trust region is worth, over the gap to close, at the price of every resource's capacity."""

GROWS, SHRINKS, RIGHT = 2.0, 0.6, 0.1
"""Factors of the region, and the share of the promised gain from which on the model was right."""

WORTH = 0.05
"""Share of the gap to close that a step has to promise where the gap cannot be closed."""

MOST_CUTS = 60
"""Paths that a cell inherits."""


@dataclass(frozen=True, eq=False)
class Cuts:
    """Paths as linear functions of the prices.

    Attributes
    ----------
    cost, used, bottleneck, synchronisation
        ``(n,)``, ``(n, R)``, ``(n,)``, ``(n,)``: ``Σ busy + Σ link``, what they use, and under which ceilings they lie.
    """

    cost: FloatArray
    used: FloatArray
    bottleneck: FloatArray
    synchronisation: FloatArray

    def under(self, box: Box) -> "Cuts":
        """Return the latest of those under the ceilings of a box."""
        below = (self.bottleneck <= box.bottleneck) & (self.synchronisation <= box.synchronisation)
        chosen = np.flatnonzero(below)[-MOST_CUTS:]
        return Cuts(self.cost[chosen], self.used[chosen], self.bottleneck[chosen], self.synchronisation[chosen])

    def joined(self, cost: float, path: CheapestPath) -> "Cuts":
        """Return these and one more."""
        return Cuts(
            np.append(self.cost, cost),
            np.vstack([self.used, path.used]),
            np.append(self.bottleneck, path.bottleneck),
            np.append(self.synchronisation, path.synchronisation),
        )


@dataclass(frozen=True, eq=False)
class Dual:
    """What is known of a box: prices ``(R,)``, the step time in seconds that they prove, and paths.

    ``finer`` is the same for the sweeps that count stages, where there are such.
    """

    value: float
    prices: FloatArray
    cuts: Cuts
    finer: "Dual | None" = None

    def least_synchronisation(self, box: Box) -> float:
        """Return the least slowest synchronisation of the paths under a box's ceilings, no less than its floor."""
        slowest = (self.finer or self).cuts.under(box).synchronisation
        return max(box.synchronisation_floor, float(slowest.min())) if len(slowest) else box.synchronisation_floor


def start(paths: PricedPaths) -> Dual:
    """Return prices of zero, which prove nothing yet."""
    none, resources = np.zeros(0), len(paths.chain.capacity)
    return Dual(-math.inf, np.zeros(resources), Cuts(none, np.zeros((0, resources)), none, none))


def improve(paths: PricedPaths, dual: Dual, box: Box, enough: float, steps: int) -> Dual:
    """Raise the bound of a box, first by the fast sweeps; its value is ``inf`` where no path lies under its ceilings.

    Parameters
    ----------
    dual
        Prices to begin with, and paths that may help; its value is not used.
    enough
        Step time in seconds at which the box is pruned: steps end there, and soon where they cannot reach it.
    """
    fast = _improve(paths, dual, box, enough, steps)
    if fast.value >= enough or (finest := paths.finest(box)) is paths:
        return replace(fast, finer=dual.finer)
    known = dual.finer or replace(start(paths), prices=fast.prices)
    finer = _improve(finest, known, box, enough, steps)
    if finer.value < fast.value:  # a bound of one is a bound of the other
        finer = replace(finer, value=fast.value)
    return replace(finer, cuts=fast.cuts, finer=finer)


def _improve(paths: PricedPaths, dual: Dual, box: Box, enough: float, steps: int) -> Dual:
    capacity = paths.chain.capacity
    cuts, prices, radius = dual.cuts.under(box), dual.prices, np.zeros(len(capacity))
    best = Dual(-math.inf, prices, cuts)
    model: _Model | None = None
    promised = math.inf
    for _ in range(steps):
        priced = paths.price(prices, box)
        if math.isinf(priced):
            return Dual(math.inf, prices, cuts)
        value = paths.bound(box, priced)
        if value >= enough:
            return Dual(value, prices, cuts)
        path = paths.cheapest(prices, box)
        cost = priced - float(prices @ (path.used - capacity))
        cuts = cuts.joined(cost, path)
        if model is None:
            model, radius = _Model(cuts, capacity), REGION * min(enough - value, abs(value)) / np.maximum(capacity, 1)
        else:
            model.add(cost, path.used)
            radius = radius * (GROWS if value >= best.value + RIGHT * max(0.0, promised - best.value) else SHRINKS)
        if value > best.value:
            best = Dual(value, prices, cuts)
        least, most = np.maximum(0.0, best.prices - radius), best.prices + radius
        prices, seconds = model.best(least, most)
        promised = paths.bound(box, seconds)
        inside = ((prices > least) | (least == 0.0)).all() and (prices < most).all()
        worth = WORTH * (enough - best.value) if inside and promised < enough else 0.0
        if not promised - best.value > worth:
            break
    return replace(best, cuts=cuts)


class _Model:
    """``max θ`` under ``θ <= cost + λ · (used − capacity)`` for every path; prices count capacities, times ``unit``."""

    def __init__(self, cuts: Cuts, capacity: IntArray) -> None:
        self._capacity, self._count = capacity, len(capacity)
        self._unit = max(float(np.abs(cuts.cost).max()), math.ulp(1.0))
        self._scale = np.maximum(capacity, 1) / self._unit
        self._highs: Any = highspy.Highs()
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("presolve", "off")
        for _ in capacity:
            self._highs.addVar(0.0, 0.0)
        self._highs.addVar(-highspy.kHighsInf, highspy.kHighsInf)
        self._highs.changeColCost(self._count, -1.0)
        for cost, used in zip(cuts.cost, cuts.used, strict=True):
            self.add(float(cost), used)

    def add(self, cost: float, used: FloatArray) -> None:
        """Add a path."""
        slope = np.append((self._capacity - used) / np.maximum(self._capacity, 1), 1.0)
        indices = np.arange(self._count + 1, dtype=np.int32)
        self._highs.addRow(-highspy.kHighsInf, cost / self._unit, self._count + 1, indices, slope)

    def best(self, least: FloatArray, most: FloatArray) -> tuple[FloatArray, float]:
        """Return the best prices ``(R,)`` between two and what the model says of them; ``-inf`` if the solver fails."""
        indices = np.arange(self._count, dtype=np.int32)
        self._highs.changeColsBounds(self._count, indices, least * self._scale, most * self._scale)
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return least, -math.inf
        solution = np.array(self._highs.getSolution().col_value)
        prices: FloatArray = np.clip(solution[:-1] / self._scale, least, most)
        return prices, float(solution[-1]) * self._unit
