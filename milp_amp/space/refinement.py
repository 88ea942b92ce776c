"""The mixtures of node classes that the plans of a cell can use, one by one.

Let the paths over ``space.mixtures`` through a place cost at least ``through``, and its stage pay ``fare``. Those whose
stage is on one certain mixture, which takes ``usage``, cost at least ``through − fare + λ · usage``. Most mixtures
reach the cutoff by that and by how slowly they synchronise, and no program of them is ever built.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.boxes import Box
from milp_amp.space.chain import IntArray
from milp_amp.space.group import Group
from milp_amp.space.mixtures import Mixture, Mixtures
from milp_amp.space.places import Place, Places, splits
from milp_amp.space.rounding import Rounding

BoolArray = npt.NDArray[np.bool_]

MOST_SETS = 50_000
"""Mixtures of one shape above which they are not listed."""


@dataclass(frozen=True, eq=False)
class Relaxed:
    """What is known of a cell.

    Attributes
    ----------
    through, fare, synchronised
        ``(K,)``, for places that stand for mixtures: the least step time in seconds of plans there, what their stages
        pay, and the bytes that these synchronise at least.
    prices
        ``(R,)`` that ``through`` is under, those of the rows last.
    box, cutoff
        Of the plans that count.
    slowest_link
        Seconds per byte that no boundary of theirs takes; ``inf`` where a stage may have none.
    """

    through: FloatArray
    fare: FloatArray
    synchronised: FloatArray
    prices: FloatArray
    box: Box
    cutoff: float
    slowest_link: float


@dataclass(frozen=True, eq=False)
class _Sets:
    """All mixtures of a number of nodes, with a number of replicas on each.

    Attributes
    ----------
    groups, nodes
        ``(N,)``, and ``(N, G)``: nodes of every class.
    kinds
        By the slowest class, and whether there are others: the numbers of such mixtures.
    size
        ``(N,)``: devices of the smallest node.
    link
        ``(N,)``: seconds per byte, there and back, that a boundary between nodes needs at least.
    """

    groups: tuple[Group, ...]
    nodes: IntArray
    kinds: dict[tuple[int, bool], IntArray]
    size: IntArray
    link: FloatArray


@dataclass(frozen=True, eq=False)
class _Degree:
    """What a tensor degree makes of them: whether they can hold a stage, seconds per byte and more of its ring."""

    able: BoolArray
    rate: FloatArray
    latency: FloatArray


class Refinement:
    """The mixtures of one instance."""

    def __init__(self, places: Places, mixtures: Mixtures) -> None:
        self._places = places
        self._mixtures = mixtures
        self._sizes = np.array([kind.devices_per_node for kind in mixtures.classes])
        self._sets = lru_cache(maxsize=64)(self._list)
        self._degree = lru_cache(maxsize=64)(self._of_degree)

    def places(
        self, mixtures: Sequence[Mixture], rounding: Rounding, cell: Relaxed, most: int
    ) -> tuple[Place, ...] | None:  # fmt: skip
        """Return the places that the plans of a cell can use; ``None`` if there may be more than ``most``."""
        numbers = np.flatnonzero(cell.through < cell.cutoff).tolist()
        shared = [n for n in numbers if mixtures[n].filled == 0]
        found = [Place(mixtures[n].group, mixtures[n].tensor_parallel, 0) for n in shared]
        claimed: dict[tuple[int, int], BoolArray] = {}
        fares: dict[tuple[int, int], FloatArray] = {}
        for n in sorted(set(numbers) - set(shared), key=lambda n: not mixtures[n].fresh):
            place = mixtures[n]
            shape = sum(place.group.nodes), place.group.replicas_per_node
            sets = self._sets(*shape)
            if sets is None:
                return None
            if shape not in fares:
                claimed[shape] = np.zeros(len(sets.groups), np.bool_)
                fares[shape] = self._fares(sets, rounding, cell)
            chosen = self._alive(sets, fares[shape], place, cell, n)
            if place.fresh:
                claimed[shape][chosen] = True
            else:
                chosen = chosen[claimed[shape][chosen]]
            if len(found) + len(chosen) > most:
                return None
            found += [Place(sets.groups[x], place.tensor_parallel, place.filled) for x in chosen.tolist()]
        return tuple(sorted(found))

    def _fares(self, sets: _Sets, rounding: Rounding, cell: Relaxed) -> FloatArray:
        """Return what claiming every set costs ``(N,)``."""
        usage = sets.nodes * self._sizes
        prices, rows = cell.prices[: len(self._sizes)], cell.prices[len(cell.prices) - len(rounding.unit) :]
        fares: FloatArray = usage @ prices + rounding.rows(usage) @ rows
        return fares

    def _alive(self, sets: _Sets, fares: FloatArray, place: Mixture, cell: Relaxed, n: int) -> IntArray:
        """Return the numbers of the sets that can stand behind the ``n``-th place."""
        degree = self._degree(sum(place.group.nodes), place.group.replicas_per_node, place.tensor_parallel)
        kind = sets.kinds.get((place.slowest, place.mixed), np.zeros(0, np.int64))
        sigma = degree.rate[kind] * cell.synchronised[n] + degree.latency[kind]
        least = cell.through[n] + np.maximum(0.0, sigma - cell.box.synchronisation_floor)
        if place.fresh:
            least += fares[kind] - cell.fare[n]
        stands = degree.able[kind] & (sets.size[kind] >= place.filled) & (sets.link[kind] <= cell.slowest_link)
        alive: IntArray = kind[stands & (sigma <= cell.box.synchronisation) & (least < cell.cutoff)]
        return alive

    def _list(self, width: int, each: int) -> _Sets | None:
        """Return the mixtures of a shape; ``None`` where they are too many."""
        most = tuple(len(kind.nodes) for kind in self._mixtures.classes)
        found = list(itertools.islice(splits(width, most), MOST_SETS + 1))
        if len(found) > MOST_SETS:
            return None
        nodes = np.array(found).reshape(len(found), len(most))
        present = nodes > 0
        rank = np.array(self._mixtures.rank)
        slowest = rank[present.shape[1] - 1 - np.argmax(present[:, rank[::-1]], axis=1)]
        mixed = present.sum(axis=1) > 1
        return _Sets(
            tuple(Group(one, each) for one in found),
            nodes,
            {(g, m): np.flatnonzero((slowest == g) & (mixed == m)) for g in rank.tolist() for m in (False, True)},
            np.where(present, self._sizes, self._sizes.max()).min(axis=1),
            self._least_links(nodes, width, each),
        )

    def _of_degree(self, width: int, each: int, tensor_parallel: int) -> _Degree:
        sets = self._sets(width, each)
        assert sets is not None
        unable = [not self._mixtures.able(kind, tensor_parallel, each, width) for kind in self._mixtures.classes]
        able: BoolArray = (sets.nodes[:, unable] == 0).all(axis=1)
        rings = np.zeros((len(able), 2))
        for x in np.flatnonzero(able).tolist():
            rings[x] = self._places.ring(sets.groups[x], tensor_parallel)
        return _Degree(able, rings[:, 0], rings[:, 1])

    def _least_links(self, nodes: IntArray, width: int, each: int) -> FloatArray:
        d = width * each
        widths = [d // c for _, c in self._places.widths(d, tuple(self._places.tensor_degrees))]
        return self._mixtures.partners.least_link(nodes, each, min(widths, default=1))
