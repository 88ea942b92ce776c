"""Interval path by dynamic programming: exact over both layouts, proved by branching on W and S.

Question. Tensor degree ``t``, data degree ``d``, microbatch size ``b``, layout, stages and their devices,
all at once, for the least step time.

Mathematics. For a configuration ``c = (t, d, b, layout)`` let

    P_c(W, S) = min Σ τ + Σ κ   over paths of columns with τ <= W, σ <= S (κ <= W where links are stations)

``P_c`` is a shortest path in the acyclic graph of states (first layer i, slots u taken of every class,
composition n of the stage placed last), built from the last layer to the first so that a state knows how
many stages follow it (``space.path``). The step time is

    min_c min_{W, S}  P_c(W, S) + (m_c − 1) W + S

and ``P_c`` never rises with W or S. So a box ``[W₁, W₂] × [S₁, S₂]`` costs at least
``P_c(W₂, S₂) + (m_c − 1) W₁ + S₁``, and one shortest path closes the part of the box above its own
bottleneck and synchronisation (``space.boxes``). Boxes of all configurations lie on one best-bound heap
under one incumbent; the heap's top is the joint bound at any moment. Choices that no answer may be
(``limits.without``) are left out of ``P_c`` by one more part of the state, what its stages are the end of
(``space.words``); nothing else changes.

Exact over: uniform t and d; stages on consecutive slots of their classes, stage by stage (any mixture of
classes in a stage, up to ``MAX_COMPOSITIONS`` mixtures) or replica by replica (one class per stage).
Scales with the product of the classes' slots: three classes of sixteen nodes take a second.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from milp_amp.bounds.prepass import Candidate, Prepass, Region
from milp_amp.engine.export import check_suffix
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.choice import stage_kind
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box, rest_of
from milp_amp.space.columns import Columns
from milp_amp.space.path import CheapestPath, strategy_of
from milp_amp.space.words import Words, words


@dataclass(frozen=True, eq=False)
class _Cell:
    """A box of one configuration; the shortest-path tables are shared by all boxes of it."""

    columns: Columns
    oracle: CheapestPath
    box: Box


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations and boxes, least bound first."""
    check_suffix(limits.export_program, "interval_dp", ())
    search = Search(limits)

    def left_out(columns: Columns) -> Words:
        degrees, kinds = columns.degrees, [bounds.device_types(taken) for taken in columns.compositions]
        letters = [stage_kind(degrees.tensor_parallel, types) for types in kinds]
        return words(limits.without, degrees.data_parallel, degrees.microbatch_size, letters)

    def expand(
        bound: float, cell: Candidate | Region | _Cell
    ) -> Iterable[tuple[float, Candidate | Region | _Cell | None]]:
        if isinstance(cell, Candidate):
            return bounds.open(cell, search.cutoff, lambda: search.stopped)
        if isinstance(cell, Region):
            return [(bound, _Cell(cell.columns, CheapestPath(cell.columns, left_out(cell.columns)), cell.box))]
        return _close(cell, instance, search)

    heap = BestFirst[Candidate | Region | _Cell](search, expand)
    for candidate in bounds.candidates:
        heap.push(candidate.lower_bound, candidate)
    exhausted = heap.run()
    return search.result(
        instance=instance.name,
        formulation="interval_dp",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("numpy"),
    )


def _close(cell: _Cell, instance: Instance, search: Search) -> Iterable[tuple[float, _Cell]]:
    """Find the box's shortest path; return the boxes that may still hold a better one."""
    columns = cell.columns
    path = cell.oracle.solve(cell.box.bottleneck, cell.box.synchronisation)
    if path is None:
        return []
    value = path.step_time(columns.weight)
    if value < search.value:
        search.improve(value, strategy_of(columns, path, instance.workload.schedule))
    rest = rest_of(cell.box, path, columns.weight, search.cutoff)
    return [(bound, _Cell(columns, cell.oracle, box)) for bound, box in rest]
