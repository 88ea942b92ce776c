"""AMP's space with the partition solved exactly: the baseline without the baseline's mistake.

Sets
    C   candidates (t, d, b) of ``milp_amp.space.rank_order``, devices in rank order;  p stages, m microbatches
    Π   partitions of the L layers into p intervals, one per stage, that fit the devices (memory) and keep
        the restrictions
Parameters, per candidate, by the cost model of the run
    τ[s, i, j]   seconds of stage s on layers [i, j)       κ[s, j]   seconds from stage s to s+1 before layer j
    σ[s, i, j]   seconds to synchronise that stage

    min over C and Π of   Σ τ + Σ κ + (m−1) W + S,     W = max τ (and κ, where links are stations),  S = max σ

Threshold.  P(W₂, S₂) = least Σ τ + Σ κ over the partitions with every τ (and κ) ≤ W₂ and every σ ≤ S₂: a
shortest path over (stage, boundary), found by dynamic programming. P falls when W₂ or S₂ rises, so every
partition of the box W₁ ≤ W ≤ W₂, S₁ ≤ S ≤ S₂ costs at least

    P(W₂, S₂) + (m−1) W₁ + S₁.                                                                        (box)

Boxes.  One shortest path closes the part of its box above its own W and S; the rest is cut where it cannot
beat the incumbent, and halved (``milp_amp.space.boxes``). All boxes of all candidates lie on one best-bound
heap, so its top bounds the whole space at any moment. A candidate enters with a bound that needs no path.

The proof is over this space: AMP's degrees and AMP's rank order, not every placement. Where no plan of it keeps the
restrictions, one outside of it may: the answer is then unknown.
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
from milp_amp.space.boxes import Box, rest_of
from milp_amp.space.columns import IntArray
from milp_amp.space.rank_order import RankOrder, candidates

Partition = tuple[int, ...]

NOTHING_KEEPS = "no plan of AMP's space keeps the restrictions; one outside of it may"


@dataclass(frozen=True)
class _Cell:
    """A candidate and the box of its partitions that is left."""

    program: "_Program"
    box: Box


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Return the best partition of AMP's best candidate under ``bounds.costs``, with its proof over that space."""
    check_suffix(limits.export_program, "amp_dp_exact", ())
    search = Search(limits)

    def expand(_: float, cell: _Cell) -> Iterator[tuple[float, _Cell]]:
        return cell.program.branch(search, cell.box)

    heap = BestFirst(search, expand)
    for degrees in candidates(bounds.tables):
        placement = RankOrder(bounds.tables, degrees)
        box, seconds = _root(placement)
        heap.push(box.bound(seconds, placement.weight), _Cell(_Program(placement), box))
    exhausted = heap.run()
    nothing = exhausted and search.strategy is None and not instance.restrictions.free
    return search.result(
        instance=instance.name,
        formulation="amp_dp_exact",
        cost_model=bounds.costs.name,
        exhausted=exhausted and not nothing,
        versions=versions("numpy"),
        notes=(
            NOTHING_KEEPS if nothing else "the bound holds for AMP's space: uniform degrees, devices in rank order",
        ),
    )


def _root(placement: RankOrder) -> tuple[Box, float]:
    """Return the box of all partitions of the candidate, and seconds that no partition's ``Σ τ + Σ κ`` is below.

    Proof: every layer takes at least its time on the device type that is fastest at it, so Σ τ is at least
    their sum, and W at least its p-th part and at least the longest one; no boundary is cheaper than the
    cheapest of its place.
    """
    layers = np.min([placement.layer_seconds(name) for name in placement.device_types], axis=0)
    total = float(layers.sum())
    cheapest = [float(kappa[1:-1].min()) for kappa in placement.boundary_seconds]
    stations = cheapest if placement.links_are_stations else []
    W = max(total / placement.pipeline_parallel, float(layers.max()), *stations)
    return Box(bottleneck_floor=W), total + sum(cheapest)


class _Program:
    """P(W, S) of one candidate, and the boxes over it."""

    def __init__(self, placement: RankOrder) -> None:
        self._placement = placement

    @cached_property
    def _tau(self) -> list[FloatArray]:
        """τ where the stage may be, by its devices' memory and by the restrictions, ``inf`` elsewhere."""
        place = self._placement
        return [np.where(ok, tau, math.inf) for ok, tau in zip(place.allowed, place.stage_seconds, strict=True)]

    def branch(self, search: Search, box: Box) -> Iterator[tuple[float, _Cell]]:
        """Offer the cheapest path of a box as incumbent and return what is left as boxes with bounds."""
        path = self.cheapest(box.bottleneck, box.synchronisation)
        if path is None:
            return
        placement = self._placement
        value = placement.step_time(path)
        if value < search.value:
            search.improve(value, placement.strategy(path))
        for bound, rest in rest_of(box, placement.price(path), placement.weight, search.cutoff):
            yield bound, _Cell(self, rest)

    def cheapest(self, W: float, S: float) -> Partition | None:
        """Return a partition that reaches P(W, S), or ``None`` where there is none."""
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
            return None
        boundaries = [L]
        for first in reversed(stops):
            boundaries.append(int(first[boundaries[-1]]))
        return tuple(reversed(boundaries))

    def _links(self, s: int, W: float) -> FloatArray:
        kappa = self._placement.boundary_seconds[s]
        return np.where(kappa <= W, kappa, math.inf) if self._placement.links_are_stations else kappa
