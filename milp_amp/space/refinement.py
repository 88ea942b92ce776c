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
from milp_amp.space.grid import Vector
from milp_amp.space.group import Group
from milp_amp.space.mixtures import Mixture, Mixtures
from milp_amp.space.places import Place, Places, splits
from milp_amp.space.rounding import Rounding

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
    """Some mixtures.

    Attributes
    ----------
    nodes
        ``(N, G)``: nodes of every class.
    slowest, mixed
        ``(N,)``: the slowest class, and whether there are others.
    ring
        ``(N, 2)``: seconds to synchronise a byte, and however few they are.
    link
        ``(N,)``: seconds per byte, there and back, that a boundary needs at least.
    """

    nodes: IntArray
    slowest: IntArray
    mixed: npt.NDArray[np.bool_]
    ring: FloatArray
    link: FloatArray


class Refinement:
    """The mixtures of one instance."""

    def __init__(self, places: Places, mixtures: Mixtures) -> None:
        self._places = places
        self._mixtures = mixtures
        self._sizes = np.array([kind.devices_per_node for kind in mixtures.classes])
        self._sets = lru_cache(maxsize=64)(self._list)

    def places(
        self, mixtures: Sequence[Mixture], rounding: Rounding, cell: Relaxed, most: int
    ) -> tuple[Place, ...] | None:  # fmt: skip
        """Return the places that the plans of a cell can use; ``None`` if there may be more than ``most``."""
        found: list[Place] = []
        claimed: set[Group] = set()
        joining: list[Mixture] = []
        for n in np.flatnonzero(cell.through < cell.cutoff).tolist():
            place = mixtures[n]
            if place.filled == 0:
                found.append(Place(place.group, place.tensor_parallel, 0))
            elif not place.fresh:
                joining.append(place)
            else:
                groups = self._groups(place, rounding, cell, n)
                if groups is None or len(found) + len(groups) > most:
                    return None
                found += [Place(group, place.tensor_parallel, place.filled) for group in groups]
                claimed.update(groups)
        for place in joining:
            found += [
                Place(group, place.tensor_parallel, place.filled) for group in claimed if self._stands(place, group)
            ]
        return tuple(sorted(found)) if len(found) <= most else None

    def _groups(self, place: Mixture, rounding: Rounding, cell: Relaxed, n: int) -> list[Group] | None:
        """Return the groups that stand behind the ``n``-th place and that a stage can claim."""
        each = place.group.replicas_per_node
        sets = self._sets(sum(place.group.nodes), each, place.tensor_parallel)
        if sets is None:
            return None
        chosen = (sets.slowest == place.slowest) & (sets.mixed == place.mixed) & (sets.link <= cell.slowest_link)
        nodes, ring = sets.nodes[chosen], sets.ring[chosen]
        usage = nodes * self._sizes
        fare = usage @ cell.prices[: len(self._sizes)]
        fare = fare + rounding.rows(usage) @ cell.prices[len(cell.prices) - len(rounding.unit) :]
        sigma = ring[:, 0] * cell.synchronised[n] + ring[:, 1]
        late = np.maximum(0.0, sigma - cell.box.synchronisation_floor)
        alive = (sigma <= cell.box.synchronisation) & (cell.through[n] - cell.fare[n] + fare + late < cell.cutoff)
        return [Group(tuple(row), each) for row in nodes[alive].tolist()]

    def _stands(self, place: Mixture, group: Group) -> bool:
        """Whether a place that joins others on its nodes stands for one on a group."""
        if group.replicas_per_node != place.group.replicas_per_node or sum(group.nodes) != sum(place.group.nodes):
            return False
        able = self._able(place.tensor_parallel, group.replicas_per_node)
        fits = all(able[g] and self._sizes[g] >= place.filled for g, n in enumerate(group.nodes) if n)
        return fits and self._kind(group.nodes) == (place.slowest, place.mixed)

    def _kind(self, nodes: Vector) -> tuple[int, bool]:
        present = [g for g in self._mixtures.rank if nodes[g]]
        return present[-1], len(present) > 1

    def _able(self, tensor_parallel: int, each: int) -> list[bool]:
        return [self._mixtures.able(kind, tensor_parallel, each) for kind in self._mixtures.classes]

    def _list(self, width: int, each: int, tensor_parallel: int) -> _Sets | None:
        """Return the mixtures of a shape; ``None`` where they are too many."""
        able = self._able(tensor_parallel, each)
        most = tuple(len(kind.nodes) if can else 0 for kind, can in zip(self._mixtures.classes, able, strict=True))
        found = list(itertools.islice(splits(width, most), MOST_SETS + 1))
        if len(found) > MOST_SETS:
            return None
        kinds = [self._kind(nodes) for nodes in found]
        members = np.array(found).reshape(len(found), len(most))
        return _Sets(
            members,
            np.array([slowest for slowest, _ in kinds], np.int64),
            np.array([mixed for _, mixed in kinds], np.bool_),
            np.array([self._places.ring(Group(nodes, each), tensor_parallel) for nodes in found]).reshape(-1, 2),
            self._least_links(members, each),
        )

    def _least_links(self, members: IntArray, each: int) -> FloatArray:
        places, d = self._places, int(members[0].sum() if len(members) else 0) * each
        widths = [d // c for _, c in places.widths(d, tuple(places.tensor_degrees))]
        return self._mixtures.partners.least_link(members, each, min(widths, default=1))
