"""The places of a stage over classes of nodes: how many replicas sit on each class, at one tensor degree."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

Counts = tuple[int, ...]
"""Replicas on every class."""


@dataclass(frozen=True)
class Place:
    """A stage's replicas on every class, numbered class by class, at one tensor degree."""

    tensor_parallel: int
    replicas: Counts

    @property
    def members(self) -> Counts:
        """Numbers of the classes that have a replica."""
        return tuple(g for g, count in enumerate(self.replicas) if count > 0)

    @property
    def neighbours(self) -> tuple[tuple[int, int], ...]:
        """Pairs of classes on which replicas with consecutive numbers sit."""
        inside = [(g, g) for g in self.members if self.replicas[g] > 1]
        return (*inside, *itertools.pairwise(self.members))


class Found(NamedTuple):
    """Places, and whether there would be more of them."""

    places: tuple[Place, ...]
    truncated: bool


def find_places(data_parallel: int, room: dict[int, Counts], most: int) -> Found:
    """Return the places of ``d`` replicas where ``room[t]`` tensor groups of ``t`` fit on every class.

    Where there are more than ``most``, those on one class come first, then those that fill all their classes but one,
    then even splits: halves before quarters, so that what is left out lies beside what is kept.
    """
    share = most // max(1, len(room))
    places: list[Place] = []
    truncated = False
    for t, groups in room.items():
        found = list(itertools.islice(_splits(data_parallel, groups), share + 1))
        if len(found) > share:
            truncated = True
            found = list(itertools.islice(_once(_coarse(data_parallel, groups)), share))
        places += [Place(t, counts) for counts in found]
    return Found(tuple(places), truncated)


def _once(splits: Iterator[Counts]) -> Iterator[Counts]:
    """Yield every split when it first comes."""
    seen: set[Counts] = set()
    for split in splits:
        if split not in seen:
            seen.add(split)
            yield split


def _coarse(total: int, most: Counts) -> Iterator[Counts]:
    """Yield splits of ``total`` over classes with so much room, the coarsest first; some of them more than once."""
    for g, limit in enumerate(most):
        if limit >= total:
            yield tuple(total * (g == h) for h in range(len(most)))
    yield from _filling(total, most)
    unit = 1 << (total.bit_length() - 1)
    while unit:
        # One class takes what is no multiple of the unit.
        for odd in range(len(most)):
            others = tuple(0 if g == odd else limit // unit for g, limit in enumerate(most))
            least = max(0, -(-(total - most[odd]) // unit))
            for units in range(least, min(total // unit, sum(others)) + 1):
                for split in _splits(units, others):
                    yield tuple(total - units * unit if g == odd else n * unit for g, n in enumerate(split))
        unit //= 2


def _filling(total: int, most: Counts) -> Iterator[Counts]:
    """Yield the splits that leave at most one class neither empty nor full: the vertices of all splits."""
    numbers = range(len(most))
    for size in range(1, len(most)):
        for full in itertools.combinations(numbers, size):
            rest = total - sum(most[g] for g in full)
            for last in numbers:
                if last not in full and 0 < rest <= most[last]:
                    yield tuple(most[g] if g in full else rest if g == last else 0 for g in numbers)


def _splits(total: int, most: Counts) -> Iterator[Counts]:
    """Yield every way to take ``total``; no branch is a dead end, so the first ones come at once."""
    if not most:
        if total == 0:
            yield ()
        return
    head, tail = most[0], most[1:]
    for taken in range(max(0, total - sum(tail)), min(total, head) + 1):
        yield from ((taken, *rest) for rest in _splits(total - taken, tail))
