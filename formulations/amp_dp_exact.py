"""AMP's space with the partition solved exactly: the baseline without the baseline's mistake.

Sets
    C   candidates (t, d, b) of ``milp_amp.space.rank_order``, devices in rank order;  p stages, m microbatches
    Π   partitions of the L layers into p intervals, one per stage, that fit the devices (memory)
Parameters, per candidate, by the cost model of the run
    τ[s, i, j]   seconds of stage s on layers [i, j)       κ[s, j]   seconds from stage s to s+1 before layer j
    σ[s, i, j]   seconds to synchronise that stage

    min over C and Π of   Σ τ + Σ κ + (m−1) W + S,     W = max τ (and κ, where links are stations),  S = max σ

Threshold.  P(W₂, S₂) = least Σ τ + Σ κ over the partitions with every τ (and κ) ≤ W₂ and every σ ≤ S₂: a
shortest path over (stage, boundary), found by dynamic programming. P falls when W₂ or S₂ rises, so every
partition of the box W₁ ≤ W ≤ W₂, S₁ ≤ S ≤ S₂ costs at least

    P(W₂, S₂) + (m−1) W₁ + S₁.                                                                        (box)

Reduce.  With incumbent U, a better partition of the box has (m−1) W + S < U − P(W₂, S₂), hence
W < (U − P − S₁) / (m−1) and S < U − P − (m−1) W₁. What is left is halved where it is wider, in seconds.

Exact.  W and S take finitely many values, the entries of τ, κ and σ; boxes are ranges of them and every
half is smaller. A box of a single point is closed by its own path: that path costs no more than (box).
All boxes of all candidates lie on one best-bound heap, so its top bounds the whole space at any moment. A
candidate enters with the bound ``_least`` before any path is computed.

The proof is over this space: AMP's degrees and AMP's rank order, not every placement.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.network import FloatArray
from milp_amp.engine.export import check_suffix
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.columns import IntArray
from milp_amp.space.rank_order import RankOrder, candidates

Partition = tuple[int, ...]


@dataclass(frozen=True)
class _Box:
    """Positions of W₁, W₂, S₁, S₂ among the values that W and S can take."""

    W1: int
    W2: int
    S1: int
    S2: int


_Cell = tuple["_Program", _Box | None]
"""A candidate and what is left of it; ``None`` before it is first opened."""


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Return the best partition of AMP's best candidate under ``bounds.costs``, with its proof over that space."""
    check_suffix(limits.export_program, "amp_dp_exact", ())
    search = Search(limits)

    def expand(_: float, cell: _Cell) -> Iterator[tuple[float, _Cell]]:
        program, box = cell
        return program.branch(search, box or program.everything)

    heap = BestFirst(search, expand)
    for degrees in candidates(bounds.tables):
        placement = RankOrder(bounds.tables, degrees)
        heap.push(_least(placement), (_Program(placement), None))
    exhausted = heap.run()
    return search.result(
        instance=instance.name,
        formulation="amp_dp_exact",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("numpy"),
        notes=("the bound holds for AMP's space: uniform degrees, devices in rank order",),
    )


def _least(placement: RankOrder) -> float:
    """Return seconds that no partition of the candidate beats.

    Proof: every layer takes at least its time on the device type that is fastest at it, so Σ τ is at least
    their sum, and W at least its p-th part and at least the longest one; no boundary is cheaper than the
    cheapest of its place.
    """
    layers = np.min([placement.layer_seconds(name) for name in placement.device_types], axis=0)
    total = float(layers.sum())
    cheapest = [float(kappa[1:-1].min()) for kappa in placement.boundary_seconds]
    stations = cheapest if placement.links_are_stations else []
    W = max(total / placement.pipeline_parallel, float(layers.max()), *stations)
    return total + sum(cheapest) + placement.weight * W


class _Program:
    """P(W₂, S₂) of one candidate, and the boxes over it."""

    def __init__(self, placement: RankOrder) -> None:
        self._placement = placement

    @cached_property
    def _tau(self) -> list[FloatArray]:
        """τ where the stage fits its devices, ``inf`` elsewhere."""
        place = self._placement
        return [np.where(ok, tau, math.inf) for ok, tau in zip(place.memory_allows, place.stage_seconds, strict=True)]

    @cached_property
    def _W(self) -> FloatArray:
        """Every value W can take, rising."""
        stations = [tau[np.isfinite(tau)] for tau in self._tau]
        if self._placement.links_are_stations:
            stations += self._placement.boundary_seconds
        return np.unique(np.concatenate(stations))

    @cached_property
    def _S(self) -> FloatArray:
        """Every value S can take, rising."""
        return np.unique(np.concatenate([sigma.ravel() for sigma in self._placement.synchronisation_seconds]))

    @property
    def everything(self) -> _Box:
        """The box that holds every partition."""
        return _Box(0, len(self._W) - 1, 0, len(self._S) - 1)

    def branch(self, search: Search, box: _Box) -> Iterator[tuple[float, _Cell]]:
        """Offer the cheapest path of a box as incumbent and return what is left as two boxes with bounds."""
        if box.W2 < 0:
            return  # no stage of this candidate fits any device
        P, path = self.cheapest(float(self._W[box.W2]), float(self._S[box.S2]))
        if path is None:
            return
        value = self._placement.step_time(path)
        if value < search.value:
            search.improve(value, self._placement.strategy(path))
        for part in self._halve(self._reduce(box, search.value - P), box):
            yield P + self._placement.weight * float(self._W[part.W1]) + float(self._S[part.S1]), (self, part)

    def _reduce(self, box: _Box, room: float) -> _Box:
        """Keep the part of a box where ``(m−1) W + S < room`` is possible."""
        weight = self._placement.weight
        below_S = int(np.searchsorted(self._S, room - weight * self._W[box.W1]))
        below_W = int(np.searchsorted(self._W, (room - self._S[box.S1]) / weight)) if weight else len(self._W)
        return _Box(box.W1, min(box.W2, below_W - 1), box.S1, min(box.S2, below_S - 1))

    def _halve(self, box: _Box, opened: _Box) -> list[_Box]:
        """Split what is left of an opened box in the middle of its wider side, in seconds.

        Nothing is left of an empty box, nor of an opened point; what has shrunk to a point is yet to be opened.
        """
        if box.W1 > box.W2 or box.S1 > box.S2:
            return []
        width = self._placement.weight * (self._W[box.W2] - self._W[box.W1])
        height = self._S[box.S2] - self._S[box.S1]
        if width == height == 0.0:
            return [] if box == opened else [box]  # a point is closed by its own path, not by a wider box's
        if width >= height:
            k = _middle(self._W, box.W1, box.W2)
            return [_Box(box.W1, k, box.S1, box.S2), _Box(k + 1, box.W2, box.S1, box.S2)]
        k = _middle(self._S, box.S1, box.S2)
        return [_Box(box.W1, box.W2, box.S1, k), _Box(box.W1, box.W2, k + 1, box.S2)]

    def cheapest(self, W: float, S: float) -> tuple[float, Partition | None]:
        """Return P(W, S) and a partition that reaches it; ``(inf, None)`` where there is none."""
        L = self._placement.num_layers
        f = np.append(0.0, np.full(L, math.inf))
        stops: list[IntArray] = []
        for s, tau in enumerate(self._tau):
            if s > 0:
                f = f + self._links(s - 1, W)
            allowed = (tau <= W) & (self._placement.synchronisation_seconds[s] <= S)
            total = f[:-1, None] + np.where(allowed, tau, math.inf)
            stops.append(total.argmin(axis=0))
            f = total.min(axis=0)
        if not math.isfinite(f[L]):
            return math.inf, None
        boundaries = [L]
        for first in reversed(stops):
            boundaries.append(int(first[boundaries[-1]]))
        return float(f[L]), tuple(reversed(boundaries))

    def _links(self, s: int, W: float) -> FloatArray:
        kappa = self._placement.boundary_seconds[s]
        return np.where(kappa <= W, kappa, math.inf) if self._placement.links_are_stations else kappa


def _middle(values: FloatArray, low: int, high: int) -> int:
    """Return the last position in ``low … high − 1`` whose value is at most midway."""
    k = int(np.searchsorted(values, (values[low] + values[high]) / 2, side="right")) - 1
    return min(max(k, low), high - 1)
