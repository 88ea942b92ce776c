"""Shortest paths of a chain under prices on its resources: the bound of a cell of placements.

With prices ``λ >= 0`` on the resources, ceilings ``W₂`` on the stations and ``S₂`` on synchronisations,

    P(λ) = min { Σ busy + Σ link + Σ λ · usage } − λ · capacity   over paths that ignore the capacity

is a lower bound of ``Σ busy + Σ link`` of every plan below the ceilings (Lagrange: a plan's usage is at most the
capacity). It is concave in λ; a subgradient is the cheapest path's usage less the capacity. The same passes give, for
every place and boundary, the least priced seconds before it and after it, which complete labels and eliminate places.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays, arrays
from milp_amp.space.boxes import Box
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.compiled import compiled, inlined
from milp_amp.space.sorting import order

AIM = 1.1
"""What a step aims at, over the bound so far: the incumbent may lie far above, and steps to it would be too long."""

SENDERS_AT_ONCE = 16
"""Senders, nearest first, after which it is asked whether the others can matter."""

STALLED = 5
"""Steps without a better bound after which the step length is halved."""


@dataclass(frozen=True, eq=False)
class Passes:
    """Least priced seconds before and after a stage.

    Attributes
    ----------
    before
        ``(K, L + 1)``: of the layers ``[0, i)`` where the next stage is on ``k``, the link to it included.
    until
        ``(K, L + 1)``: of the layers ``[0, j)`` where the last of their stages is on ``k``.
    after
        ``(K, L + 1)``: of the layers ``[j, L)`` where the stage before is on ``k``, the link from it included.
    """

    before: FloatArray
    until: FloatArray
    after: FloatArray


@dataclass(frozen=True, eq=False)
class _Under:
    """The stages below the ceilings of a box.

    ``seconds`` is ``(rows, L + 1, L + 1)``: of the interval ``[i, j)`` at ``[row, j, i]``, ``inf`` where it is not
    below; ``row`` says which of them a place reads.
    """

    seconds: FloatArray
    row: IntArray
    ceiling: float


class PricedPaths:
    """The shortest paths of one chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.arrays = arrays(chain)
        self.least_update = float(chain.update.min())
        self.worst = _worst(chain)
        shape = (chain.num_places, chain.num_layers + 1)
        self._passes = Passes(*(np.full(shape, math.inf) for _ in range(3)))
        self._kinds = {slow: _kinds(self.arrays, slow) for slow in (False, True)}
        self._last: tuple[Box, _Under] | None = None

    def bound(self, box: Box, seconds: float) -> float:
        """Return the least step time of the plans in a box whose ``Σ busy + Σ link`` is at least ``seconds``."""
        return box.bound(seconds, self.chain.weight) + self.least_update

    def price(self, prices: FloatArray, box: Box) -> float:
        """Return ``P(λ)`` under the ceilings of a box; ``inf`` where no path lies under them."""
        under = self._under(box)
        _before(self.arrays, under.seconds, under.row, under.ceiling, self._fare(prices), *self._forward)
        return float(self._passes.until[:, -1].min()) - float(prices @ self.chain.capacity)

    def usage(self, prices: FloatArray, box: Box) -> FloatArray:
        """Return what the cheapest path of the last ``price`` uses of every resource ``(R,)``."""
        used = np.zeros(len(self.chain.capacity))
        under = self._under(box)
        usage = self.chain.usage_under(prices)
        _usage(self.arrays, usage, under.seconds, under.row, under.ceiling, *self._forward, used)
        return used

    def passes(self, prices: FloatArray, box: Box) -> Passes:
        """Return the least priced seconds before and after every stage; the next call uses the arrays again."""
        self.price(prices, box)
        under = self._under(box)
        _after(self.arrays, under.seconds, under.row, under.ceiling, self._fare(prices), self._passes.after)
        return self._passes

    def through(self, prices: FloatArray, box: Box) -> FloatArray:
        """Return a lower bound of the step time of the plans in a box that use a place ``(K,)``."""
        passes, under = self.passes(prices, box), self._under(box)
        through = _through(under.seconds, under.row, self._fare(prices), passes.before, passes.after)
        return np.asarray(through) + (self.bound(box, 0.0) - float(prices @ self.chain.capacity))

    def improve(self, prices: FloatArray, box: Box, enough: float, steps: int) -> tuple[float, FloatArray]:
        """Raise ``P`` by subgradient steps; return the best value found as a step time, with its prices.

        Parameters
        ----------
        enough
            Step time in seconds at which the cell is pruned: steps stop there, and aim no higher (Polyak).
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
            aim = min(enough, AIM * step_time)
            prices = np.maximum(0.0, prices + length * max(aim - step_time, 1e-3 * aim) / steepness * slope)
        return best, best_prices

    def least_bottleneck(self) -> float:
        """Return seconds that no plan's bottleneck lies below: the least over all paths, which ignore the capacity."""
        under = self._under(Box())
        return float(_least_maximum(self.arrays, under.seconds, under.row, self.chain.links_are_stations))

    def least_synchronisation(self) -> float:
        """Return seconds that no plan's slowest synchronisation lies below."""
        kinds, row = self._kinds[True]
        under = self._under(Box())
        sigma = np.where(np.isfinite(under.seconds[under.row[kinds]]), _synchronisation(self.arrays, kinds), np.inf)
        return float(_least_maximum(self.arrays, sigma, row, False))

    @property
    def _forward(self) -> tuple[FloatArray, FloatArray]:
        return self._passes.before, self._passes.until

    def _fare(self, prices: FloatArray) -> FloatArray:
        fare: FloatArray = self.chain.usage_under(prices) @ prices
        return fare

    def _under(self, box: Box) -> _Under:
        """Return the stages below the ceilings; asked for the same box again and again."""
        if self._last is None or self._last[0] is not box:
            limited = math.isfinite(box.synchronisation)
            kinds, row = self._kinds[limited]
            seconds = np.full((len(kinds), self.chain.num_layers + 1, self.chain.num_layers + 1), math.inf)
            _allow(self.arrays, kinds, box.bottleneck, box.synchronisation, seconds)
            self._last = box, _Under(seconds, row, box.bottleneck)
        return self._last[1]


def _worst(chain: Chain) -> float:
    """Return seconds that no plan's step time exceeds: every part of it at its worst, in every layer."""
    slowest = _largest(chain.seconds[:, :, -1]) + _largest(chain.seconds)
    links = (_largest(chain.forward) + _largest(chain.backward)) * _largest(chain.volume) + _largest(chain.latency)
    busy = chain.num_layers * (slowest + 3 * links)
    synchronisation = _largest(chain.synchronisation) * _largest(chain.synchronisation_rate)
    synchronisation += _largest(chain.synchronisation_latency)
    return 2 * (chain.num_microbatches * busy + synchronisation + _largest(chain.update))


def _largest(values: FloatArray) -> float:
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


def _kinds(c: Arrays, slow: bool) -> tuple[IntArray, IntArray]:
    """Return one place of every kind whose stages differ, and every place's kind; σ counts only if ``slow``."""
    keys = [c.seconds_row, c.most_stages_row]
    if slow:
        rates = np.stack([c.synchronisation_rate, c.synchronisation_latency])
        keys += [c.synchronisation_row, np.unique(rates, axis=1, return_inverse=True)[1].reshape(-1)]
    if not c.links_are_stations:
        keys.append(np.arange(len(c.usage)))
    _, first, row = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    return first, row.reshape(-1)


def _synchronisation(c: Arrays, kinds: IntArray) -> FloatArray:
    """Return σ of every interval on one place of every kind ``(kinds, L + 1, L + 1)``, at ``[kind, j, i]``."""
    sigma = c.synchronisation_rate[kinds, None, None] * c.synchronisation[c.synchronisation_row[kinds]]
    sigma = sigma + c.synchronisation_latency[kinds, None, None]
    padded = np.full((len(kinds), sigma.shape[2], sigma.shape[2]), math.inf)
    padded[:, :, :-1] = sigma.transpose(0, 2, 1)
    return padded


@compiled
def _allow(c: Arrays, kinds: Any, ceiling: float, slowest: float, seconds: Any) -> None:
    """Fill ``seconds`` with τ of the stages that can lie under the ceilings, as far as it is known alone.

    Memory has to allow a stage as many stages after it as its last layers need at least.
    """
    table, most, synchronisation = c.seconds, c.most_stages, c.synchronisation
    layers = table.shape[1]
    fewest = np.full(layers + 1, layers + 1)  # stages of the layers from one on
    fewest[layers] = 0
    for i in range(layers - 1, -1, -1):
        for kind in range(len(kinds)):
            k = kinds[kind]
            tau, allowed = table[c.seconds_row[k], i], most[c.most_stages_row[k], i]
            gradients, rate = synchronisation[c.synchronisation_row[k], i], c.synchronisation_rate[k]
            latency, sent, returned = c.synchronisation_latency[k], c.sent[k], c.returned[k, i]
            for j in range(i + 1, layers + 1):
                # What a stage moves itself; the last one returns its gradient twice.
                own = sent[j] + returned * (2.0 if j == layers else 1.0)
                if not (tau[j] + own <= ceiling and rate * gradients[j] + latency <= slowest):
                    continue
                if allowed[j] > fewest[j]:
                    seconds[kind, j, i] = tau[j]
                    fewest[i] = min(fewest[i], 1 + fewest[j])


@inlined
def _ceiling(c: Arrays, ceiling: float) -> float:
    """Return the seconds that a link may take under a ceiling of the stations."""
    return ceiling / c.link_share if c.links_are_stations and c.link_share > 0.0 else np.inf


@compiled
def _before(c: Arrays, seconds: Any, row: Any, ceiling: float, fare: Any, before: Any, until: Any) -> None:
    """Fill ``before`` and ``until`` from the first layer on; ``fare[k]`` is the price of a stage on ``k``."""
    places, layers = len(fare), seconds.shape[1] - 1
    link_row, link_column = c.link_row, c.link_column
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    senders, receivers = latency.shape
    left, reached, most = np.empty(senders), np.empty(receivers), _ceiling(c, ceiling)
    before[:, 0] = 0.0
    for j in range(1, layers + 1):
        left[:] = np.inf
        for k in range(places):
            best, kind = np.inf, row[k]
            for i in range(j):
                best = min(best, before[k, i] + seconds[kind, j, i])
            until[k, j] = best + fare[k]
            left[link_row[k]] = min(left[link_row[k]], until[k, j])
        if j == layers:
            return
        reached[:] = np.inf
        farthest = np.inf
        ranks = order(left)
        for rank in range(senders):
            r = ranks[rank]
            z, amount, begun = size[r, j], volume[r, j], left[r]
            if rank % SENDERS_AT_ONCE == 0:
                if not begun + c.least_link * amount < farthest:
                    break  # nor can those after it bring anything
                farthest = reached.max()
            for s in range(receivers):
                link = both[z, r, s] * amount + latency[r, s]
                reached[s] = min(reached[s], begun + (link if link <= most else np.inf))
        for k in range(places):
            before[k, j] = reached[link_column[k]]


@compiled
def _after(c: Arrays, seconds: Any, row: Any, ceiling: float, fare: Any, after: Any) -> None:
    """Fill ``after`` from the last layer on."""
    places, layers = len(fare), seconds.shape[1] - 1
    link_row, link_column = c.link_row, c.link_column
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    senders, receivers = latency.shape
    left, reached, most = np.empty(senders), np.empty(receivers), _ceiling(c, ceiling)
    after[:, layers] = 0.0
    for i in range(layers - 1, 0, -1):
        reached[:] = np.inf
        for k in range(places):
            best, kind = np.inf, row[k]
            for j in range(i + 1, layers + 1):
                best = min(best, after[k, j] + seconds[kind, j, i])
            reached[link_column[k]] = min(reached[link_column[k]], best + fare[k])
        for r in range(senders):
            z, amount, nearest = size[r, i], volume[r, i], np.inf
            for s in range(receivers):
                link = both[z, r, s] * amount + latency[r, s]
                nearest = min(nearest, reached[s] + (link if link <= most else np.inf))
            left[r] = nearest
        for k in range(places):
            after[k, i] = left[link_row[k]]


@compiled
def _through(seconds: Any, row: Any, fare: Any, before: Any, after: Any) -> Any:
    """Return the least priced seconds of a path that has a stage on a place ``(K,)``."""
    places, layers = len(fare), seconds.shape[1] - 1
    through = np.empty(places)
    for k in range(places):
        best = np.inf
        for j in range(1, layers + 1):
            for i in range(j):
                best = min(best, before[k, i] + seconds[row[k], j, i] + after[k, j])
        through[k] = best + fare[k]
    return through


@compiled
def _usage(
    c: Arrays, usage: Any, seconds: Any, row: Any, ceiling: float, before: Any, until: Any, used: Any
) -> None:  # fmt: skip
    """Walk the cheapest path of ``_before`` back and add up what it uses."""
    places, layers = len(row), seconds.shape[1] - 1
    link_row, link_column, most = c.link_row, c.link_column, _ceiling(c, ceiling)
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    j, k = layers, 0
    for l in range(places):  # noqa: E741
        if until[l, layers] < until[k, layers]:
            k = l
    while True:
        for r in range(len(used)):
            used[r] += usage[k, r]
        best, start = np.inf, 0
        for i in range(j):
            value = before[k, i] + seconds[row[k], j, i]
            if value < best:
                best, start = value, i
        j = start
        if j == 0:
            return
        best, nearest, s = np.inf, 0, link_column[k]
        for l in range(places):  # noqa: E741
            r = link_row[l]
            link = both[size[r, j], r, s] * volume[r, j] + latency[r, s]
            value = until[l, j] + link
            if link <= most and value < best:
                best, nearest = value, l
        k = nearest


@compiled
def _least_maximum(c: Arrays, values: Any, row: Any, stations: bool) -> float:
    """Return the least, over all paths, of the largest value of a stage, or of a link where they are stations."""
    places, layers = len(row), values.shape[1] - 1
    link_row, link_column, share = c.link_row, c.link_column, c.link_share if stations else 0.0
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    senders, receivers = latency.shape
    until, reached = np.empty(senders), np.zeros((receivers, layers + 1))
    least = np.inf
    for j in range(1, layers + 1):
        until[:] = np.inf
        for k in range(places):
            best = np.inf
            for i in range(j):
                best = min(best, max(reached[link_column[k], i], values[row[k], j, i]))
            until[link_row[k]] = min(until[link_row[k]], best)
            if j == layers:
                least = min(least, best)
        if j == layers:
            break
        for s in range(receivers):
            reached[s, j] = np.inf
            for r in range(senders):
                z = size[r, j]
                link = both[z, r, s] * volume[r, j] + latency[r, s]
                if link < np.inf:
                    reached[s, j] = min(reached[s, j], max(until[r], link * share))
    return least
