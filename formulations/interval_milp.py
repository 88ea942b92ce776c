"""Interval path as a mixed-integer linear program (PuLP; HiGHS, CBC as fallback), with help on W.

Question. Tensor degree, data degree, microbatch size, layout, stages and their devices, all at once, for
the least step time.

Mathematics. One program per configuration ``c = (t, d, b, layout)`` and box ``[W₁, W₂] × [S₁, S₂]``, over
the path graph of ``space.pathgraph``: columns ``a = (i, j, φ, n)`` (layers ``[i, j)`` on composition ``n``
put at phase ``φ``) and joins ``y`` between consecutive columns.

    min   Σ τ[a] x[a] + Σ κ[y] y + (m − 1) W + S
    s.t.  one_path        Σ_{a ends at L} x[a] = 1
          leave_state     Σ_{a into s} x[a] = Σ_{y out of s} y           every state s before the first layer
          enter_place     Σ_{y into q} y = Σ_{a out of q} x[a]           every place q but the last layer's
          bottleneck      Σ_{a covers l} τ[a] x[a] <= W                  every layer l
          station         Σ_{y over i} κ[y] y <= W                       every boundary i, if links are stations
          synchronisation Σ_{a covers l} σ[a] x[a] <= S                  every layer l
          capacity        Σ n[a, g] x[a] <= Q[g]                         every class g (Hall's condition: with
                                                                         compositions, one row per class)
          memory          Σ_{a starts at or after i} x[a] + Σ_{a starts at i} (P − K[a]) x[a] <= P
                                                                         every layer i: at most K[a] stages
                                                                         from a to the end (P: longest path)
          W₁ <= W <= W₂,  S₁ <= S <= S₂,  x binary,  0 <= y <= 1

The relaxation averages the granular bottleneck away, so W is branched on from outside: boxes of all
configurations lie on one best-bound heap; a wide box is halved while its relaxation stays below the
incumbent, a narrow one is solved. In a box, columns and joins above ``W₂``, and those on no path that
could beat the incumbent, are left out before the program is built.

Exact over: the same space as ``interval_dp`` (uniform t and d, both layouts, mixed stages).
"""

import math
from collections.abc import Iterable

import pulp

from milp_amp.bounds.prepass import Candidate, Prepass, Region
from milp_amp.engine.export import check_suffix, export_program
from milp_amp.engine.limits import Limits
from milp_amp.engine.mip import MipStatus, solve_mip, subject_to
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box, halves
from milp_amp.space.path import strategy_of
from milp_amp.space.pathgraph import PathGraph


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations and boxes, least bound first."""
    check_suffix(limits.export_program, "interval_milp", (".lp", ".mps"))
    search = Search(limits)
    solvers: set[str] = set()

    def expand(bound: float, cell: Candidate | Region) -> Iterable[tuple[float, Candidate | Region | None]]:
        if isinstance(cell, Candidate):
            return bounds.open(cell, search.cutoff, lambda: search.stopped)
        return _close(bound, cell, instance, search, solvers)

    heap = BestFirst[Candidate | Region](search, expand)
    for candidate in bounds.candidates:
        heap.push(candidate.lower_bound, candidate)
    exhausted = heap.run()
    if limits.export_program is not None and search.strategy is not None:
        program, _ = build(*bounds.graph_around(search.strategy, search.value))
        export_program(limits.export_program, {".lp": program.writeLP, ".mps": program.writeMPS})
    return search.result(
        instance=instance.name,
        formulation="interval_milp",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("pulp", "highspy"),
        notes=("HiGHS failed or is missing: CBC took its place",) if "CBC" in solvers else (),
    )


def _close(
    bound: float, cell: Region, instance: Instance, search: Search, solvers: set[str]
) -> Iterable[tuple[float, Region | None]]:
    """Raise the bound of a wide box and halve it, or solve a narrow one."""
    columns = cell.columns
    graph, box = cell.restrict(search.cutoff)
    if not graph.columns:
        return []
    # The floor, not the slowest arc: a tolerance of a slow arc must not be a large part of the step time.
    unit = box.bottleneck_floor or graph.slowest or 1.0
    wide = columns.weight > 0 and box.wide  # a bottleneck that costs nothing is not worth a branch
    program, x = build(graph, box, unit)
    outcome = solve_mip(
        program,
        stopped=lambda: search.stopped,
        bounded=lambda bound: search.raise_cell_bound(bound * unit),
        time_limit=search.remaining,
        threads=search.limits.threads,
        seed=search.limits.seed,
        gap=search.limits.gap / 2,
        relax=wide,
    )
    solvers.add(outcome.solver)
    if outcome.status is MipStatus.INFEASIBLE:
        return []
    better = max(bound, outcome.bound * unit)
    if wide:
        return [(better, cell.within(half)) for half in halves(box)]
    if outcome.values is not None:
        chosen = [column for k, column in enumerate(graph.columns) if outcome.values[x[k].name] > 0.5]
        path = graph.path(chosen)
        value = path.step_time(columns.weight)
        if value < search.value:
            search.improve(value, strategy_of(columns, path, instance.workload.schedule))
    return [(better, None if outcome.status is MipStatus.OPTIMAL else cell)]


def build(graph: PathGraph, box: Box, unit: float = 1.0) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """Return the program of a path graph in a box, and its column variables.

    Its times count units of ``unit`` seconds: near 1, whatever the layers take, tolerances mean the same.
    """
    source = graph.source
    p = pulp.LpProblem("interval_path", pulp.LpMinimize)

    # Sets
    layers = range(source.num_layers)
    A, Y = range(len(graph.columns)), range(len(graph.joins))
    column, join = graph.columns, graph.joins
    states = [s for s in graph.entering.keys() | graph.leaving.keys() if s.layer > 0]
    places = [q for q in graph.placed.keys() | graph.arriving.keys() if q.layer < source.num_layers]
    covering = {i: [a for a in A if column[a].start <= i < column[a].stop] for i in layers}
    over = {i: [y for y in Y if join[y].state.layer == i] for i in layers}

    # Parameters
    tau, sigma = [c.tau / unit for c in column], [c.sigma / unit for c in column]
    kappa = [j.kappa / unit for j in join]
    capacity_of = source.grid.capacity
    longest = min(source.grid.max_stages, source.num_layers)
    binding = [i for i in layers if any(column[a].start == i and column[a].stages_to_end < longest for a in A)]

    # Variables
    x = [p.add_variable(f"x_{a}", cat=pulp.LpBinary) for a in A]
    y = [p.add_variable(f"y_{k}", lowBound=0, upBound=1) for k in Y]
    W = p.add_variable("W", lowBound=box.bottleneck_floor / unit, upBound=box.bottleneck / unit)
    S = p.add_variable("S", lowBound=box.synchronisation_floor / unit, upBound=_finite(box.synchronisation / unit))

    # Objective
    p += pulp.lpSum(tau[a] * x[a] for a in A) + pulp.lpSum(kappa[k] * y[k] for k in Y) + source.weight * W + S

    # Constraints
    subject_to(
        p,
        one_path={0: pulp.lpSum(x[a] for a in A if column[a].stop == source.num_layers) == 1},
        leave_state={
            k: pulp.lpSum(x[a] for a in graph.entering.get(s, ())) == pulp.lpSum(y[j] for j in graph.leaving.get(s, ()))
            for k, s in enumerate(sorted(states))
        },
        enter_place={
            k: pulp.lpSum(y[j] for j in graph.arriving.get(q, ())) == pulp.lpSum(x[a] for a in graph.placed.get(q, ()))
            for k, q in enumerate(sorted(places))
        },
        bottleneck={i: pulp.lpSum(tau[a] * x[a] for a in covering[i]) <= W for i in layers},
        station={
            i: pulp.lpSum(kappa[k] * y[k] for k in over[i]) <= W
            for i in layers
            if source.links_are_stations and over[i]
        },
        synchronisation={
            i: pulp.lpSum(sigma[a] * x[a] for a in covering[i]) <= S
            for i in layers
            if any(sigma[a] > 0 for a in covering[i])
        },
        capacity={
            g: pulp.lpSum(graph.uses(column[a])[g] * x[a] for a in A) <= limit for g, limit in enumerate(capacity_of)
        },
        memory={
            i: pulp.lpSum(x[a] for a in A if column[a].start >= i)
            + pulp.lpSum(
                (longest - column[a].stages_to_end) * x[a]
                for a in A
                if column[a].start == i and column[a].stages_to_end < longest
            )
            <= longest
            for i in binding
        },
    )
    return p, x


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
