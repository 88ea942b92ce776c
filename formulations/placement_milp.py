"""Placement as a mixed-integer linear program (PuLP; HiGHS, CBC as fallback), with help on W.

Question. Data degree, microbatch size, stages, the tensor degree and the devices of each, all at once, for the least
step time.

Mathematics. One program per configuration ``c = (d, b)`` and box ``[W₁, W₂] × [S₁, S₂]``, over the graph of
``space.placed_graph``: columns ``a = (i, j, k)`` (layers ``[i, j)`` on place ``k``) and links ``y`` from a kind of
sender to a kind of receiver over a boundary.

    min   Σ τ[a] x[a] + Σ κ[y] y + (m − 1) W + S
    s.t.  one_path        Σ_{a ends at L} x[a] = 1
          leave_place     Σ_{a of kind r ends at i} x[a] = Σ_{y out of r over i} y       every boundary i, sender r
          enter_place     Σ_{y into s over i} y = Σ_{a of kind s begins at i} x[a]       every boundary i, receiver s
          bottleneck      Σ_{a covers l} τ[a] x[a] <= W                  every layer l
          station         Σ_{y over i} κ[y] y <= W                       every boundary i, if links are stations
          synchronisation Σ_{a covers l} σ[a] x[a] <= S                  every layer l
          capacity        Σ usage[k, r] x[a] <= capacity[r]              every resource r
          memory          Σ_{a starts at or after i} x[a] + Σ_{a starts at i} (P − K[a]) x[a] <= P
                                                                         every layer i: at most K[a] stages
                                                                         from a to the end (P: layers)
          W₁ <= W <= W₂,  S₁ <= S <= S₂,  x binary,  0 <= y <= 1

The relaxation averages the granular bottleneck away, so W and S are branched on from outside: boxes of all
configurations lie on one best-bound heap; their bounds are priced shortest paths (``space.priced``). In a box, columns
and links stay only if a path through them could cost less than an *aim*: the incumbent, or, where that leaves too many,
a little more than the box's bound. No plan below the aim proves the aim. What is too large even so is split further.

Exact over: the same space as ``placement_search`` where costs are per byte; its docstring says which.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pulp

from milp_amp.bounds.prepass import EXPORT_MARGIN, Prepass
from milp_amp.engine.export import check_suffix, export_program
from milp_amp.engine.limits import Limits
from milp_amp.engine.mip import MipStatus, solve_mip, subject_to
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box, parts_of
from milp_amp.space.chain import IntArray
from milp_amp.space.dual import Dual, improve, start
from milp_amp.space.labels import PlacedStage
from milp_amp.space.placed_graph import PlacedGraph, restrict, step_time
from milp_amp.space.priced import PricedPaths
from milp_amp.space.worlds import Configuration, World, world

NARROW, NARROWEST = 0.02, 1e-4
"""What the range of W or S may be worth, over the bound, where a box is solved; where it cannot be split further."""

FEW, MANY = 1_500, 50_000
"""Columns and links up to which a wide box is solved, and those that any program may have."""

AIM = 1.03
"""Step time below which plans of a box are looked for, over its bound, where the incumbent leaves too many columns."""

STEPS = 40
"""Cutting planes of a box."""


@dataclass(frozen=True, eq=False)
class _Cell:
    """A box of a configuration, with the best prices known; ``numbers`` are its places among all of the program."""

    paths: PricedPaths
    numbers: IntArray
    strategy: Callable[[tuple[PlacedStage, ...]], Strategy]
    box: Box
    dual: Dual


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations and boxes, least bound first."""
    check_suffix(limits.export_program, "placement_milp", (".lp", ".mps"))
    if bounds.refusal:
        raise FormulationError(bounds.refusal)
    search, places = Search(limits), world(bounds.costs, bounds.classes)
    runner = _Runner(search, places)
    heap = BestFirst[Configuration | _Cell](search, runner.expand)
    for configuration in places.configurations():
        heap.push(configuration.lower_bound, configuration)
    exhausted = heap.run()
    if limits.export_program is not None and search.strategy is not None:
        program, _ = build(*_graph_around(places, search.strategy, search.value))
        export_program(limits.export_program, {".lp": program.writeLP, ".mps": program.writeMPS})
    return search.result(
        instance=instance.name,
        formulation="placement_milp",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("pulp", "highspy", "numba"),
        notes=("HiGHS failed or is missing: CBC took its place",) if "CBC" in runner.solvers else (),
    )


class _Runner:
    """Opens configurations and boxes."""

    def __init__(self, search: Search, places: World) -> None:
        self.search = search
        self.world = places
        self.solvers: set[str] = set()

    def expand(self, bound: float, cell: Configuration | _Cell) -> Iterable[tuple[float, Configuration | _Cell | None]]:
        return self._open(cell) if isinstance(cell, Configuration) else self._close(bound, cell)

    def _open(self, configuration: Configuration) -> Iterator[tuple[float, _Cell | None]]:
        """Bound a configuration and eliminate places; yield its box."""
        placed = self.world.chain(configuration)
        if placed is None:
            return
        if placed.truncated:
            yield configuration.lower_bound, None
        paths, cutoff = PricedPaths(placed.chain), self.search.cutoff
        box = _whole(paths, configuration)
        dual = improve(paths, start(paths), box, min(cutoff, paths.worst), STEPS)
        if dual.value < min(cutoff, paths.worst):
            alive = paths.through(dual.prices, box) < min(cutoff, paths.worst)
            few = PricedPaths(placed.chain.subset(alive))
            yield dual.value, _Cell(few, np.flatnonzero(alive), placed.strategy, box, dual)

    def _close(self, bound: float, cell: _Cell) -> Iterable[tuple[float, _Cell | None]]:
        """Bound a box better; then solve it, or split it."""
        search, paths, box = self.search, cell.paths, cell.box
        cutoff, weight = min(search.cutoff, paths.worst), paths.chain.weight
        dual = improve(paths, cell.dual, box, cutoff, STEPS)
        priced, prices = dual.value, dual.prices
        value = max(priced, bound)
        if value >= cutoff:
            return []
        if search.strategy is not None:
            # Only what prices prove is a sum of seconds and floors: a bound may come from an aim.
            box = box.below(cutoff, priced - paths.bound(box, 0.0), weight)
        if box.empty:
            return []
        cell = replace(cell, box=box, dual=dual)
        aim, graph = cutoff, restrict(paths, prices, box, cutoff, FEW)
        if graph is None and (parts := parts_of(box, priced, weight, NARROW)):
            return [(max(value, least), replace(cell, box=part)) for part, least in parts]
        if graph is None:
            aim = min(cutoff, AIM * value)
            graph = restrict(paths, prices, box, aim, MANY)
        if graph is None and (parts := parts_of(box, priced, weight, NARROWEST)):
            return [(max(value, least), replace(cell, box=part)) for part, least in parts]
        if graph is None:
            raise FormulationError(f"more than {MANY} columns and links in the narrowest box, expected fewer")
        return self._solve(cell, value, aim, graph)

    def _solve(self, cell: _Cell, value: float, aim: float, graph: PlacedGraph) -> list[tuple[float, _Cell | None]]:
        """Solve the program of a box; what it holds from ``aim`` on is left."""
        search = self.search
        left: list[tuple[float, _Cell | None]] = [(aim, cell)]
        if not graph.columns:
            return left
        unit = cell.box.bottleneck_floor or graph.slowest or 1.0
        program, x = build(graph, cell.box, unit)
        outcome = solve_mip(
            program,
            stopped=lambda: search.stopped,
            bounded=lambda bound: search.raise_cell_bound(min(aim, bound * unit)),
            time_limit=search.remaining,
            threads=search.limits.threads,
            seed=search.limits.seed,
            gap=search.limits.gap / 2,
        )
        self.solvers.add(outcome.solver)
        if outcome.values is not None:
            chosen = [column for a, column in enumerate(graph.columns) if outcome.values[x[a].name] > 0.5]
            path = tuple(PlacedStage(a.start, a.stop, a.place) for a in sorted(chosen))
            found = step_time(cell.paths, path)
            if found < search.value:
                numbered = tuple(replace(stage, place=int(cell.numbers[stage.place])) for stage in path)
                search.improve(found, cell.strategy(numbered))
        if outcome.status is MipStatus.INFEASIBLE or outcome.bound * unit >= aim:
            return left
        better = max(value, outcome.bound * unit)
        return [(better, None if outcome.status is MipStatus.OPTIMAL else cell)]


def _whole(paths: PricedPaths, configuration: Configuration) -> Box:
    """Return the box that holds all plans of a configuration."""
    floor = max(paths.least_bottleneck(), configuration.bottleneck)
    return Box(bottleneck_floor=floor, synchronisation_floor=paths.least_synchronisation())


def _graph_around(places: World, strategy: Strategy, value: float) -> tuple[PlacedGraph, Box]:
    """Return the graph of a plan's configuration with every path that costs at most ``value`` seconds.

    Raises
    ------
    FormulationError
        If it is too large, or no path of the searched space costs as little.
    """
    cutoff = value * (1 + EXPORT_MARGIN)
    for configuration in places.configurations():
        placed = places.chain(configuration) if configuration.holds(strategy) else None
        if placed is None:
            continue
        paths = PricedPaths(placed.chain)
        box = _whole(paths, configuration)
        dual = improve(paths, start(paths), box, cutoff, STEPS)
        box = box.below(cutoff, dual.value - paths.bound(box, 0.0), placed.chain.weight)
        graph = restrict(paths, dual.prices, box, cutoff, MANY)
        if graph is None:
            raise FormulationError(f"export_program: more than {MANY} columns and links, expected fewer")
        if graph.columns:
            return graph, box
    raise FormulationError("export_program: the plan lies outside the searched space, expected one inside")


def build(graph: PlacedGraph, box: Box, unit: float = 1.0) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """Return the program of a graph in a box, and its column variables.

    Its times count units of ``unit`` seconds: near 1, whatever the layers take, tolerances mean the same.
    """
    chain = graph.chain
    p = pulp.LpProblem("placement", pulp.LpMinimize)

    # Sets
    layers, boundaries = range(chain.num_layers), range(1, chain.num_layers)
    A, Y, R = range(len(graph.columns)), range(len(graph.links)), range(len(chain.capacity))
    column, link = graph.columns, graph.links
    covering = {i: [a for a in A if column[a].start <= i < column[a].stop] for i in layers}
    over = {i: [y for y in Y if link[y].boundary == i] for i in boundaries}
    sent, received, ends, begins = _incidence(graph)

    # Parameters
    tau, sigma = [a.tau / unit for a in column], [a.sigma / unit for a in column]
    kappa = [y.kappa / unit for y in link]
    usage = {r: [int(chain.usage[column[a].place, r]) for a in A] for r in R}
    longest = chain.num_layers
    binding = [i for i in layers if any(column[a].start == i and column[a].stages_to_end < longest for a in A)]

    # Variables
    x = [p.add_variable(f"x_{a}", cat=pulp.LpBinary) for a in A]
    y = [p.add_variable(f"y_{k}", lowBound=0, upBound=1) for k in Y]
    W = p.add_variable("W", lowBound=box.bottleneck_floor / unit, upBound=_finite(box.bottleneck / unit))
    S = p.add_variable("S", lowBound=box.synchronisation_floor / unit, upBound=_finite(box.synchronisation / unit))

    # Objective
    p += pulp.lpSum(tau[a] * x[a] for a in A) + pulp.lpSum(kappa[k] * y[k] for k in Y) + chain.weight * W + S

    # Constraints
    subject_to(
        p,
        one_path={0: pulp.lpSum(x[a] for a in A if column[a].stop == chain.num_layers) == 1},
        leave_place={
            key: pulp.lpSum(x[a] for a in ends.get(key, ())) == pulp.lpSum(y[k] for k in sent.get(key, ()))
            for key in sorted(ends.keys() | sent.keys())
        },
        enter_place={
            key: pulp.lpSum(y[k] for k in received.get(key, ())) == pulp.lpSum(x[a] for a in begins.get(key, ()))
            for key in sorted(begins.keys() | received.keys())
        },
        bottleneck={i: pulp.lpSum(tau[a] * x[a] for a in covering[i]) <= W for i in layers},
        station={
            i: pulp.lpSum(kappa[k] * y[k] for k in over[i]) <= W for i in boundaries if over[i] and chain.link_share
        },
        synchronisation={
            i: pulp.lpSum(sigma[a] * x[a] for a in covering[i]) <= S
            for i in layers
            if any(sigma[a] > 0 for a in covering[i])
        },
        capacity={r: pulp.lpSum(usage[r][a] * x[a] for a in A) <= int(chain.capacity[r]) for r in R if any(usage[r])},
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


Incidence = dict[tuple[int, int], list[int]]


def _incidence(graph: PlacedGraph) -> tuple[Incidence, Incidence, Incidence, Incidence]:
    """Return links by sender and by receiver, columns by their last and by their first boundary, each with its kind."""
    sent, received, ends, begins = ({}, {}, {}, {})  # type: tuple[Incidence, Incidence, Incidence, Incidence]
    for k, link in enumerate(graph.links):
        sent.setdefault((link.boundary, link.sender), []).append(k)
        received.setdefault((link.boundary, link.receiver), []).append(k)
    for a, column in enumerate(graph.columns):
        if column.stop < graph.chain.num_layers:
            ends.setdefault((column.stop, int(graph.sender[column.place])), []).append(a)
        if column.start > 0:
            begins.setdefault((column.start, int(graph.receiver[column.place])), []).append(a)
    return sent, received, ends, begins


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
