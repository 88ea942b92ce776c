"""AMP's own search, exactly, with what it gets wrong (NeurIPS 2022; the baseline).

Sets
    L layers, numbered 0 … L−1;  candidates (t, d, b) of ``milp_amp.space.rank_order``, devices in rank order
Parameters, per candidate, all by the ``amp`` cost model
    e[l]       forward and backward seconds of layer l for one microbatch
    c[l, j]    seconds to move one microbatch from stage j to stage j+1 when layer l ends stage j
    m, p       microbatches per replica, stages

Partition.  If m = 1 the transformer layers are split evenly, the remainder to the first stages. Otherwise,
over (layers 0 … i, j cuts, time w of the slowest later stage):

    f(i, 0, w) = (m−1) · max(0, Σ e[0 … i] − w)
    f(i, j, w):  for cut = j−1 … i−1, in this order, with u = Σ e[cut+1 … i]:
                     try  = f(cut, j−1, max(u, w)) + (m−1) · max(0, u − w) + c[cut, j−1]
                     if try < best:  best = try − c[cut, j−1]                                       (forget)
    answer f(L−1, p−1, 0)

(forget) is AMP's oversight: the cost of a cut decides only against the best cut so far and is then
dropped, so the partition is not optimal for AMP's own cost. Kept here, as the baseline must have it.

Choice.  Candidates are ranked by the ``amp`` step time of their partition,

    Σ_l e[l] + Σ_cuts c + (m−1) · max stage + synchronisation,

and the first that fits the devices and keeps the restrictions is the answer (AMP itself knows neither: where the cost
model of the run does not limit memory, every candidate fits). Its objective is its price under the cost model of the
run. Nothing is proved: there is no bound. A warm start is not used: the answer would not be AMP's. A search
that was stopped has seen a part of the table, and its first choice is not AMP's: the note ``INTERRUPTED`` says so.

Vectorised: w takes only the values 0 and the interval sums of e, so f(·, j, ·) is a table over (i, rank of w).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.amp import AmpCost
from milp_amp.cost.network import Network
from milp_amp.engine.export import check_suffix
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import Search
from milp_amp.engine.versions import versions
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Model
from milp_amp.space.columns import IntArray, LayerTables
from milp_amp.space.configuration import Degrees
from milp_amp.space.rank_order import RankOrder, candidates

Partition = tuple[int, ...]
"""Boundaries ``(0, …, L)``: stage s holds layers ``[boundaries[s], boundaries[s + 1])``."""


def _never() -> bool:
    return False


MAX_ENTRIES = 60_000_000
"""Entries of the recursion's table above which it would need a gigabyte: about 150 layers in 40 stages."""


@dataclass(frozen=True)
class RankedCandidate:
    """One row of AMP's table: degrees, AMP's partition for them, and the seconds AMP predicts."""

    tensor_parallel: int
    data_parallel: int
    pipeline_parallel: int
    microbatch_size: int
    boundaries: Partition
    predicted_seconds: float


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Return AMP's first choice that fits the devices, priced under ``bounds.costs``."""
    check_suffix(limits.export_program, "amp_dp", ())
    search = Search(replace(limits, start=None))
    tables = bounds.tables  # first of all: AMP's table takes seconds that a question beyond it should not cost
    interrupted = False

    def stopped() -> bool:
        nonlocal interrupted
        interrupted = interrupted or search.stopped
        return interrupted

    table = rank_candidates(instance, bounds.costs.network, stopped)
    for row in table:
        placement = RankOrder(tables, _degrees(instance, row))
        if placement.fits(row.boundaries):
            search.improve(placement.step_time(row.boundaries), placement.strategy(row.boundaries))
            break
    return search.result(
        instance=instance.name,
        formulation="amp_dp",
        cost_model=bounds.costs.name,
        exhausted=False,
        versions=versions("numpy"),
        notes=_notes(len(table), search.strategy is not None, interrupted),
    )


def _notes(candidates: int, found: bool, interrupted: bool) -> tuple[str, ...]:
    seen = f"the first {candidates} of AMP's candidates" if interrupted else f"AMP's {candidates} candidates"
    outcome = f"first choice among {seen}; it proves nothing" if found else f"none of {seen} fits; that proves nothing"
    return (outcome, INTERRUPTED) if interrupted else (outcome,)


def rank_candidates(
    instance: Instance, network: Network, stopped: Callable[[], bool] = _never
) -> tuple[RankedCandidate, ...]:
    """Return AMP's whole table, best prediction first; what it has by then where ``stopped`` turns true.

    Raises
    ------
    FormulationError
        If the nodes of the cluster differ in their number of devices.
    """
    return tuple(sorted(_rows(instance, network, stopped), key=lambda row: row.predicted_seconds))


def _rows(instance: Instance, network: Network, stopped: Callable[[], bool]) -> Iterator[RankedCandidate]:
    tables = LayerTables(AmpCost(instance, network))
    for degrees in candidates(tables):
        if stopped():
            return
        placement = RankOrder(tables, degrees)
        boundaries = partition(placement, instance.model, stopped)
        if boundaries is None:
            continue
        yield RankedCandidate(
            tensor_parallel=degrees.tensor_parallel,
            data_parallel=degrees.data_parallel,
            pipeline_parallel=placement.pipeline_parallel,
            microbatch_size=degrees.microbatch_size,
            boundaries=boundaries,
            predicted_seconds=placement.step_time(boundaries),
        )


def _degrees(instance: Instance, row: RankedCandidate) -> Degrees:
    per_replica = instance.workload.global_batch_size // row.data_parallel
    return Degrees(row.tensor_parallel, row.data_parallel, row.microbatch_size, per_replica // row.microbatch_size)


def partition(placement: RankOrder, model: Model, stopped: Callable[[], bool] = _never) -> Partition | None:
    """Return AMP's boundaries for one candidate; ``None`` where it would leave a stage empty, or was stopped."""
    if placement.weight == 0:
        return even_split(model, placement.pipeline_parallel)
    return _recursion(placement, stopped)


def even_split(model: Model, p: int) -> Partition | None:
    """Return AMP's boundaries for m = 1: transformers split evenly, the remainder to the first stages.

    The layers before the first transformer go to the first stage and those after the last one to the last.
    Where none follow, AMP's program counts the transformers from layer 0, and the last stage takes what is left.
    """
    kinds = [layer.kind for layer in model.chain]
    L = len(kinds)
    transformers = [place for place, kind in enumerate(kinds) if kind == "transformer"] or list(range(L))
    if p > len(transformers):
        return None
    before = transformers[0] if transformers[-1] < L - 1 else 0
    share, remainder = divmod(len(transformers), p)
    return (0, *(before + share * s + min(s, remainder) for s in range(1, p)), L)


def _recursion(placement: RankOrder, stopped: Callable[[], bool]) -> Partition | None:
    """Evaluate f(L−1, p−1, 0) for all (i, w) at once, cut by cut in AMP's order."""
    L, p = placement.num_layers, placement.pipeline_parallel
    U = placement.stage_seconds[0]  # the amp model's stages are all alike: U[i, j] = Σ e[i … j−1]
    w = np.unique(np.append(U[np.isfinite(U)], 0.0))
    if p * L * len(w) > MAX_ENTRIES:
        raise FormulationError(
            f"model.layers: {L} layers in {p} stages make {p * L * len(w)} entries in AMP's recursion, "
            f"expected at most {MAX_ENTRIES}"
        )
    rank = np.searchsorted(w, U)
    every = np.arange(len(w))
    f = placement.weight * np.maximum(0.0, U[0, 1:, None] - w)
    cuts = np.zeros((p, L, len(w)), dtype=np.int32)
    for j in range(1, p):
        if stopped():
            return None
        best = np.full((L, len(w)), np.inf)
        last = L - (p - 1 - j)  # every later stage needs a layer
        for cut in range(j - 1, last - 1):
            c = placement.boundary_seconds[j - 1][cut + 1]
            u = U[cut + 1, cut + 2 : last + 1, None]
            later = np.maximum(rank[cut + 1, cut + 2 : last + 1, None], every)
            attempt = f[cut][later] + placement.weight * np.maximum(0.0, u - w) + c
            better = attempt < best[cut + 1 : last]
            best[cut + 1 : last][better] = attempt[better] - c
            cuts[j, cut + 1 : last][better] = cut
        f = best
    return _trace(cuts, rank, L)


def _trace(cuts: npt.NDArray[np.int32], rank: IntArray, L: int) -> Partition:
    """Follow the kept cuts from the last layer back to the first."""
    boundaries = [L]
    i, slowest = L - 1, 0
    for j in range(len(cuts) - 1, 0, -1):
        cut = int(cuts[j, i, slowest])
        slowest = max(slowest, int(rank[cut + 1, i + 1]))
        boundaries.append(cut + 1)
        i = cut
    return (0, *reversed(boundaries))
