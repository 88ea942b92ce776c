"""The compiled sweeps over a chain that price its paths, forwards and backwards.

A *level* counts the stages that follow: level ``n`` stands for exactly ``n`` of them, the last level for at least as
many. Memory allows a stage only so many stages after it (1F1B holds a microbatch for each), so levels tell which
stages can lie where. One level tells nothing but that each suffix has the fewest stages it can have.
"""

from typing import Any, NamedTuple

import numpy as np

from milp_amp.space.arrays import Arrays
from milp_amp.space.compiled import compiled, inlined
from milp_amp.space.sorting import order

SENDERS_AT_ONCE = 16
"""Senders, nearest first, after which it is asked whether the others can matter."""

MANY = 30_000
"""Stages that are as good as any number of them."""


class Under(NamedTuple):
    """The stages below the ceilings of a box.

    Attributes
    ----------
    seconds, most
        ``(kinds, L + 1, L + 1)``: τ of the interval ``[i, j)`` at ``[kind, j, i]``, ``inf`` where it is not below, and
        the stages to the end, itself included, that memory allows; 0 where it is not below.
    row
        ``(K,)``: the kind of every place.
    first, last
        ``(kinds, L + 1)``: the first ``i`` of the intervals that end at ``j``, and the last ``j`` of those that begin
        at ``i``; ``j`` and ``i`` themselves where there are none.
    fewest
        ``(L + 1,)``: stages that the layers from one on need at least.
    ceiling
        Of the bottleneck, in seconds.
    """

    seconds: Any
    most: Any
    row: Any
    first: Any
    last: Any
    fewest: Any
    ceiling: float


@compiled
def allow(c: Arrays, kinds: Any, ceiling: float, slowest: float, under: Under) -> None:
    """Fill in the stages that can lie under the ceilings, as far as it is known alone.

    Memory has to allow as many stages as the layers after them need at least.
    """
    seconds, most, first, last, fewest = under.seconds, under.most, under.first, under.last, under.fewest
    table, allowed, synchronisation = c.seconds, c.most_stages, c.synchronisation
    layers = table.shape[1]
    fewest[:], fewest[layers] = layers + 1, 0
    first[:], last[:] = np.arange(layers + 1), np.arange(layers + 1)
    for i in range(layers - 1, -1, -1):
        for kind in range(len(kinds)):
            k = kinds[kind]
            tau, stages = table[c.seconds_row[k], i], allowed[c.most_stages_row[k], i]
            gradients, rate = synchronisation[c.synchronisation_row[k], i], c.synchronisation_rate[k]
            latency, sent, returned = c.synchronisation_latency[k], c.sent[k], c.returned[k, i]
            for j in range(i + 1, layers + 1):
                # What a stage moves itself; the last one returns its gradient twice.
                own = sent[j] + returned * (2.0 if j == layers else 1.0)
                if not (tau[j] + own <= ceiling and rate * gradients[j] + latency <= slowest):
                    continue
                if stages[j] > fewest[j]:
                    seconds[kind, j, i], most[kind, j, i] = tau[j], min(stages[j], MANY)
                    first[kind, j], last[kind, i] = min(first[kind, j], i), j
                    fewest[i] = min(fewest[i], 1 + fewest[j])


@inlined
def _ceiling(c: Arrays, ceiling: float) -> float:
    """Return the seconds that a link may take under a ceiling of the stations."""
    return ceiling / c.link_share if c.links_are_stations and c.link_share > 0.0 else np.inf


@compiled
def forwards(c: Arrays, under: Under, fare: Any, before: Any, until: Any) -> None:
    """Fill ``before`` and ``until`` from the first layer on; ``fare[k]`` is the price of a stage on ``k``."""
    seconds, most, row, first, fewest = under.seconds, under.most, under.row, under.first, under.fewest
    levels, places, layers = len(before), len(fare), seconds.shape[1] - 1
    link_row, link_column = c.link_row, c.link_column
    both, latency, size, volume, least_link = c.both, c.latency, c.size, c.volume, c.least_link
    senders, receivers = latency.shape
    left, reached, longest = np.empty(senders), np.empty(receivers), _ceiling(c, under.ceiling)
    lowest = min(1, levels - 1)
    before[:], until[:] = np.inf, np.inf
    before[lowest:, :, 0] = 0.0
    for j in range(1, layers + 1):
        for n in range(min(fewest[j], levels - 1), 1 if j == layers else min(levels, layers - j + 1)):
            above = min(n + 1, levels - 1)
            left[:] = np.inf
            for k in range(places):
                best, kind = np.inf, row[k]
                for i in range(first[kind, j], j):
                    if most[kind, j, i] > n:
                        best = min(best, before[above, k, i] + seconds[kind, j, i])
                until[n, k, j] = best + fare[k]
                left[link_row[k]] = min(left[link_row[k]], until[n, k, j])
            if j == layers:
                return
            reached[:] = np.inf
            farthest = np.inf
            ranks = order(left)
            for rank in range(senders):
                r = ranks[rank]
                z, amount, begun = size[r, j], volume[r, j], left[r]
                if rank % SENDERS_AT_ONCE == 0:
                    if not begun + least_link * amount < farthest:
                        break  # nor can those after it bring anything
                    farthest = reached.max()
                for s in range(receivers):
                    link = both[z, r, s] * amount + latency[r, s]
                    reached[s] = min(reached[s], begun + (link if link <= longest else np.inf))
            for k in range(places):
                before[n, k, j] = reached[link_column[k]]


@compiled
def backwards(c: Arrays, under: Under, fare: Any, after: Any, onward: Any) -> None:
    """Fill ``after`` from the last layer on; ``onward`` becomes the least priced seconds from a kind of receiver on."""
    seconds, most, row, last, fewest = under.seconds, under.most, under.row, under.last, under.fewest
    levels, places, layers = len(after), len(fare), seconds.shape[1] - 1
    link_row, link_column = c.link_row, c.link_column
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    senders, receivers = latency.shape
    left, reached, longest = np.empty(senders), np.empty(receivers), _ceiling(c, under.ceiling)
    after[:], onward[:] = np.inf, np.inf
    after[0, :, layers] = 0.0
    for i in range(layers - 1, 0, -1):
        for n in range(min(fewest[i], levels - 1), min(levels, layers - i + 1)):
            below, least = max(n - 1, 0), max(n, 1)
            reached[:] = np.inf
            for k in range(places):
                best, kind = np.inf, row[k]
                for j in range(i + 1, last[kind, i] + 1):
                    if most[kind, j, i] >= least:
                        best = min(best, after[below, k, j] + seconds[kind, j, i])
                        if n == levels - 1:
                            best = min(best, after[n, k, j] + seconds[kind, j, i])
                reached[link_column[k]] = min(reached[link_column[k]], best + fare[k])
            for s in range(receivers):
                onward[s, i] = min(onward[s, i], reached[s])
            for r in range(senders):
                z, amount, nearest = size[r, i], volume[r, i], np.inf
                for s in range(receivers):
                    link = both[z, r, s] * amount + latency[r, s]
                    nearest = min(nearest, reached[s] + (link if link <= longest else np.inf))
                left[r] = nearest
            for k in range(places):
                after[n, k, i] = left[link_row[k]]


@compiled
def survey_stages(
    c: Arrays, under: Under, fare: Any, before: Any, after: Any, room: float, floors: Any, through: Any, least: Any,
    sides: Any,
) -> None:  # fmt: skip
    """Fill ``through`` ``(K,)`` with the least priced seconds of a path that has a stage on a place.

    ``least`` ``(K,)`` becomes the least that such a stage synchronises, where the path is shorter than ``room``.
    ``sides`` becomes the least and the largest τ and σ, no less than the floors, of a stage on a path shorter than
    ``room`` even if that stage is the slowest one.
    """
    seconds, most, row, first = under.seconds, under.most, under.row, under.first
    levels, places, layers = len(before), len(fare), seconds.shape[1] - 1
    synchronisation, weight = c.synchronisation, c.weight
    shortest = np.empty((layers + 1, layers + 1))
    for k in range(places):
        kind = row[k]
        for j in range(layers + 1):
            shortest[j, first[kind, j] : j] = np.inf
        for n in range(levels):
            above = min(n + 1, levels - 1)
            for j in range(1, layers + 1):
                if after[n, k, j] < np.inf:
                    for i in range(first[kind, j], j):
                        if most[kind, j, i] > n:
                            shortest[j, i] = min(shortest[j, i], before[above, k, i] + after[n, k, j])
        gradients, rate, latency = c.synchronisation_row[k], c.synchronisation_rate[k], c.synchronisation_latency[k]
        through[k], least[k] = np.inf, np.inf
        for j in range(1, layers + 1):
            for i in range(first[kind, j], j):
                tau = seconds[kind, j, i]
                value = shortest[j, i] + tau + fare[k]
                if not value < np.inf:
                    continue
                through[k] = min(through[k], value)
                if value < room:
                    least[k] = min(least[k], synchronisation[gradients, i, j])
                sigma = rate * synchronisation[gradients, i, j] + latency
                if tau >= floors[0] and value + weight * (tau - floors[0]) < room:
                    sides[0], sides[1] = min(sides[0], tau), max(sides[1], tau)
                if sigma >= floors[1] and value + sigma - floors[1] < room:
                    sides[2], sides[3] = min(sides[2], sigma), max(sides[3], sigma)


@compiled
def survey_links(c: Arrays, until: Any, onward: Any, ceiling: float, room: float, floor: float, sides: Any) -> None:
    """Do the same for κ as a station; ``until`` and ``onward`` are by kinds of senders and receivers."""
    both, latency, size, volume, share, weight = c.both, c.latency, c.size, c.volume, c.link_share, c.weight
    senders, receivers = latency.shape
    longest = _ceiling(c, ceiling)
    for j in range(1, until.shape[1] - 1):
        for r in range(senders):
            for s in range(receivers):
                link = both[size[r, j], r, s] * volume[r, j] + latency[r, s]
                station, value = link * share, until[r, j] + link + onward[s, j]
                if link <= longest and station >= floor and value + weight * (station - floor) < room:
                    sides[0], sides[1] = min(sides[0], station), max(sides[1], station)


@compiled
def walk(c: Arrays, usage: Any, under: Under, before: Any, until: Any, used: Any) -> tuple[float, float]:
    """Walk the cheapest path of ``forwards`` back and add up what it uses; return its bottleneck and synchronisation.

    Where stages move their own data the bottleneck is what each needs at least.
    """
    seconds, most, row, first = under.seconds, under.most, under.row, under.first
    levels, places, layers = len(before), len(row), seconds.shape[1] - 1
    link_row, link_column, longest = c.link_row, c.link_column, _ceiling(c, under.ceiling)
    both, latency, size, volume = c.both, c.latency, c.size, c.volume
    bottleneck, slowest = 0.0, 0.0
    j, n, k = layers, 0, 0
    for l in range(places):  # noqa: E741
        if until[0, l, layers] < until[0, k, layers]:
            k = l
    while True:
        for r in range(len(used)):
            used[r] += usage[k, r]
        above = min(n + 1, levels - 1)
        best, start = np.inf, 0
        for i in range(first[row[k], j], j):
            value = before[above, k, i] + seconds[row[k], j, i]
            if most[row[k], j, i] > n and value < best:
                best, start = value, i
        bottleneck = max(bottleneck, seconds[row[k], j, start])
        sigma = c.synchronisation_rate[k] * c.synchronisation[c.synchronisation_row[k], start, j]
        slowest = max(slowest, sigma + c.synchronisation_latency[k])
        j, n = start, above
        if j == 0:
            return bottleneck, slowest
        best, nearest, s = np.inf, 0, link_column[k]
        for l in range(places):  # noqa: E741
            r = link_row[l]
            link = both[size[r, j], r, s] * volume[r, j] + latency[r, s]
            value = until[n, l, j] + link
            if link <= longest and value < best:
                best, nearest = value, l
        r = link_row[nearest]
        link = both[size[r, j], r, s] * volume[r, j] + latency[r, s]
        bottleneck = max(bottleneck, link * c.link_share if c.links_are_stations else 0.0)
        k = nearest


@compiled
def least_maximum(c: Arrays, values: Any, row: Any, stations: bool) -> float:
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
