"""Shortest paths of a chain under prices on its resources: the bound of a cell of placements.

With prices ``λ >= 0`` on the resources, ceilings ``W₂`` on the stations and ``S₂`` on synchronisations,

    P(λ) = min { Σ busy + Σ link + Σ λ · usage } − λ · capacity   over paths that ignore the capacity

is a lower bound of ``Σ busy + Σ link`` of every plan below the ceilings (Lagrange: a plan's usage is at most the
capacity); ``space.dual`` looks for the prices that raise it most. The same sweeps give, for every place and boundary,
the least priced seconds before it and after it, which complete labels and eliminate places.

Where memory allows a stage only few stages after it, the sweeps count them (``space.sweeps``): stages that hold many
layers can lie late only, and paths that have them early are no plans.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays, arrays, least_of_kind
from milp_amp.space.boxes import Box
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.sweeps import Under, allow, backwards, forwards, least_maximum, survey_links, survey_stages, walk

MOST_WORK = 1e10
"""Steps of a sweep above which stages to the end are not counted."""

LATEST = 4
"""Boxes whose stages are kept: every cell asks for its own again and again, and for no others."""

MOST_KEPT = 100_000_000
"""What a sweep may keep, in numbers: 800 MB, thrice."""

MOST_LINKS = 3_000_000
"""Links over all boundaries above which they are not surveyed."""

ROUNDING = 1e-12
"""Relative distance by which a side of a box is kept from what it was fitted to: sums are rounded."""


@dataclass(frozen=True, eq=False)
class Passes:
    """Least priced seconds before and after a stage; the next sweep, of any paths, uses the arrays again.

    Attributes
    ----------
    before
        ``(N, K, L + 1)``: of the layers ``[0, i)`` where the next stage is on ``k``, the link to it included, and at
        level ``n`` that many stages hold the layers ``[i, L)``.
    until
        ``(N, K, L + 1)``: of the layers ``[0, j)`` where the last of their stages is on ``k``, likewise.
    after
        ``(N, K, L + 1)``: of the layers ``[j, L)`` where the stage before is on ``k``, the link from it included, and
        that many stages hold them.
    """

    before: FloatArray
    until: FloatArray
    after: FloatArray

    @property
    def least(self) -> "Passes":
        """The same with the least of all levels ``(K, L + 1)``."""
        return Passes(self.before.min(axis=0), self.until.min(axis=0), self.after.min(axis=0))


@dataclass(frozen=True, eq=False)
class CheapestPath:
    """A path: what it uses ``(R,)``, its bottleneck and its slowest synchronisation in seconds."""

    used: FloatArray
    bottleneck: float
    synchronisation: float


@dataclass(frozen=True, eq=False)
class Survey:
    """What plans can use.

    Attributes
    ----------
    through
        ``(K,)``: a lower bound in seconds of those on every place.
    synchronised
        ``(K,)``: what their stages there synchronise at least, as the chain counts it.
    box
        Holds all of them.
    """

    through: FloatArray
    synchronised: FloatArray
    box: Box


class PricedPaths:
    """The shortest paths of one chain, with as many levels as stages are to be counted."""

    def __init__(self, chain: Chain, levels: int = 1) -> None:
        self.chain = chain
        self.levels = levels
        self.arrays = arrays(chain)
        self.least_update = float(chain.update.min())
        self.worst = _worst(chain)
        self._onward = np.full((self.arrays.latency.shape[1], chain.num_layers + 1), math.inf)
        self.kinds = {slow: _kinds(self.arrays, slow) for slow in (False, True)}

    def bound(self, box: Box, seconds: float) -> float:
        """Return the least step time of the plans in a box whose ``Σ busy + Σ link`` is at least ``seconds``."""
        return box.bound(seconds, self.chain.weight) + self.least_update

    def finest(self, box: Box) -> "PricedPaths":
        """Return the same paths with their stages counted; these where memory does not ask, or it takes long."""
        counted = self._counted
        if counted is None:
            return self
        under, (senders, receivers) = self._under(box), self.arrays.latency.shape
        allowed = np.count_nonzero(under.most, axis=(1, 2))[under.row].sum()
        work = counted.levels * (allowed + self.chain.num_layers * senders * receivers)
        return counted if work <= MOST_WORK else self

    @cached_property
    def _counted(self) -> "PricedPaths | None":
        if self.levels > 1:
            return None
        chain = self.chain
        most = chain.most_stages[chain.most_stages > 0]
        asked = len(chain.capacity) - chain.implied
        usage = chain.usage[:, :asked].sum(axis=1)
        longest = chain.num_layers
        if (usage > 0).all():
            longest = min(longest, int(chain.capacity[:asked].sum() // usage.min()))
        binding = most[most < longest]
        if not len(binding):
            return None
        levels = int(binding.max()) + 1
        return PricedPaths(chain, levels) if levels * chain.num_places * chain.num_layers <= MOST_KEPT else None

    def price(self, prices: FloatArray, box: Box) -> float:
        """Return ``P(λ)`` under the ceilings of a box; ``inf`` where no path lies under them."""
        forwards(self.arrays, self._under(box), self._fare(prices), *self._forward)
        return float(self._passes.until[0, :, -1].min()) - float(prices @ self.chain.capacity)

    def cheapest(self, prices: FloatArray, box: Box) -> CheapestPath:
        """Return the cheapest path of the last ``price``."""
        used = np.zeros(len(self.chain.capacity))
        usage = self.chain.usage_under(prices)
        bottleneck, slowest = walk(self.arrays, usage, self._under(box), *self._forward, used)
        return CheapestPath(used, bottleneck, slowest)

    def passes(self, prices: FloatArray, box: Box) -> Passes:
        """Return the least priced seconds before and after every stage; the next call uses the arrays again."""
        self.price(prices, box)
        backwards(self.arrays, self._under(box), self._fare(prices), self._passes.after, self._onward)
        return self._passes

    def through(self, prices: FloatArray, box: Box) -> FloatArray:
        """Return a lower bound of the step time of the plans in a box that use a place ``(K,)``."""
        return self.survey(prices, box, math.inf).through

    def survey(self, prices: FloatArray, box: Box, cutoff: float) -> Survey:
        """Return what the plans of a box below the cutoff can use, and the smallest box that holds them."""
        if (finest := self.finest(box)) is not self:
            return finest.survey(prices, box, cutoff)
        passes, under, chain = self.passes(prices, box), self._under(box), self.chain
        base = self.bound(box, 0.0) - float(prices @ chain.capacity)
        floors = np.array([box.bottleneck_floor, box.synchronisation_floor]) * (1 - ROUNDING)
        through, least = np.empty((2, chain.num_places))
        sides = np.array([math.inf, -math.inf] * 2)
        survey_stages(
            self.arrays, under, self._fare(prices), passes.before, passes.after, cutoff - base, floors, through,
            least, sides,
        )  # fmt: skip
        senders, receivers = self.arrays.latency.shape
        if chain.links_are_stations and senders * receivers * chain.num_layers <= MOST_LINKS:
            until = least_of_kind(passes.until.min(axis=0), self.arrays.link_row, senders)
            survey_links(self.arrays, until, self._onward, box.bottleneck, cutoff - base, floors[0], sides)
        elif chain.link_share > 0.0:
            sides[:2] = box.bottleneck_floor, box.bottleneck
        return Survey(through + base, least, _within(box, sides))

    def least_bottleneck(self) -> float:
        """Return seconds that no plan's bottleneck lies below: the least over all paths, which ignore the capacity."""
        under = self._under(Box())
        return float(least_maximum(self.arrays, under.seconds, under.row, self.chain.links_are_stations))

    def least_synchronisation(self) -> float:
        """Return seconds that no plan's slowest synchronisation lies below."""
        kinds, row = self.kinds[True]
        under = self._under(Box())
        sigma = np.where(np.isfinite(under.seconds[under.row[kinds]]), _synchronisation(self.arrays, kinds), np.inf)
        return float(least_maximum(self.arrays, sigma, row, False))

    @property
    def _forward(self) -> tuple[FloatArray, FloatArray]:
        return self._passes.before, self._passes.until

    def _fare(self, prices: FloatArray) -> FloatArray:
        fare: FloatArray = self.chain.usage_under(prices) @ prices
        return fare

    @property
    def _passes(self) -> Passes:
        return _scratch(self.levels, self.chain.num_places, self.chain.num_layers + 1)

    def _under(self, box: Box) -> Under:
        """Return the stages below the ceilings of a box."""
        return _under(self, box.bottleneck, box.synchronisation)


@lru_cache(maxsize=LATEST)
def _under(paths: PricedPaths, ceiling: float, slowest: float) -> Under:
    kinds, row = paths.kinds[math.isfinite(slowest)]
    boundaries = paths.chain.num_layers + 1
    under = Under(
        seconds=np.full((len(kinds), boundaries, boundaries), math.inf),
        most=np.zeros((len(kinds), boundaries, boundaries), np.int16),
        row=row,
        first=np.empty((len(kinds), boundaries), np.int64),
        last=np.empty((len(kinds), boundaries), np.int64),
        fewest=np.empty(boundaries, np.int64),
        ceiling=ceiling,
    )
    allow(paths.arrays, kinds, ceiling, slowest, under)
    return under


_SCRATCH: list[FloatArray] = []


def _scratch(*shape: int) -> Passes:
    """Return arrays that the next sweep of any paths uses again: programs with many levels would fill the memory."""
    size = math.prod(shape)
    if not _SCRATCH or _SCRATCH[0].size < size:
        _SCRATCH[:] = [np.empty(size) for _ in range(3)]
    before, until, after = (array[:size].reshape(shape) for array in _SCRATCH)
    return Passes(before, until, after)


def _within(box: Box, sides: FloatArray) -> Box:
    """Return the part of a box between the least and the largest τ or κ, and σ; times of equal stages differ a little.

    A floor that nothing reaches leaves no plan.
    """
    least, most, first, last = sides.tolist()
    return Box(
        max(box.bottleneck_floor, least * (1 - ROUNDING)),
        min(box.bottleneck, most * (1 + ROUNDING)),
        max(box.synchronisation_floor, first * (1 - ROUNDING)),
        min(box.synchronisation, last * (1 + ROUNDING)),
    )


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
