"""Labels in memory: how they are kept, compared and thinned out.

A label is a row of three tables: reals (``COST`` to ``KEY``), whole numbers (``PLACE`` to ``BUCKET``) and what it uses,
packed. Rows that are compared lie together in memory, and a compiled function takes three arrays, not twenty.
"""

from typing import Any, NamedTuple

import numpy as np

from milp_amp.space.compiled import compiled, inlined
from milp_amp.space.sorting import nth_least, order
from milp_amp.space.usage import MOST_WORDS, covers, same
from milp_amp.space.words import FREE

COST, BOTTLENECK, SYNCHRONISATION, UPDATE, OPEN, PRICED, BOUND, RENT, TOLLS, KEY = range(10)
"""Seconds: ``Σ busy + Σ link``; W; S; U; what the first stage is busy for so far; the price of what is used; the
completion bound. Money: paid per second; paid per step. Seconds again: what a label costs and pays, for sorting."""

PLACE, STAGES, START, PARENT, STATE, OLDER, BUCKET = range(7)
"""Of the first stage; number of stages; first layer; the label that this one was put before, or −1; what its stages are
the end of (``space.words``); the label before it in its bucket, or −1; the bucket."""

MAX_LABELS = 1_500_000
"""Labels that one cell may hold: about 250 MB, touched as they are needed."""

RIVALS = 20
"""The best labels of a first layer and place, with which those are compared that use something else."""

BUCKET_BITS = 16
"""Bits of the number of a bucket of labels that use the same."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio: multiplied with it, numbers spread over the high bits."""


class Store(NamedTuple):
    """All labels, set aside once and used again by every cell.

    Attributes
    ----------
    real, whole, used
        ``(N, 10)``, ``(N, 7)``, ``(N, words)``: the labels.
    kept
        ``(N,)``: marks labels while they are compared.
    sorted
        ``(N,)``: the labels of a first layer and place, by ``KEY``.
    newest
        ``(buckets,)``: the last label of every bucket, or −1.
    """

    real: Any
    whole: Any
    used: Any
    kept: Any
    sorted: Any
    newest: Any


_STORES: dict[int, Store] = {}


def store() -> Store:
    """Return this process's labels."""
    if MAX_LABELS not in _STORES:
        _STORES[MAX_LABELS] = Store(
            real=np.empty((MAX_LABELS, 10)),
            whole=np.empty((MAX_LABELS, 7), np.int32),
            used=np.empty((MAX_LABELS, MOST_WORDS), np.uint64),
            kept=np.zeros(MAX_LABELS, np.bool_),
            sorted=np.empty(MAX_LABELS, np.int32),
            newest=np.full(1 << BUCKET_BITS, -1, np.int32),
        )
    return _STORES[MAX_LABELS]


class Floors(NamedTuple):
    """What counts of a label's parts anyway, however small they are, and what a second of W is worth.

    Attributes
    ----------
    bottleneck, synchronisation, update
        Seconds that no plan of the cell has less of.
    weight
        ``m − 1``.
    stations
        Whether links are stations beside the stages.
    """

    bottleneck: float
    synchronisation: float
    update: float
    weight: float
    stations: bool


@inlined
def dominates(real: Any, whole: Any, a: int, b: int, floors: Floors) -> bool:
    """Whether label ``a`` is at least as good as ``b`` however they are completed, if it uses no more."""
    if whole[a, STAGES] > whole[b, STAGES] or real[a, RENT] > real[b, RENT] or real[a, TOLLS] > real[b, TOLLS]:
        return False
    if whole[a, STATE] != FREE and whole[a, STATE] != whole[b, STATE]:
        return False  # what completes b may complete a to a plan that is left out
    later = real[a, BOTTLENECK] - max(real[b, BOTTLENECK], floors.bottleneck)
    if not floors.stations:
        if (whole[a, STAGES] == 1) != (whole[b, STAGES] == 1):
            return False  # the last stage pays its gradient twice
        later = max(later, real[a, OPEN] - real[b, OPEN])
    price = real[a, COST] + floors.weight * max(0.0, later)
    price += max(0.0, real[a, SYNCHRONISATION] - max(real[b, SYNCHRONISATION], floors.synchronisation))
    price += max(0.0, real[a, UPDATE] - max(real[b, UPDATE], floors.update))
    return bool(price <= real[b, COST])


@inlined
def copy(real: Any, whole: Any, used: Any, num_words: int, source: int, target: int) -> None:
    """Write a label over another; it stays in that one's bucket."""
    for field in range(KEY):
        real[target, field] = real[source, field]
    for field in range(OLDER):
        whole[target, field] = whole[source, field]
    for word in range(num_words):
        used[target, word] = used[source, word]


@compiled
def joins(real: Any, whole: Any, used: Any, newest: Any, num_words: int, begin: int, x: int, floors: Floors) -> bool:
    """Compare label ``x`` with those since ``begin`` that use the same; say whether it stays as a label of its own.

    If it dominates one of them it takes its place.
    """
    mixed = np.uint64(0)
    for word in range(num_words):
        mixed = (mixed ^ used[x, word]) * GOLDEN
        mixed ^= mixed >> np.uint64(32)
    bucket = np.int64((mixed * GOLDEN) >> np.uint64(64 - BUCKET_BITS))
    y = newest[bucket]
    if y < begin or y >= x or whole[y, BUCKET] != bucket:
        y = -1  # left by another group of labels
    whole[x, OLDER] = y
    while y >= 0:
        if same(used[x], used[y], num_words):
            if dominates(real, whole, y, x, floors):
                return False
            if dominates(real, whole, x, y, floors):
                copy(real, whole, used, num_words, x, y)
                return False
        y = whole[y, OLDER]
    newest[bucket], whole[x, BUCKET] = x, bucket
    return True


@compiled
def undominated(s: Store, guard: Any, begin: int, end: int, floors: Floors, beam: int) -> tuple[int, float]:
    """Keep the best undominated labels of ``[begin, end)`` at its front; return where they end and what was dropped.

    Labels that use the same were compared when they were set; others are compared with the best ones only.
    """
    real, whole, used, kept = s.real, s.whole, s.used, s.kept
    count, dropped = 0, np.inf
    rivals = np.empty(RIVALS, np.int64)
    ranks = order(real[begin:end, BOUND].copy())
    for position in range(len(ranks)):
        x = begin + ranks[position]
        if count == beam:
            dropped = real[x, BOUND]
            break
        dominated = False
        for y in range(min(count, RIVALS)):
            if dominates(real, whole, rivals[y], x, floors) and covers(used[x], used[rivals[y]], guard):
                dominated = True
                break
        if dominated:
            continue
        if count < RIVALS:
            rivals[count] = x
        kept[x] = True
        count += 1
    place = begin
    for x in range(begin, end):
        if kept[x]:
            kept[x] = False
            if x != place:
                copy(real, whole, used, len(guard), x, place)
            place += 1
    return place, dropped


@compiled
def thin(s: Store, num_words: int, first: Any, end: int, beam: int) -> tuple[int, float]:
    """Keep the ``beam`` best labels of one first layer; return where they end and the least bound that was dropped."""
    real, whole, used = s.real, s.whole, s.used
    begin = first[0]
    bounds = real[begin:end, BOUND].copy()
    limit = nth_least(bounds, beam)
    equal = beam - np.count_nonzero(bounds < limit)  # of those at the limit that have room
    place = begin
    for k in range(len(first) - 1):
        low, high = first[k], first[k + 1]
        first[k] = place
        for x in range(low, high):
            bound = real[x, BOUND]
            if bound < limit or (bound == limit and equal > 0):
                equal -= bound == limit
                if x != place:
                    copy(real, whole, used, num_words, x, place)
                place += 1
    first[len(first) - 1] = place
    return place, limit


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


@compiled
def sort(s: Store, t: Reached, i: int) -> None:
    """Sort the labels of first layer ``i`` by what they cost and pay, place by place, and list those places."""
    real, ranked = s.real, s.sorted
    first, active, num_active = t.first[i], t.active[i], 0
    for k in range(len(first) - 1):
        begin, end = first[k], first[k + 1]
        if begin == end:
            continue
        active[num_active] = k
        num_active += 1
        for x in range(begin, end):
            real[x, KEY] = real[x, COST] + real[x, PRICED]
        ranks = order(real[begin:end, KEY].copy())
        for x in range(end - begin):
            ranked[begin + x] = begin + ranks[x]
    t.num_active[i] = num_active
