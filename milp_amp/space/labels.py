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

SHORT_BEAM = 400
"""Beam up to which a first look at the groups of labels says which can be among the best."""

LOOKS_PER_SECOND = 5e6
"""Labels looked at in a second, at least, on the machine this was measured on under load."""

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
    compared; ``sorted`` lists the labels of a first layer and place by ``key``, what they cost and pay.
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
    key: Any
    sorted: Any


class Reached(NamedTuple):
    """Where the labels of a first layer and place are.

    Attributes
    ----------
    first
        ``(L + 1, K + 1)``: where those of first layer ``i`` and place ``k`` begin; those of the next place follow.
    active, num_active
        ``(L + 1, K)`` and ``(L + 1,)``: the places that have labels, for every first layer.
    """

    first: Any
    active: Any
    num_active: Any


_STORES: dict[int, Store] = {}


def _store() -> Store:
    """Return this process's labels."""
    if MAX_LABELS not in _STORES:
        reals = dict.fromkeys(Store._fields[:9], np.float64)
        arrays: Any = {name: np.empty(MAX_LABELS, kind) for name, kind in reals.items()}
        arrays |= {name: np.empty(MAX_LABELS, np.int32) for name in (*Store._fields[10:14], "sorted")}
        arrays["key"] = np.empty(MAX_LABELS)
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
    terms: Terms = FREE, seconds: float = math.inf,
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
    seconds
        About how long it may take; a search that is cut short proves nothing of what it left.
    """
    chain = paths.chain
    passes = paths.passes(prices, box)
    store = _store()
    value, end, dropped = _set(
        paths.arrays, usage, store, box.bottleneck_floor, box.bottleneck, box.synchronisation_floor,
        box.synchronisation, paths.least_update, chain.usage @ prices, float(prices @ chain.capacity), passes.before,
        passes.after, terms.seconds(cutoff), beam, tariff(chain, bill, terms, cutoff),
        seconds * LOOKS_PER_SECOND,
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
def _fits(g: Usage, s: Store, k: int, q: int) -> bool:
    """Whether a stage on ``k`` can use what label ``q`` leaves; −1 for no label."""
    for word in range(len(g.guard)):
        free = g.capacity[word] if q < 0 else g.capacity[word] - s.used[q, word]
        if (free - g.words[k, word]) & g.guard[word] != g.guard[word]:
            return False
    return True


@compiled
def _put(
    c: Arrays, g: Usage, s: Store, money: Tariff, x: int, i: int, j: int, k: int, q: int, cost: float,
    bottleneck: float, sigma: float, opened: float, price: float, bound: float,
) -> None:  # fmt: skip
    """Write label ``x``: a stage on ``k`` of the layers ``[i, j)``, before label ``q`` (−1 for none)."""
    s.rent[x], s.tolls[x] = money.rent[k], money.gradient[i, j] * money.ring[k]
    if q >= 0:
        s.rent[x] += s.rent[q]
        s.tolls[x] += s.tolls[q] + money.moved[j] * money.toll[money.kind[k], money.kind[s.place[q]]]
    s.cost[x], s.bottleneck[x], s.open[x], s.bound[x] = cost, bottleneck, opened, bound
    s.priced[x] = price if q < 0 else price + s.priced[q]
    s.synchronisation[x] = sigma if q < 0 else max(sigma, s.synchronisation[q])
    s.update[x] = c.update[k, i] if q < 0 else max(c.update[k, i], s.update[q])
    for word in range(len(g.guard)):
        s.used[x, word] = g.words[k, word]
        if q >= 0:
            s.used[x, word] += s.used[q, word]
    s.place[x], s.start[x], s.parent[x] = k, i, q
    s.stages[x] = 1 if q < 0 else s.stages[q] + 1


@compiled
def _sigma(c: Arrays, i: int, j: int, k: int) -> float:
    """Seconds that a stage's replicas synchronise."""
    row = c.synchronisation[c.synchronisation_row[k], i, j]
    return float(c.synchronisation_rate[k] * row + c.synchronisation_latency[k])


@compiled
def _links(c: Arrays, k: int, l: int, j: int) -> tuple[float, float, float]:  # noqa: E741
    """Seconds of the activation, the gradient and the latency from a stage on ``k`` to the next one on ``l``."""
    sender, receiver = c.link_row[k], c.link_column[l]
    z, amount = c.size[sender, j], c.volume[sender, j]
    sent, returned = c.forward[z, sender, receiver] * amount, c.backward[z, sender, receiver] * amount
    return sent, returned, c.latency[sender, receiver]


@compiled
def _promise(
    c: Arrays, s: Store, t: Reached, i: int, beam: int, ceiling: float, rest: float, fare: Any, before: Any, best: float
) -> float:  # fmt: skip
    """Return the ``beam``-th least bound of a group of labels of first layer ``i``, as if each had one label."""
    layers, least, count = c.seconds.shape[1], np.full(beam, np.inf), 0
    for k in range(len(fare)):
        for j in range(i + 1, layers):
            tau = c.seconds[c.seconds_row[k], i, j]
            if not (tau <= ceiling and before[k, i] + fare[k] + tau + rest < best):
                continue
            for index in range(t.num_active[j]):
                l = t.active[j, index]  # noqa: E741
                sent, returned, latency = _links(c, k, l, j)
                link = sent + returned + latency
                key = s.key[s.sorted[t.first[j, l]]]
                bound = key + before[k, i] + fare[k] + tau + link + rest
                if bound < best and bound < least[count % beam]:
                    # The largest of the kept ones gives way; a linear scan keeps this short, beams of this kind are.
                    least[count % beam] = bound
                    worst = 0
                    for x in range(1, beam):
                        if least[x] > least[worst]:
                            worst = x
                    count = worst
    return float(least.max())


@compiled
def _set(
    c: Arrays, g: Usage, s: Store, floor: float, ceiling: float, lowest: float, slowest: float, least_update: float,
    fare: Any, all_priced: float, before: Any, after: Any, cutoff: float, beam: int, money: Tariff,
    most_looks: float,
) -> tuple[float, int, float]:  # fmt: skip
    """Set all labels; return the best plan's worth, its label (−1 for none) and the least bound that was dropped."""
    places, layers, room = len(fare), c.seconds.shape[1], len(s.cost)
    t = Reached(
        np.zeros((layers + 1, places + 1), np.int64),
        np.empty((layers + 1, places), np.int64),
        np.zeros(layers + 1, np.int64),
    )
    looks = 0  # at groups and labels, and at pairs of labels: compiled code cannot look at the clock
    count, dropped, best, best_worth, best_end = 0, np.inf, cutoff, money.value, -1
    rest = lowest + least_update - all_priced
    for i in range(layers - 1, -1, -1):
        limit = np.inf  # the bound that a label of this first layer must stay below to be among the best
        if i > 0 and beam <= SHORT_BEAM:
            limit = _promise(c, s, t, i, beam, ceiling, rest + c.weight * floor, fare, before, best)
        for k in range(places):
            begin = count
            t.first[i, k] = begin
            if i > 0 and begin - t.first[i, 0] > beam:
                limit = min(limit, s.bound[t.first[i, 0] + _order(s.bound, t.first[i, 0], begin)[beam]])
            if looks > most_looks:
                return best_worth, -1, -np.inf
            if before[k, i] == np.inf:
                continue
            for j in range(i + 1, layers + 1):
                tau, sigma = c.seconds[c.seconds_row[k], i, j], _sigma(c, i, j, k)
                allowed = c.most_stages[c.most_stages_row[k], i, j]
                ahead = before[k, i] + fare[k] + tau
                if tau > ceiling or sigma > slowest or allowed < 1:
                    continue
                if ahead + after[k, j] + rest + c.weight * floor >= best:
                    continue
                others = max(lowest, sigma) + max(least_update, c.update[k, i]) - all_priced
                if j == layers:
                    bound = ahead + c.weight * max(floor, tau) + others
                    if bound < best and _fits(g, s, k, -1):
                        if count < room:
                            bottleneck = tau if c.links_are_stations or i == 0 else 0.0
                            _put(c, g, s, money, count, i, j, k, -1, tau, bottleneck, sigma, tau, fare[k], bound)
                            count += 1
                        else:
                            dropped = min(dropped, bound)
                    continue
                looks += t.num_active[j]
                for index in range(t.num_active[j]):
                    l = t.active[j, index]  # noqa: E741
                    sent, returned, latency = _links(c, k, l, j)
                    link = sent + returned + (latency if c.links_are_stations else 0.0)
                    if not link < np.inf or (c.links_are_stations and link * c.link_share > ceiling):
                        continue
                    station = max(tau, link * c.link_share) if c.links_are_stations else tau
                    common = ahead + link + c.weight * max(floor, station) + others
                    for position in range(t.first[j, l], t.first[j, l + 1]):
                        q = s.sorted[position]
                        looks += 1
                        if s.key[q] + common >= min(best, limit):
                            if s.key[q] + common < best:
                                dropped = min(dropped, s.key[q] + common)
                            break  # the others of this place cost more
                        if s.stages[q] >= allowed:
                            continue
                        extra, opened, late = link, tau, max(station, s.bottleneck[q])
                        if not c.links_are_stations:
                            closed = s.open[q] + returned * (2.0 if s.stages[q] == 1 else 1.0)
                            own = sent * (2.0 if i == 0 and s.stages[q] >= 3 else 1.0)
                            extra, opened = own + closed - s.open[q], tau + own
                            late = max(closed, opened, s.bottleneck[q])
                            if max(closed, opened) > ceiling:
                                continue
                        bound = s.key[q] + ahead + extra - all_priced + c.weight * max(floor, late)
                        bound += max(lowest, sigma, s.synchronisation[q])
                        bound += max(least_update, c.update[k, i], s.update[q])
                        if bound >= best or not _fits(g, s, k, q):
                            continue
                        if bound >= limit or count >= room:
                            dropped = min(dropped, bound)
                            continue
                        if not c.links_are_stations and i > 0:
                            late = max(closed, s.bottleneck[q])  # the new stage is not closed yet
                        cost = s.cost[q] + tau + extra
                        _put(c, g, s, money, count, i, j, k, q, cost, late, sigma, opened, fare[k], bound)
                        count += 1
            if count > begin + 1:
                looks += min(count - begin, CROWD * beam) * min(count - begin, beam) // 8
                count, lost = _undominated(c, g, s, begin, count, floor, lowest, least_update, beam)
                dropped = min(dropped, lost)
        t.first[i, places] = count
        if i == 0:
            for x in range(t.first[0, 0], count):
                worth = _worth(s, money, x, s.cost[x] + c.weight * s.bottleneck[x] + s.synchronisation[x] + s.update[x])
                if worth < best_worth:
                    best_worth, best_end = worth, x
        elif count - t.first[i, 0] > beam:
            count, lost = _thin(g, s, t.first[i], count, beam)
            dropped = min(dropped, lost)
        _sort(s, t, i)
    return best_worth, best_end, dropped


@compiled
def _sort(s: Store, t: Reached, i: int) -> None:
    """Sort the labels of first layer ``i`` by what they cost and pay, place by place, and list those places."""
    for k in range(t.first.shape[1] - 1):
        begin, end = t.first[i, k], t.first[i, k + 1]
        if begin == end:
            continue
        t.active[i, t.num_active[i]] = k
        t.num_active[i] += 1
        for x in range(begin, end):
            s.key[x] = s.cost[x] + s.priced[x]
        order = _order(s.key, begin, end)
        for x in range(end - begin):
            s.sorted[begin + x] = begin + order[x]
