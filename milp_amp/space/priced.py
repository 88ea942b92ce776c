"""Shortest paths of a chain under prices on its resources: the bound of a cell of placements.

With prices ``λ >= 0`` on the resources, ceilings ``W₂`` on the stations and ``S₂`` on synchronisations,

    P(λ) = min { Σ busy + Σ link + Σ λ · usage } − λ · capacity   over paths that ignore the capacity

is a lower bound of ``Σ busy + Σ link`` of every plan below the ceilings (Lagrange: a plan's usage is at most the
capacity). It is concave in λ; a subgradient is the cheapest path's usage less the capacity. The same passes give, for every
place and boundary, the least priced seconds before it and after it, which complete labels and eliminate places.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays, arrays
from milp_amp.space.boxes import Box
from milp_amp.space.chain import Chain
from milp_amp.space.compiled import compiled

BISECTIONS = 30
"""Halvings that find the least bottleneck of a chain; what is left of the range does not matter for a bound."""

STALLED = 5
"""Steps without a better bound after which the step length is halved."""


@dataclass(frozen=True, eq=False)
class Passes:
    """Least priced seconds before and after a stage.

    Attributes
    ----------
    before
        ``(L + 1, K)``: of the layers ``[0, i)`` where the next stage is on ``k``, the link to it included.
    until
        ``(L + 1, K)``: of the layers ``[0, j)`` where the last of their stages is on ``k``.
    after
        ``(L + 1, K)``: of the layers ``[j, L)`` where the stage before is on ``k``, the link from it included.
    """

    before: FloatArray
    until: FloatArray
    after: FloatArray


class PricedPaths:
    """The shortest paths of one chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        shape = (chain.num_layers + 1, chain.num_places)
        self._passes = Passes(*(np.full(shape, math.inf) for _ in range(3)))
        self._through = np.empty(chain.num_places)
        self.arrays = arrays(chain)
        self.least_update = float(chain.update.min())

    def bound(self, box: Box, seconds: float) -> float:
        """Return the least step time of the plans in a box whose ``Σ busy + Σ link`` is at least ``seconds``."""
        return box.bound(seconds, self.chain.weight) + self.least_update

    def price(self, prices: FloatArray, box: Box) -> float:
        """Return ``P(λ)`` under the ceilings of a box; ``inf`` where no path lies under them."""
        _before(*self._under(box), prices @ self.chain.usage.T, self._passes.before, self._passes.until)
        return float(self._passes.until[-1].min()) - float(prices @ self.chain.capacity)

    def usage(self, prices: FloatArray, box: Box) -> FloatArray:
        """Return what the cheapest path of the last ``price`` uses of every resource ``(R,)``."""
        used = np.zeros(len(self.chain.capacity))
        _usage(*self._under(box), self._passes.before, self._passes.until, used)
        return used

    def passes(self, prices: FloatArray, box: Box) -> Passes:
        """Return the least priced seconds before and after every stage; the arrays are used again by the next call."""
        self.price(prices, box)
        _after(*self._under(box), prices @ self.chain.usage.T, self._passes.after)
        return self._passes

    def through(self, prices: FloatArray, box: Box) -> FloatArray:
        """Return a lower bound of the step time of the plans in a box that use a place ``(K,)``."""
        passes = self.passes(prices, box)
        _through(*self._under(box), prices @ self.chain.usage.T, passes.before, passes.after, self._through)
        return self._through + (self.bound(box, 0.0) - float(prices @ self.chain.capacity))

    def improve(self, prices: FloatArray, box: Box, enough: float, steps: int) -> tuple[float, FloatArray]:
        """Raise ``P`` by subgradient steps; return the best value found as a step time, with its prices.

        Parameters
        ----------
        enough
            Step time in seconds at which the cell is pruned; steps aim at it (Polyak), and stop there.
        """
        capacity = self.chain.capacity
        best, best_prices = -math.inf, prices
        length, stalled = 1.0, 0
        for _ in range(steps):
            value = self.price(prices, box)
            if math.isinf(value):
                return math.inf, prices
            step_time = self.bound(box, value)
            if step_time > best:
                best, best_prices, stalled = step_time, prices, 0
            else:
                stalled += 1
                if stalled == STALLED:
                    length, stalled = 0.5 * length, 0
            slope = self.usage(prices, box) - capacity
            active = np.where((prices > 0) | (slope > 0), slope, 0.0)
            steepness = float(active @ active)
            if best >= enough or steepness == 0.0:
                break
            aim = enough if math.isfinite(enough) else 1.1 * step_time
            prices = np.maximum(0.0, prices + length * max(aim - step_time, 1e-3 * aim) / steepness * slope)
        return best, best_prices

    def least_bottleneck(self) -> float:
        """Return seconds that no plan's bottleneck lies below: the least ceiling under which a path exists at all."""
        return self._least(lambda ceiling: Box(bottleneck=ceiling), float(_finite_max(self.chain.seconds)))

    def least_synchronisation(self) -> float:
        """Return seconds that no plan's slowest synchronisation lies below."""
        chain = self.chain
        slowest = float(_finite_max(chain.synchronisation)) * float(_finite_max(chain.synchronisation_rate))
        return self._least(lambda ceiling: Box(synchronisation=ceiling), slowest)

    def _least(self, box: Any, high: float) -> float:
        nothing = np.zeros(len(self.chain.capacity))
        low = 0.0
        if high == 0.0 or math.isfinite(self.price(nothing, box(0.0))):
            return 0.0
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            if math.isfinite(self.price(nothing, box(middle))):
                high = middle
            else:
                low = middle
        return low

    def _under(self, box: Box) -> tuple[Arrays, float, float]:
        return self.arrays, box.bottleneck, box.synchronisation


def _finite_max(values: FloatArray) -> float:
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


@compiled
def _fits(c: Arrays, ceiling: float, slowest: float, i: int, j: int, k: int) -> bool:
    """Whether a stage can lie under the ceilings, as far as it is known without its neighbours."""
    busy = c.seconds[c.seconds_row[k], i, j] + c.sent[k, j] + c.returned[k, i]
    if j == c.seconds.shape[1]:
        busy += c.returned[k, i]
    return bool(
        busy <= ceiling
        and c.most_stages[c.most_stages_row[k], i, j] > 0
        and c.synchronisation_rate[k] * c.synchronisation[c.synchronisation_row[k], i, j] <= slowest
    )


@compiled
def _before(
    c: Arrays,
    ceiling: float,
    slowest: float,
    fare: Any,
    before: Any,
    until: Any,
) -> None:
    """Fill ``before`` and ``until`` from the first layer on; ``fare[k]`` is the price of a stage on ``k``."""
    places, layers = len(fare), c.seconds.shape[1]
    before[0, :] = 0.0
    for j in range(1, layers + 1):
        for k in range(places):
            best = np.inf
            row = c.seconds_row[k]
            for i in range(j):
                value = before[i, k] + c.seconds[row, i, j]
                if value < best and _fits(c, ceiling, slowest, i, j, k):
                    best = value
            until[j, k] = best + fare[k]
        if j == layers:
            return
        before[j, :] = np.inf
        for k in range(places):
            if until[j, k] == np.inf:
                continue
            z, amount = c.size[k, j], c.volume[k, j]
            for l in range(places):  # noqa: E741
                link = (c.forward[z, k, l] + c.backward[z, k, l]) * amount + c.latency[k, l]
                value = until[j, k] + link
                if value < before[j, l] and (link <= ceiling or not c.links_are_stations):
                    before[j, l] = value


@compiled
def _after(
    c: Arrays,
    ceiling: float,
    slowest: float,
    fare: Any,
    after: Any,
) -> None:
    """Fill ``after`` from the last layer on."""
    places, layers = len(fare), c.seconds.shape[1]
    after[layers, :] = 0.0
    onwards = np.empty(places)
    for i in range(layers - 1, 0, -1):
        for k in range(places):
            best = np.inf
            row = c.seconds_row[k]
            for j in range(i + 1, layers + 1):
                value = after[j, k] + c.seconds[row, i, j]
                if value < best and _fits(c, ceiling, slowest, i, j, k):
                    best = value
            onwards[k] = best + fare[k]
        for k in range(places):
            best = np.inf
            z, amount = c.size[k, i], c.volume[k, i]
            for l in range(places):  # noqa: E741
                link = (c.forward[z, k, l] + c.backward[z, k, l]) * amount + c.latency[k, l]
                value = onwards[l] + link
                if value < best and (link <= ceiling or not c.links_are_stations):
                    best = value
            after[i, k] = best


@compiled
def _through(
    c: Arrays,
    ceiling: float,
    slowest: float,
    fare: Any,
    before: Any,
    after: Any,
    through: Any,
) -> None:
    """Fill ``through[k]`` with the least priced seconds of a path that has a stage on ``k``."""
    places, layers = len(fare), c.seconds.shape[1]
    for k in range(places):
        best = np.inf
        row = c.seconds_row[k]
        for i in range(layers):
            for j in range(i + 1, layers + 1):
                value = before[i, k] + c.seconds[row, i, j] + after[j, k]
                if value < best and _fits(c, ceiling, slowest, i, j, k):
                    best = value
        through[k] = best + fare[k]


@compiled
def _usage(
    c: Arrays,
    ceiling: float,
    slowest: float,
    before: Any,
    until: Any,
    used: Any,
) -> None:
    """Walk the cheapest path of ``_before`` back and add up what it uses."""
    places, layers = c.usage.shape[0], c.seconds.shape[1]
    j, k = layers, int(np.argmin(until[layers]))
    while True:
        used += c.usage[k]
        best, start = np.inf, 0
        for i in range(j):
            value = before[i, k] + c.seconds[c.seconds_row[k], i, j]
            if value < best and _fits(c, ceiling, slowest, i, j, k):
                best, start = value, i
        j = start
        if j == 0:
            return
        best, nearest = np.inf, 0
        for l in range(places):  # noqa: E741
            z = c.size[l, j]
            link = (c.forward[z, l, k] + c.backward[z, l, k]) * c.volume[l, j] + c.latency[l, k]
            value = until[j, l] + link
            if value < best and (link <= ceiling or not c.links_are_stations):
                best, nearest = value, l
        k = nearest
