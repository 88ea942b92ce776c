"""Interval path as a constraint program (OR-Tools CP-SAT): branches on the bottleneck itself.

Question. Tensor degree, data degree, microbatch size, layout, stages and their devices, all at once, for
the least step time.

Mathematics. One program per configuration ``c = (t, d, b, layout)`` over the path graph of
``space.pathgraph``: a literal ``x[a]`` for every column ``a = (i, j, φ, n)`` and ``y`` for every join.
Seconds are integers: ticks, rounded down, so that the program's optimum is a lower bound; the plan it
finds is priced in seconds.

    min   Σ τ[a] x[a] + Σ κ[y] y + (m − 1) W + S
    s.t.  one_path        exactly one column ends at the last layer
          leave_state     Σ_{a into s} x[a] = Σ_{y out of s} y           every state s before the first layer
          enter_place     Σ_{y into q} y = Σ_{a out of q} x[a]           every place q but the last layer's
          cover           exactly one column covers every layer          (implied; it helps to propagate)
          bottleneck      Σ_{a covers l} τ[a] x[a] <= W                  every layer l
          station         Σ_{y over i} κ[y] y <= W                       every boundary i, if links are stations
          synchronisation Σ_{a covers l} σ[a] x[a] <= S                  every layer l
          capacity        Σ n[a, g] x[a] <= Q[g]                         every class g
          memory          x[a] ⇒ Σ_{a' starts at or after i} x[a'] <= K[a]   every a that starts at i
          W₁ <= W <= W₂,  S₁ <= S <= S₂

``W₂`` and ``S₂`` come from the incumbent, ``W₁`` and ``S₁`` from the pre-pass; columns and joins on no path
that could beat the incumbent are left out. A wide range of W is cut into narrow slices from below, so that
columns above a slice vanish from its program; slices of all configurations are opened by their bounds,
least first.

Exact over: the same space as ``interval_dp`` (uniform t and d, both layouts, mixed stages).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from milp_amp.bounds.prepass import Candidate, Prepass, Region
from milp_amp.engine.cpsat import CpStatus, solve_cpsat
from milp_amp.engine.export import check_suffix, export_program
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box, lowest_slice
from milp_amp.space.path import strategy_of
from milp_amp.space.pathgraph import PathGraph

TICKS = 10**11
"""Ticks in the largest step time of a program: rounding loses a tick per stage, boundary and microbatch."""


Cell = Candidate | Region


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations, least bound first."""
    check_suffix(limits.export_program, "interval_cpsat", (".pb",))
    search = Search(limits)

    def expand(bound: float, cell: Cell) -> Iterable[tuple[float, Cell | None]]:
        if isinstance(cell, Candidate):
            return bounds.open(cell, search.cutoff, lambda: search.stopped)
        return _close(bound, cell, instance, search)

    heap = BestFirst[Cell](search, expand)
    for candidate in bounds.candidates:
        heap.push(candidate.lower_bound, candidate)
    exhausted = heap.run()
    if limits.export_program is not None and search.strategy is not None:
        graph, box = bounds.graph_around(search.strategy, search.value)
        program, _ = build(graph, box, Ticks.for_graph(graph, box))
        export_program(limits.export_program, {".pb": program.export_to_file})
    return search.result(
        instance=instance.name,
        formulation="interval_cpsat",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("ortools"),
    )


def _close(bound: float, cell: Region, instance: Instance, search: Search) -> Iterable[tuple[float, Region | None]]:
    """Cut a narrow slice off a wide box, or solve a narrow one."""
    columns = cell.columns
    graph, box = cell.restrict(search.cutoff)
    if not graph.columns:
        return []
    if columns.weight > 0 and box.wide:
        parts = [cell.within(part) for part in lowest_slice(box)]
        return [(part.bound, part) for part in parts]
    scale = Ticks.for_graph(graph, box, search.cutoff)
    program, x = build(graph, box, scale)

    def found(chosen: list[int]) -> None:
        path = graph.path(graph.columns[a] for a in chosen)
        value = path.step_time(columns.weight)
        if value < search.value:
            search.improve(value, strategy_of(columns, path, instance.workload.schedule))

    outcome = solve_cpsat(
        program,
        x,
        found=found,
        bounded=lambda ticks: search.raise_cell_bound(scale.seconds(ticks)),
        stopped=lambda: search.stopped,
        time_limit=search.remaining,
        threads=search.limits.threads,
        seed=search.limits.seed,
    )
    if outcome.status is CpStatus.INFEASIBLE:
        return []
    proved = max(bound, scale.seconds(outcome.bound))
    if outcome.status is not CpStatus.OPTIMAL:
        return [(proved, cell)]
    # The incumbent it found may leave a smaller program, so finer ticks, or none at all.
    graph, box = cell.restrict(search.cutoff)
    if not graph.columns:
        return []
    finer = Ticks.for_graph(graph, box, search.cutoff).per_second > 2 * scale.per_second
    return [(proved, cell if finer else None)]


@dataclass(frozen=True)
class Ticks:
    """Seconds as integers, rounded down: a program in ticks never costs more than in seconds."""

    per_second: float

    @staticmethod
    def for_graph(graph: PathGraph, box: Box, cutoff: float = math.inf) -> "Ticks":
        """Return ticks fine enough for the largest step time the program can have below the cutoff."""
        layers, weight = graph.source.num_layers, graph.source.weight
        ceiling = min(box.bottleneck, max(graph.slowest, box.bottleneck_floor))
        kappa = max((join.kappa for join in graph.joins), default=0.0)
        sigma = max(column.sigma for column in graph.columns)
        largest = min((layers + weight) * ceiling + layers * kappa + sigma, cutoff)
        return Ticks(TICKS / max(largest, 1e-300))

    def __call__(self, seconds: float) -> int:
        """Return seconds as ticks, rounded down."""
        return math.floor(seconds * self.per_second)

    def ceiling(self, seconds: float, highest: int) -> int:
        """Return seconds as ticks, rounded up, at most ``highest``."""
        return min(highest, math.ceil(seconds * self.per_second)) if math.isfinite(seconds) else highest

    def seconds(self, ticks: float) -> float:
        """Return ticks as seconds."""
        return ticks / self.per_second


def build(graph: PathGraph, box: Box, ticks: Ticks) -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    """Return the program of a path graph in a box, and its column literals."""
    source = graph.source
    p = cp_model.CpModel()

    # Sets
    layers = range(source.num_layers)
    A, Y = range(len(graph.columns)), range(len(graph.joins))
    column, join = graph.columns, graph.joins
    states = sorted(s for s in graph.entering.keys() | graph.leaving.keys() if s.layer > 0)
    places = sorted(q for q in graph.placed.keys() | graph.arriving.keys() if q.layer < source.num_layers)
    covering = {i: [a for a in A if column[a].start <= i < column[a].stop] for i in layers}
    over = {i: [k for k in Y if join[k].state.layer == i] for i in layers}
    behind = {i: [a for a in A if column[a].start >= i] for i in layers}

    # Parameters
    tau, sigma = [ticks(a.tau) for a in column], [ticks(a.sigma) for a in column]
    kappa = [ticks(k.kappa) for k in join]
    slowest, widest = max(*tau, *kappa, 0), max(sigma)
    longest = min(source.grid.max_stages, source.num_layers)

    # Variables
    x = [p.new_bool_var(f"x_{a}") for a in A]
    y = [p.new_bool_var(f"y_{k}") for k in Y]
    W = p.new_int_var(min(ticks(box.bottleneck_floor), slowest), ticks.ceiling(box.bottleneck, slowest), "W")
    S = p.new_int_var(min(ticks(box.synchronisation_floor), widest), ticks.ceiling(box.synchronisation, widest), "S")

    # Objective
    p.minimize(sum(tau[a] * x[a] for a in A) + sum(kappa[k] * y[k] for k in Y) + source.weight * W + S)

    # Constraints
    p.add_exactly_one(x[a] for a in A if column[a].stop == source.num_layers).with_name("one_path")
    for s in states:
        into, out = graph.entering.get(s, ()), graph.leaving.get(s, ())
        p.add(sum(x[a] for a in into) == sum(y[k] for k in out)).with_name("leave_state")
    for q in places:
        into, out = graph.arriving.get(q, ()), graph.placed.get(q, ())
        p.add(sum(y[k] for k in into) == sum(x[a] for a in out)).with_name("enter_place")
    for i in layers:
        p.add_exactly_one(x[a] for a in covering[i]).with_name("cover")
        p.add(sum(tau[a] * x[a] for a in covering[i]) <= W).with_name("bottleneck")
        p.add(sum(sigma[a] * x[a] for a in covering[i]) <= S).with_name("synchronisation")
        if source.links_are_stations and over[i]:
            p.add(sum(kappa[k] * y[k] for k in over[i]) <= W).with_name("station")
    for g, capacity in enumerate(source.grid.capacity):
        p.add(sum(graph.uses(column[a])[g] * x[a] for a in A) <= capacity).with_name("capacity")
    for a in A:
        if column[a].stages_to_end < longest:
            following = sum(x[k] for k in behind[column[a].start])
            p.add(following <= column[a].stages_to_end).only_enforce_if(x[a]).with_name("memory")
    return p, x
