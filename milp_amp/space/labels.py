"""Exact label setting in a cell of placements.

A label is a suffix of a plan: stages that hold the layers ``[i, L)``, with what they cost, use and delay. Labels grow
from the last layer to the first. A label dies

* when its completion bound reaches the cutoff: its cost, the least priced seconds before it (``priced.Passes``) less
  the prices of what is still free, ``(m − 1)`` times the larger of its own bottleneck and the cell's floor, and
  likewise ``S``, ``U``;
* when another label of the same first layer and place uses no more of anything, has no more stages, and costs no more
  even if it has to pay for its longer bottleneck, synchronisation and update: ``Σ_A + (m − 1) max(0, W_A − W_B) +
  max(0, S_A − S_B) + max(0, U_A − U_B) <= Σ_B``. Whatever completes B then completes A at no higher step time (a
  stage that moves its own data is still open at its first layer: its seconds so far count as W). Where prices matter
  its rent and its tolls are no higher either, so the whole plan is no dearer.

At most ``beam`` labels are kept for every first layer, those with the least bounds. The least bound of the labels
that were dropped is a bound of everything not searched, so a beam gives a plan and a proof, never a wrong claim.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays
from milp_amp.space.bill import Bill, Tariff, tariff
from milp_amp.space.boxes import Box
from milp_amp.space.chain import Chain
from milp_amp.space.compiled import compiled
from milp_amp.space.priced import PricedPaths
from milp_amp.space.terms import FREE, Terms

MAX_LABELS = 1_500_000
"""Labels that one cell may hold: about 150 MB, set aside once."""

CROWD = 4
"""Labels of one first layer and place that are compared, over the beam."""

MOST_WORDS = 8
"""64-bit words that a label's usage may take."""


@dataclass(frozen=True)
class PlacedStage:
    """Layers ``[start, stop)`` on a place of the chain."""

    start: int
    stop: int
    place: int


@dataclass(frozen=True)
class Labelled:
    """What label setting found in a cell.

    Attributes
    ----------
    value
        Step time of the best plan below the cutoff, or what it is worth by the terms; ``inf`` if there is none.
    stages
        Its stages from the first to the last.
    dropped
        Least bound in seconds of what was not searched: every plan of the cell costs at least ``min(value, cutoff,
        dropped)``, or if it is not worth its step time, takes ``dropped`` or is worth no less than ``value``.
    """

    value: float
    stages: tuple[PlacedStage, ...]
    dropped: float


class Usage(NamedTuple):
    """Usage vectors packed into 64-bit words: every resource has a field with one guard bit above it.

    Attributes
    ----------
    words
        ``(K, words)``: what a place uses.
    capacity
        ``(words,)``: the capacity, with the guard bits set.
    guard
        ``(words,)``: the guard bits.
    """

    words: Any
    capacity: Any
    guard: Any


class Store(NamedTuple):
    """Labels in parallel arrays, set aside once and used again by every cell.

    ``cost`` is ``Σ busy + Σ link``; ``open`` what the first stage is busy for so far; ``priced`` the price of what is
    used; ``bound`` the completion bound; ``rent`` and ``tolls`` what is paid in money per second and per step;
    ``stages`` their number; ``parent`` the label that this one was put before; ``kept`` marks labels while they are
    compared.
    """

    cost: FloatArray
    bottleneck: FloatArray
    synchronisation: FloatArray
    update: FloatArray
    open: FloatArray
    priced: FloatArray
    bound: FloatArray
    rent: FloatArray
    tolls: FloatArray
    used: Any
    place: Any
    stages: Any
    start: Any
    parent: Any
    kept: Any


_STORES: dict[int, Store] = {}


def _store() -> Store:
    """Return this process's labels."""
    if MAX_LABELS not in _STORES:
        reals = dict.fromkeys(Store._fields[:9], np.float64)
        arrays: Any = {name: np.empty(MAX_LABELS, kind) for name, kind in reals.items()}
        arrays |= {name: np.empty(MAX_LABELS, np.int32) for name in Store._fields[10:14]}
        used = np.empty((MAX_LABELS, MOST_WORDS), np.uint64)
        _STORES[MAX_LABELS] = Store(used=used, kept=np.zeros(MAX_LABELS, np.bool_), **arrays)
    return _STORES[MAX_LABELS]


def pack(chain: Chain) -> Usage:
    """Return the usage of a chain's places, packed.

    Raises
    ------
    ValueError
        If it needs more than ``MOST_WORDS`` words.
    """
    largest = chain.usage.max(axis=0, initial=0)
    # A label within the capacity and one more stage must not reach the guard bit.
    bits = [max(1, int(c + u).bit_length()) + 1 for c, u in zip(chain.capacity, largest, strict=True)]
    fields = _fields(bits)
    num_words = max((word for word, _ in fields), default=0) + 1
    if num_words > MOST_WORDS:
        raise ValueError(f"{len(bits)} resources need {num_words} words, expected at most {MOST_WORDS}")
    words = np.zeros((chain.num_places, num_words), np.uint64)
    capacity, guard = np.zeros(num_words, np.uint64), np.zeros(num_words, np.uint64)
    for r, ((word, shift), width) in enumerate(zip(fields, bits, strict=True)):
        words[:, word] |= chain.usage[:, r].astype(np.uint64) << np.uint64(shift)
        guard[word] |= np.uint64(1 << (shift + width - 1))
        capacity[word] |= np.uint64(int(chain.capacity[r]) << shift)
    return Usage(words, capacity | guard, guard)


def _fields(bits: list[int]) -> list[tuple[int, int]]:
    """Return word and lowest bit of every field, filling one word after the other."""
    fields, word, shift = [], 0, 0
    for width in bits:
        if shift + width > 64:
            word, shift = word + 1, 0
        fields.append((word, shift))
        shift += width
    return fields


def set_labels(
    paths: PricedPaths, usage: Usage, prices: FloatArray, box: Box, cutoff: float, beam: int, bill: Bill | None = None,
    terms: Terms = FREE,
) -> Labelled:  # fmt: skip
    """Search a cell for the best plan worth less than the cutoff.

    Parameters
    ----------
    prices
        ``(R,)``, any non-negative ones: they only decide how early labels die.
    beam
        Most labels of one first layer.
    bill
        Prices of the places, where the terms ask for them.
    """
    chain = paths.chain
    passes = paths.passes(prices, box)
    store = _store()
    value, end, dropped = _set(
        paths.arrays, usage, store, box.bottleneck_floor, box.bottleneck, box.synchronisation_floor,
        box.synchronisation, paths.least_update, chain.usage @ prices, float(prices @ chain.capacity), passes.before,
        passes.after, terms.seconds(cutoff), beam, tariff(chain, bill, terms, cutoff),
    )  # fmt: skip
    if end < 0:
        return Labelled(math.inf, (), dropped)
    return Labelled(value, _stages(store, end, chain.num_layers), dropped)


def _stages(store: Store, end: int, num_layers: int) -> tuple[PlacedStage, ...]:
    stages = []
    while end >= 0:
        parent = int(store.parent[end])
        stop = int(store.start[parent]) if parent >= 0 else num_layers
        stages.append(PlacedStage(int(store.start[end]), stop, int(store.place[end])))
        end = parent
    return tuple(stages)


@compiled
def _copy(s: Store, source: int, target: int, words: int) -> None:
    s.cost[target] = s.cost[source]
    s.bottleneck[target] = s.bottleneck[source]
    s.synchronisation[target] = s.synchronisation[source]
    s.update[target] = s.update[source]
    s.open[target] = s.open[source]
    s.priced[target] = s.priced[source]
    s.bound[target] = s.bound[source]
    s.rent[target] = s.rent[source]
    s.tolls[target] = s.tolls[source]
    for word in range(words):
        s.used[target, word] = s.used[source, word]
    s.place[target] = s.place[source]
    s.stages[target] = s.stages[source]
    s.start[target] = s.start[source]
    s.parent[target] = s.parent[source]


@compiled
def _order(values: Any, begin: int, end: int) -> Any:
    """Return the places of ``values[begin:end]`` in rising order; sorting is compiled once, here."""
    return np.argsort(values[begin:end])


@compiled
def _dominates(c: Arrays, g: Usage, s: Store, a: int, b: int, floor: float, lowest: float, update: float) -> bool:
    """Whether label ``a`` is at least as good as ``b`` however they are completed."""
    if s.stages[a] > s.stages[b] or s.rent[a] > s.rent[b] or s.tolls[a] > s.tolls[b]:
        return False
    later = s.bottleneck[a] - max(s.bottleneck[b], floor)
    if not c.links_are_stations:
        if (s.stages[a] == 1) != (s.stages[b] == 1):
            return False  # the last stage pays its gradient twice
        later = max(later, s.open[a] - s.open[b])
    price = s.cost[a] + c.weight * max(0.0, later)
    price += max(0.0, s.synchronisation[a] - max(s.synchronisation[b], lowest))
    price += max(0.0, s.update[a] - max(s.update[b], update))
    if price > s.cost[b]:
        return False
    for word in range(len(g.guard)):
        if ((s.used[b, word] | g.guard[word]) - s.used[a, word]) & g.guard[word] != g.guard[word]:
            return False
    return True


@compiled
def _undominated(
    c: Arrays, g: Usage, s: Store, begin: int, end: int, floor: float, lowest: float, update: float, beam: int
) -> tuple[int, float]:
    """Keep the best undominated labels of ``[begin, end)`` at its front; return where they end and what was dropped."""
    count, dropped = 0, np.inf
    kept = np.empty(min(beam, end - begin), np.int64)
    order = _order(s.bound, begin, end)
    for position in range(len(order)):
        x = order[position]
        if count == beam or position == CROWD * beam:
            dropped = s.bound[begin + x]
            break
        dominated = False
        for y in range(count):
            if _dominates(c, g, s, kept[y], begin + x, floor, lowest, update):
                dominated = True
                break
        if not dominated:
            kept[count] = begin + x
            count += 1
    for y in range(count):
        s.kept[kept[y]] = True
    place = begin
    for x in range(begin, end):
        if s.kept[x]:
            s.kept[x] = False
            if x != place:
                _copy(s, x, place, len(g.guard))
            place += 1
    return place, dropped


@compiled
def _thin(g: Usage, s: Store, first: Any, end: int, beam: int) -> tuple[int, float]:
    """Keep the ``beam`` best labels of one first layer; return where they end and the least bound that was dropped."""
    begin = first[0]
    limit = s.bound[begin + _order(s.bound, begin, end)[beam]]
    dropped, place = limit, begin
    for k in range(len(first) - 1):
        low, high = first[k], first[k + 1]
        first[k] = place
        for x in range(low, high):
            if s.bound[x] < limit:
                if x != place:
                    _copy(s, x, place, len(g.guard))
                place += 1
    first[len(first) - 1] = place
    return place, dropped


@compiled
def _worth(s: Store, money: Tariff, x: int, seconds: float) -> float:
    """Return what a complete label of some step time is worth; ``inf`` where it does not keep the terms."""
    price = seconds * s.rent[x] + s.tolls[x]
    if seconds > money.latest or (money.priced and price > money.budget):
        return np.inf
    return float(price if money.by_price else seconds)


@compiled
def _set(
    c: Arrays, g: Usage, s: Store, floor: float, ceiling: float, lowest: float, slowest: float, least_update: float,
    fare: Any, all_priced: float, before: Any, after: Any, cutoff: float, beam: int,
    money: Tariff,
) -> tuple[float, int, float]:  # fmt: skip
    """Set all labels; return the best plan's worth, its label (−1 for none) and the least bound that was dropped."""
    places, layers, words, room = len(fare), c.seconds.shape[1], len(g.guard), len(s.cost)
    first = np.zeros((layers + 1, places + 1), np.int64)  # where the labels of (first layer, place) begin
    active = np.empty((layers + 1, places), np.int64)  # the places with labels, for every first layer
    num_active = np.zeros(layers + 1, np.int64)
    count, dropped, best, best_worth, best_end = 0, np.inf, cutoff, money.value, -1
    rest = c.weight * floor + lowest + least_update - all_priced
    for i in range(layers - 1, -1, -1):
        limit = np.inf  # the bound that a label of this first layer must stay below to be among the best
        for k in range(places):
            begin = count
            first[i, k] = begin
            if i > 0 and begin - first[i, 0] > beam:
                limit = s.bound[first[i, 0] + _order(s.bound, first[i, 0], begin)[beam]]
            if before[k, i] == np.inf:
                continue
            for j in range(i + 1, layers + 1):
                tau = c.seconds[c.seconds_row[k], i, j]
                sigma = c.synchronisation_rate[k] * c.synchronisation[c.synchronisation_row[k], i, j]
                sigma += c.synchronisation_latency[k]
                allowed = c.most_stages[c.most_stages_row[k], i, j]
                ahead = before[k, i] + fare[k] + tau
                if tau > ceiling or sigma > slowest or allowed < 1 or ahead + after[k, j] + rest >= best:
                    continue
                if j == layers:
                    bound = ahead - all_priced + c.weight * max(floor, tau)
                    bound += max(lowest, sigma) + max(least_update, c.update[k, i])
                    fits = True
                    for word in range(words):
                        if (g.capacity[word] - g.words[k, word]) & g.guard[word] != g.guard[word]:
                            fits = False
                    if not fits or bound >= best:
                        continue
                    if count >= room:
                        dropped = min(dropped, bound)
                        continue
                    s.cost[count] = tau
                    s.bottleneck[count] = tau if c.links_are_stations or i == 0 else 0.0
                    s.synchronisation[count] = sigma
                    s.update[count] = c.update[k, i]
                    s.open[count] = tau
                    s.priced[count] = fare[k]
                    s.bound[count] = bound
                    s.rent[count], s.tolls[count] = money.rent[k], money.gradient[i, j] * money.ring[k]
                    for word in range(words):
                        s.used[count, word] = g.words[k, word]
                    s.place[count], s.stages[count], s.start[count], s.parent[count] = k, 1, i, -1
                    count += 1
                    continue
                sender = c.link_row[k]
                z, amount = c.size[sender, j], c.volume[sender, j]
                for index in range(num_active[j]):
                    l = active[j, index]  # noqa: E741
                    receiver = c.link_column[l]
                    sent, returned = c.forward[z, sender, receiver] * amount, c.backward[z, sender, receiver] * amount
                    link = sent + returned + c.latency[sender, receiver]
                    if not link < np.inf or (c.links_are_stations and link > ceiling):
                        continue
                    for q in range(first[j, l], first[j, l + 1]):
                        if s.stages[q] >= allowed:
                            continue
                        extra, opened, station = link, tau, max(tau, link)
                        if not c.links_are_stations:
                            closed = s.open[q] + returned * (2.0 if s.stages[q] == 1 else 1.0)
                            own = sent * (2.0 if i == 0 and s.stages[q] >= 3 else 1.0)
                            extra = own + closed - s.open[q]
                            opened = tau + own
                            station = max(closed, opened) if i == 0 else closed
                            if station > ceiling or opened > ceiling:
                                continue
                        bottleneck = max(station, s.bottleneck[q])
                        late = max(floor, bottleneck)
                        if not c.links_are_stations:
                            late = max(late, opened)
                        synchronisation = max(sigma, s.synchronisation[q])
                        update = max(c.update[k, i], s.update[q])
                        bound = s.cost[q] + s.priced[q] + ahead + extra - all_priced
                        bound += c.weight * late + max(lowest, synchronisation) + max(least_update, update)
                        if bound >= best:
                            continue
                        if bound >= limit:
                            dropped = min(dropped, bound)
                            continue
                        fits = True
                        for word in range(words):
                            if (g.capacity[word] - s.used[q, word] - g.words[k, word]) & g.guard[word] != g.guard[word]:
                                fits = False
                                break
                        if not fits:
                            continue
                        if count >= room:
                            dropped = min(dropped, bound)
                            continue
                        s.cost[count] = s.cost[q] + tau + extra
                        s.bottleneck[count] = bottleneck
                        s.synchronisation[count] = synchronisation
                        s.update[count] = update
                        s.open[count] = opened
                        s.priced[count] = s.priced[q] + fare[k]
                        s.bound[count] = bound
                        s.rent[count] = s.rent[q] + money.rent[k]
                        s.tolls[count] = s.tolls[q] + money.gradient[i, j] * money.ring[k]
                        s.tolls[count] += money.moved[j] * money.toll[money.kind[k], money.kind[l]]
                        for word in range(words):
                            s.used[count, word] = s.used[q, word] + g.words[k, word]
                        s.place[count], s.stages[count], s.start[count] = k, s.stages[q] + 1, i
                        s.parent[count] = q
                        count += 1
            if count > begin + 1:
                count, lost = _undominated(c, g, s, begin, count, floor, lowest, least_update, beam)
                dropped = min(dropped, lost)
        first[i, places] = count
        if i == 0:
            for x in range(first[0, 0], count):
                worth = _worth(s, money, x, s.cost[x] + c.weight * s.bottleneck[x] + s.synchronisation[x] + s.update[x])
                if worth < best_worth:
                    best_worth, best_end = worth, x
        elif count - first[i, 0] > beam:
            count, lost = _thin(g, s, first[i], count, beam)
            dropped = min(dropped, lost)
        for k in range(places):
            if first[i, k + 1] > first[i, k]:
                active[i, num_active[i]] = k
                num_active[i] += 1
    return best_worth, best_end, dropped
