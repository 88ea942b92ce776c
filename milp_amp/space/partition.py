"""The best boundaries for stages on given places, exactly.

With the places of all stages known, a plan is a partition of the layers, and

    P(W, S) = min Σ_s [busy(s) + link(s) + dues(s)]   over partitions whose stations are <= W and rings <= S

is a shortest path over (stage, boundary). Boxes of W and S (``space.boxes``) are closed one by one, as everywhere. The
dues are what bytes cost in money, over the rent of all stages, so that the least price is found as the least time is.
The update, a maximum of its own under the ``sailor`` cost model, is left aside and paid at the end.
"""

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.bill import Bill, rents_alone
from milp_amp.space.boxes import Box, rest_of
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.compiled import compiled
from milp_amp.space.labels import PlacedStage
from milp_amp.space.terms import FREE, Terms

MANY_STAGES = 4
"""Stages from which on the first one pays its activation twice, where stages move their own data."""

CLOSE_ENOUGH = 1e-7
"""Relative gap at which a partition counts as the best one."""


@dataclass(frozen=True)
class Partition:
    """Stages, the step time in seconds, and what the plan is worth by the terms: ``inf`` if it breaks them."""

    stages: tuple[PlacedStage, ...]
    step_time: float
    worth: float


class _Tables(NamedTuple):
    """What ``p`` stages cost; ``first``, ``last`` by stage and its first or last boundary ``(p, L + 1)``."""

    seconds: Any
    seconds_row: Any
    most: Any
    most_row: Any
    synchronisation: Any
    synchronisation_row: Any
    rate: Any
    latency: Any
    first: Any
    last: Any
    link: Any
    station: Any
    toll: Any
    ring_toll: Any
    gradient: Any


class _Path(NamedTuple):
    """Boundaries with ``Σ busy + Σ link`` (dues included), the bottleneck and the slowest ring."""

    cuts: IntArray
    seconds: float
    bottleneck: float
    synchronisation: float


class Partitions:
    """The best partitions of one configuration's program, whatever its stages sit on.

    Parameters
    ----------
    bill, terms
        Prices and what is asked for; by default the least step time.
    """

    def __init__(self, chain: Chain, bill: Bill | None = None, terms: Terms = FREE) -> None:
        self.chain = chain
        self.bill = bill or rents_alone(chain, np.zeros(chain.num_places))
        self.terms = terms

    def room(self, most: int) -> FloatArray:
        """Return how many stages there are devices for on one place alone ``(K,)``, ``most`` at most."""
        used = np.maximum(self.chain.usage, 1)
        stages = np.where(self.chain.usage > 0, self.chain.capacity // used, most).min(axis=1)
        return np.asarray(np.minimum(stages, most), dtype=np.float64)

    def hopes(self, stages: FloatArray) -> FloatArray:
        """Return what plans of so many equal stages ``(K,)`` on each place are worth, whatever moves between them.

        ``inf`` where there are not even devices for one; of one stage it is what the plan is worth, but for its update.
        """
        chain = self.chain
        count = np.clip(stages, 1.0, chain.num_layers)
        longest = np.where(np.isfinite(chain.seconds), chain.seconds, 0.0).max(axis=(1, 2))[chain.seconds_row]
        ring = chain.synchronisation_rate * chain.synchronisation[chain.synchronisation_row, 0, -1]
        seconds = longest + chain.weight * longest / count + ring / count
        worth = seconds * self.bill.rent * count if self.terms.by_price else seconds
        return np.where(self.room(1) > 0, worth, math.inf)

    def fits(self, places: Sequence[int]) -> bool:
        """Whether there are devices for stages on all these places, and each can follow the one before."""
        chain, numbers = self.chain, np.asarray(places)
        room = (chain.usage[numbers].sum(axis=0) <= chain.capacity).all()
        return bool(room) and bool(np.isfinite(chain.forward[:, numbers[:-1], numbers[1:]]).any(axis=0).all())

    def best(self, places: Sequence[int], cutoff: float = math.inf, gap: float = CLOSE_ENOUGH) -> Partition | None:
        """Return the best partition for stages on these places, in order; ``None`` where there is none.

        Parameters
        ----------
        cutoff
            Only partitions that are worth less are of interest: others may be returned, or none.
        gap
            By how much another one may be better, relative.
        """
        if len(places) > self.chain.num_layers:
            return None
        numbers = np.asarray(places)
        rent = float(self.bill.rent[numbers].sum())
        if self.terms.by_price and rent > 0:
            cutoff /= rent
        path = self._least(self._tables(numbers), cutoff, gap)
        return None if path is None else self.priced(self._stages(places, path.cuts))

    def priced(self, stages: tuple[PlacedStage, ...]) -> Partition:
        """Return what stages cost, term by term; those that memory has no room for are worth ``inf``."""
        chain, bill, terms = self.chain, self.bill, self.terms
        numbers = np.array([stage.place for stage in stages])
        cuts = np.array([0, *(stage.stop for stage in stages)])
        tables = self._tables(numbers)
        path = _priced(tables, cuts)
        update = chain.update[numbers, cuts[:-1]].max()
        dues = _dues(tables, cuts)
        step_time = path.seconds - dues + chain.weight * path.bottleneck + path.synchronisation + float(update)
        rent = float(bill.rent[numbers].sum())
        price = step_time * rent + dues * (rent or 1.0)
        to_end = np.arange(len(stages), 0, -1)
        fits = bool((chain.most_stages[chain.most_stages_row[numbers], cuts[:-1], cuts[1:]] >= to_end).all())
        kept = fits and step_time <= terms.latest and (not terms.priced or price <= terms.budget)
        return Partition(stages, step_time, (price if terms.by_price else step_time) if kept else math.inf)

    def _least(self, tables: _Tables, cutoff: float, gap: float) -> _Path | None:
        """Close boxes of W and S, least bound first."""
        weight, found, count = self.chain.weight, None, itertools.count()
        heap = [(0.0, next(count), Box())]
        best = cutoff
        while heap and heap[0][0] < best * (1 - gap):
            box = heapq.heappop(heap)[2]
            cuts = _shortest(tables, box.bottleneck, box.synchronisation)
            if cuts[-1] < 0:
                continue
            path = _priced(tables, cuts)
            value = path.seconds + weight * path.bottleneck + path.synchronisation
            if value < best or found is None:
                best, found = min(best, value), path
            for bound, rest in rest_of(box, path, weight, best * (1 - gap)):
                heapq.heappush(heap, (bound, next(count), rest))
        return found

    def _stages(self, places: Sequence[int], cuts: IntArray) -> tuple[PlacedStage, ...]:
        return tuple(PlacedStage(int(cuts[s]), int(cuts[s + 1]), int(place)) for s, place in enumerate(places))

    def _tables(self, numbers: IntArray) -> _Tables:
        chain, bill, count = self.chain, self.bill, len(numbers)
        first, last, link, toll = np.zeros((4, count, chain.num_layers + 1))
        rent = float(bill.rent[numbers].sum()) or 1.0
        for s in range(count - 1):
            k, following = numbers[s], numbers[s + 1]
            size, volume = chain.size[k], chain.volume[k]
            forward = chain.forward[size, k, following] * volume
            backward = chain.backward[size, k, following] * volume
            toll[s] = (
                chain.num_microbatches * bill.boundary_bytes * bill.toll[bill.kind[k], bill.kind[following]] / rent
            )
            if chain.links_are_stations:
                link[s] = forward + backward + chain.latency[k, following]
                continue
            last[s] += forward * (2 if s == 0 and count >= MANY_STAGES else 1)
            first[s + 1] += backward * (2 if s + 2 == count else 1)
        return _Tables(
            chain.seconds, chain.seconds_row[numbers], chain.most_stages, chain.most_stages_row[numbers],
            chain.synchronisation, chain.synchronisation_row[numbers], chain.synchronisation_rate[numbers],
            chain.synchronisation_latency[numbers], first, last, link, link * chain.link_share, toll,
            bill.ring[numbers] / rent, bill.gradient_bytes,
        )  # fmt: skip


@compiled
def _shortest(t: _Tables, ceiling: float, slowest: float) -> Any:
    """Return the boundaries of a cheapest partition under two ceilings; the last one is −1 if there is none."""
    seconds, seconds_row, most, most_row = t.seconds, t.seconds_row, t.most, t.most_row
    sync, sync_row, rate, latency = t.synchronisation, t.synchronisation_row, t.rate, t.latency
    first, last, link, station, toll, ring_toll, gradient = (
        t.first, t.last, t.link, t.station, t.toll, t.ring_toll, t.gradient,
    )  # fmt: skip
    count, layers = len(seconds_row), seconds.shape[1]
    value = np.full((count + 1, layers + 1), np.inf)
    came = np.full((count + 1, layers + 1), -1)
    value[0, 0] = 0.0
    for s in range(count):
        row, fit, ring = seconds_row[s], most_row[s], sync_row[s]
        for j in range(s + 1 if s + 1 < count else layers, layers - count + s + 2):
            after = link[s, j] + toll[s, j]
            if station[s, j] > ceiling or not after < np.inf:
                continue
            best, which = np.inf, -1
            for i in range(s, j):
                before = value[s, i]
                if before >= best:
                    continue
                busy = seconds[row, i, j] + first[s, i] + last[s, j]
                if busy > ceiling or most[fit, i, j] < count - s:
                    continue
                if rate[s] * sync[ring, i, j] + latency[s] > slowest:
                    continue
                total = before + busy
                if ring_toll[s] > 0.0:
                    total += ring_toll[s] * gradient[i, j]
                if total < best:
                    best, which = total, i
            value[s + 1, j] = best + after
            came[s + 1, j] = which
    cuts = np.full(count + 1, -1)
    if value[count, layers] < np.inf:
        cuts[count] = layers
        for s in range(count, 0, -1):
            cuts[s - 1] = came[s, cuts[s]]
    return cuts


def _dues(t: _Tables, cuts: IntArray) -> float:
    """Return what bytes cost, over the rent."""
    s = np.arange(len(cuts) - 1)
    return float(t.toll[s, cuts[1:]].sum() + (t.ring_toll * t.gradient[cuts[:-1], cuts[1:]]).sum())


def _priced(t: _Tables, cuts: IntArray) -> _Path:
    s, i, j = np.arange(len(cuts) - 1), cuts[:-1], cuts[1:]
    busy: FloatArray = t.seconds[t.seconds_row, i, j] + t.first[s, i] + t.last[s, j]
    sigma = t.rate * t.synchronisation[t.synchronisation_row, i, j] + t.latency
    once = float(busy.sum() + t.link[s, j].sum()) + _dues(t, cuts)
    return _Path(cuts, once, max(float(busy.max()), float(t.station[s, j].max())), float(sigma.max()))
