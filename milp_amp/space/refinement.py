"""The mixtures of node classes that the plans of a cell can use, one by one.

Let the paths over ``space.mixtures`` through a place cost at least ``through``, and its stage pay ``fare``. Those whose
stage is on one certain mixture, which takes ``usage``, cost at least ``through − fare + λ · usage``. Most mixtures
reach the cutoff by that alone, and no program of them is ever built.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import IntArray
from milp_amp.space.grid import Vector
from milp_amp.space.mixtures import Mixture, Mixtures
from milp_amp.space.places import Group, Place, splits
from milp_amp.space.rounding import Rounding

MOST_SETS = 50_000
"""Mixtures of one shape above which they are not listed."""


@dataclass(frozen=True, eq=False)
class _Sets:
    """Nodes of every class ``(N, G)``; the slowest class of each ``(N,)``, and whether there are others."""

    nodes: IntArray
    slowest: IntArray
    mixed: npt.NDArray[np.bool_]


class Refinement:
    """The mixtures of one instance."""

    def __init__(self, mixtures: Mixtures) -> None:
        self._mixtures = mixtures
        self._sizes = np.array([kind.devices_per_node for kind in mixtures.classes])
        self._sets = lru_cache(maxsize=64)(self._list)

    def places(
        self, mixtures: Sequence[Mixture], rounding: Rounding, through: FloatArray, fare: FloatArray,
        prices: FloatArray, cutoff: float, most: int,
    ) -> tuple[Place, ...] | None:  # fmt: skip
        """Return the places that plans below the cutoff can use; ``None`` if there may be more than ``most``.

        Parameters
        ----------
        mixtures, through, fare
            ``K`` each: what stands for them, the least step time in seconds of plans there, and what stages pay.
        rounding, prices
            Rows, and the prices ``(R,)`` that ``through`` is under, those of the rows last.
        """
        found: list[Place] = []
        claimed: set[Group] = set()
        joining: list[Mixture] = []
        for n in np.flatnonzero(through < cutoff).tolist():
            place = mixtures[n]
            if place.filled == 0:
                found.append(Place(place.group, place.tensor_parallel, 0))
            elif not place.fresh:
                joining.append(place)
            else:
                groups = self._groups(place, rounding, prices, cutoff - through[n] + fare[n])
                if groups is None or len(found) + len(groups) > most:
                    return None
                found += [Place(group, place.tensor_parallel, place.filled) for group in groups]
                claimed.update(groups)
        for place in joining:
            found += [
                Place(group, place.tensor_parallel, place.filled) for group in claimed if self._stands(place, group)
            ]
        return tuple(sorted(found)) if len(found) <= most else None

    def _groups(self, place: Mixture, rounding: Rounding, prices: FloatArray, most: float) -> list[Group] | None:
        """Return the groups of a place that a stage can claim for less than ``most``."""
        each = place.group.replicas_per_node
        sets = self._sets(sum(place.group.nodes), each, place.tensor_parallel)
        if sets is None:
            return None
        nodes = sets.nodes[(sets.slowest == place.slowest) & (sets.mixed == place.mixed)]
        usage = nodes * self._sizes
        fare = usage @ prices[: len(self._sizes)]
        fare = fare + rounding.rows(usage) @ prices[len(prices) - len(rounding.unit) :]
        return [Group(tuple(row), each) for row in nodes[fare < most].tolist()]

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
        return _Sets(
            np.array(found).reshape(len(found), len(most)),
            np.array([slowest for slowest, _ in kinds], np.int64),
            np.array([mixed for _, mixed in kinds], np.bool_),
        )
