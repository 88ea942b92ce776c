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
  its rent and its tolls are no higher either, so the whole plan is no dearer. Where choices are left out, A is the end
  of none of them, or B of the same ones.

At most ``beam`` labels are kept for every first layer, those with the least bounds. The least bound of the labels
that were dropped is a bound of everything not searched, so a beam gives a plan and a proof, never a wrong claim.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays
from milp_amp.space.bill import Bill, Tariff, tariff
from milp_amp.space.boxes import Box
from milp_amp.space.compiled import compiled, inlined
from milp_amp.space.label_store import (
    BOTTLENECK,
    BOUND,
    COST,
    KEY,
    OPEN,
    PARENT,
    PLACE,
    PRICED,
    RENT,
    STAGES,
    START,
    STATE,
    SYNCHRONISATION,
    TOLLS,
    UPDATE,
    Floors,
    Reached,
    Store,
    joins,
    sort,
    store,
    thin,
    undominated,
)
from milp_amp.space.priced import PricedPaths
from milp_amp.space.sorting import nth_least
from milp_amp.space.terms import FREE, Terms
from milp_amp.space.usage import Usage, covers
from milp_amp.space.words import Words, free

SHORT_BEAM = 400
"""Beam up to which a first look at the groups of labels says which can be among the best."""

LOOKS_PER_SECOND = 5e6
"""Labels looked at in a second, at least, on the machine this was measured on under load."""


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


def set_labels(
    paths: PricedPaths, usage: Usage, prices: FloatArray, box: Box, cutoff: float, beam: int, bill: Bill | None = None,
    terms: Terms = FREE, seconds: float = math.inf, without: Words | None = None,
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
    without
        Kinds of stages, in order, that no plan may have; over the places.
    """
    chain, labels = paths.chain, store()
    without = without or free(chain.num_places)
    passes = paths.finest(box).passes(prices, box)
    least = passes.least
    floors = Floors(
        box.bottleneck_floor,
        box.synchronisation_floor,
        paths.least_update,
        float(chain.weight),
        chain.links_are_stations,
    )
    value, end, dropped = _set(
        paths.arrays, usage, labels, floors, box.bottleneck, box.synchronisation, chain.usage @ prices,
        float(prices @ chain.capacity), passes.before, least.before, least.after, terms.seconds(cutoff), beam,
        tariff(chain, bill, terms, cutoff), seconds * LOOKS_PER_SECOND,
        without.start, without.following, without.refused,
    )  # fmt: skip
    if end < 0:
        return Labelled(math.inf, (), dropped)
    return Labelled(value, _stages(labels, end, chain.num_layers), dropped)


def _stages(labels: Store, end: int, num_layers: int) -> tuple[PlacedStage, ...]:
    stages, whole = [], labels.whole
    while end >= 0:
        parent = int(whole[end, PARENT])
        stop = int(whole[parent, START]) if parent >= 0 else num_layers
        stages.append(PlacedStage(int(whole[end, START]), stop, int(whole[end, PLACE])))
        end = parent
    return tuple(stages)


@compiled
def _best(s: Store, money: Tariff, weight: float, begin: int, end: int) -> tuple[float, int]:
    """Return the least that a complete label of ``[begin, end)`` is worth and which one, −1 if none keeps the terms."""
    real, best, which = s.real, money.value, -1
    for x in range(begin, end):
        seconds = real[x, COST] + weight * real[x, BOTTLENECK] + real[x, SYNCHRONISATION] + real[x, UPDATE]
        price = seconds * real[x, RENT] + real[x, TOLLS]
        if seconds > money.latest or (money.priced and price > money.budget):
            continue
        worth = price if money.by_price else seconds
        if worth < best:
            best, which = worth, x
    return best, which


@inlined
def _link(c: Arrays, k: int, l: int, j: int) -> tuple[float, float, float]:  # noqa: E741
    """Seconds of the activation, the gradient and the latency from a stage on ``k`` to the next one on ``l``."""
    sender, receiver = c.link_row[k], c.link_column[l]
    z, amount = c.size[sender, j], c.volume[sender, j]
    return (
        c.forward[z, sender, receiver] * amount,
        c.backward[z, sender, receiver] * amount,
        c.latency[sender, receiver],
    )


@compiled
def _promise(
    c: Arrays, s: Store, t: Reached, i: int, beam: int, ceiling: float, rest: float, fare: Any, before: Any, best: float
) -> float:  # fmt: skip
    """Return the ``beam``-th least bound of a group of labels of first layer ``i``, as if each had one label."""
    layers, least, count = c.seconds.shape[1], np.full(beam, np.inf), 0
    seconds, seconds_row, real, ranked = c.seconds, c.seconds_row, s.real, s.sorted
    for k in range(len(fare)):
        for j in range(i + 1, layers):
            tau = seconds[seconds_row[k], i, j]
            ahead = before[k, i] + fare[k] + tau + rest
            if not (tau <= ceiling and ahead < best):
                continue
            for index in range(t.num_active[j]):
                l = t.active[j, index]  # noqa: E741
                sent, returned, latency = _link(c, k, l, j)
                bound = real[ranked[t.first[j, l]], KEY] + ahead + sent + returned + latency
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
    c: Arrays, g: Usage, s: Store, floors: Floors, ceiling: float, slowest: float, fare: Any, all_priced: float,
    exact: Any, before: Any, after: Any, cutoff: float, beam: int, money: Tariff, most_looks: float,
    nothing: int, following: Any, refused: Any,
) -> tuple[float, int, float]:  # fmt: skip
    """Set all labels; return the best plan's worth, its label (−1 for none) and the least bound that was dropped.

    ``exact`` is what ``before`` is the least of, by the stages that follow; ``nothing`` is the state of no stages.
    """
    real, whole, used, ranked, newest = s.real, s.whole, s.used, s.sorted, s.newest
    words, capacity, guard, num_words = g.words, g.capacity, g.guard, len(g.guard)
    seconds, seconds_row, most, most_row = c.seconds, c.seconds_row, c.most_stages, c.most_stages_row
    synchronisation, sync_row = c.synchronisation, c.synchronisation_row
    sync_rate, sync_latency, updates = c.synchronisation_rate, c.synchronisation_latency, c.update
    forward, backward, latencies, sizes, volumes = c.forward, c.backward, c.latency, c.size, c.volume
    link_row, link_column, share, stations = c.link_row, c.link_column, c.link_share, c.links_are_stations
    rents, moved, toll, kind, gradient, ring = (
        money.rent, money.moved, money.toll, money.kind, money.gradient, money.ring,
    )  # fmt: skip
    places, layers, room, weight, floor = len(fare), seconds.shape[1], len(real), floors.weight, floors.bottleneck
    t = Reached(
        np.zeros((layers + 1, places + 1), np.int64),
        np.empty((layers + 1, places), np.int64),
        np.zeros(layers + 1, np.int64),
    )
    first, active, num_active = t.first, t.active, t.num_active
    levels, last = len(exact), min(1, len(exact) - 1)
    looks = 0  # at groups and labels, and at pairs of labels: compiled code cannot look at the clock
    count, dropped, best = 0, np.inf, cutoff
    lowest, least_update = floors.synchronisation, floors.update
    rest = lowest + least_update - all_priced
    for i in range(layers - 1, -1, -1):
        limit, counted = np.inf, beam  # the bound of labels of this first layer that are not among the best
        if i > 0 and beam <= SHORT_BEAM:
            limit = _promise(c, s, t, i, beam, ceiling, rest + weight * floor, fare, before, best)
        for k in range(places):
            begin = count
            first[i, k] = begin
            if i > 0 and begin - first[i, 0] > counted:
                limit = min(limit, nth_least(real[first[i, 0] : begin, BOUND].copy(), beam))
                counted = begin - first[i, 0] + beam // 4
            if looks > most_looks:
                return money.value, -1, -np.inf
            if before[k, i] == np.inf:
                continue
            for j in range(i + 1, layers + 1):
                tau = seconds[seconds_row[k], i, j]
                sigma = sync_rate[k] * synchronisation[sync_row[k], i, j] + sync_latency[k]
                allowed = most[most_row[k], i, j]
                ahead = before[k, i] + fare[k] + tau
                if tau > ceiling or sigma > slowest or allowed < 1:
                    continue
                if ahead + after[k, j] + rest + weight * floor >= best:
                    continue
                own_rent, own_tolls, own_update = rents[k], gradient[i, j] * ring[k], updates[k, i]
                if j == layers:
                    bound = ahead + weight * max(floor, tau) - all_priced
                    bound += max(lowest, sigma) + max(least_update, own_update) + exact[last, k, i] - before[k, i]
                    if bound >= best or not covers(capacity, words[k], guard):
                        continue
                    state = following[nothing, k]
                    if i == 0 and refused[state]:
                        continue
                    if count >= room:
                        dropped = min(dropped, bound)
                        continue
                    real[count, COST], real[count, OPEN] = tau, tau
                    real[count, BOTTLENECK] = tau if stations or i == 0 else 0.0
                    real[count, SYNCHRONISATION], real[count, UPDATE] = sigma, own_update
                    real[count, PRICED], real[count, BOUND] = fare[k], bound
                    real[count, RENT], real[count, TOLLS] = own_rent, own_tolls
                    whole[count, PLACE], whole[count, START] = k, i
                    whole[count, STAGES], whole[count, PARENT], whole[count, STATE] = 1, -1, state
                    for word in range(num_words):
                        used[count, word] = words[k, word]
                    count += joins(real, whole, used, newest, num_words, begin, count, floors)
                    continue
                looks += num_active[j]
                sender = link_row[k]
                z, amount = sizes[sender, j], volumes[sender, j]
                for index in range(num_active[j]):
                    l = active[j, index]  # noqa: E741
                    receiver = link_column[l]
                    sent, returned = forward[z, sender, receiver] * amount, backward[z, sender, receiver] * amount
                    link = sent + returned + (latencies[sender, receiver] if stations else 0.0)
                    if not link < np.inf or (stations and link * share > ceiling):
                        continue
                    station = max(tau, link * share) if stations else tau
                    common = ahead + link + weight * max(floor, station) - all_priced
                    common += max(lowest, sigma) + max(least_update, own_update)
                    for position in range(first[j, l], first[j, l + 1]):
                        q = ranked[position]
                        looks += 1
                        least = real[q, KEY] + common
                        if least >= best or least > limit:  # at the limit many may be equal, and all the best
                            if least < best:
                                dropped = min(dropped, least)
                            break  # the others of this place cost more
                        if whole[q, STAGES] >= allowed:
                            continue
                        extra, opened, late = link, tau, max(station, real[q, BOTTLENECK])
                        if not stations:
                            closed = real[q, OPEN] + returned * (2.0 if whole[q, STAGES] == 1 else 1.0)
                            own = sent * (2.0 if i == 0 and whole[q, STAGES] >= 3 else 1.0)
                            extra, opened = own + closed - real[q, OPEN], tau + own
                            late = max(closed, opened, real[q, BOTTLENECK])
                            if max(closed, opened) > ceiling:
                                continue
                        slow, updated = max(sigma, real[q, SYNCHRONISATION]), max(own_update, real[q, UPDATE])
                        bound = real[q, KEY] + ahead + extra - all_priced + weight * max(floor, late)
                        bound += max(lowest, slow) + max(least_update, updated)
                        bound += exact[min(whole[q, STAGES] + 1, levels - 1), k, i] - before[k, i]
                        if bound >= best:
                            continue
                        fits = True
                        for word in range(num_words):
                            left = capacity[word] - used[q, word] - words[k, word]
                            fits = fits and left & guard[word] == guard[word]
                        if not fits:
                            continue
                        state = following[whole[q, STATE], k]
                        if i == 0 and refused[state]:
                            continue
                        if bound > limit or count >= room:
                            dropped = min(dropped, bound)
                            continue
                        if not stations and i > 0:
                            late = max(closed, real[q, BOTTLENECK])  # the new stage is not closed yet
                        real[count, COST], real[count, OPEN] = real[q, COST] + tau + extra, opened
                        real[count, BOTTLENECK] = late
                        real[count, SYNCHRONISATION], real[count, UPDATE] = slow, updated
                        real[count, PRICED], real[count, BOUND] = fare[k] + real[q, PRICED], bound
                        real[count, RENT] = own_rent + real[q, RENT]
                        real[count, TOLLS] = own_tolls + moved[j] * toll[kind[k], kind[whole[q, PLACE]]]
                        real[count, TOLLS] += real[q, TOLLS]
                        whole[count, PLACE], whole[count, START] = k, i
                        whole[count, STAGES], whole[count, PARENT] = whole[q, STAGES] + 1, q
                        whole[count, STATE] = state
                        for word in range(num_words):
                            used[count, word] = words[k, word] + used[q, word]
                        looks += 2
                        count += joins(real, whole, used, newest, num_words, begin, count, floors)
            if count > begin + 1:
                looks += 4 * (count - begin)
                count, lost = undominated(s, guard, begin, count, floors, beam)
                dropped = min(dropped, lost)
        first[i, places] = count
        if i > 0 and count - first[i, 0] > beam:
            count, lost = thin(s, num_words, first[i], count, beam)
            dropped = min(dropped, lost)
        sort(s, t, i)
    value, end = _best(s, money, weight, first[0, 0], first[0, places])
    return value, end, dropped
