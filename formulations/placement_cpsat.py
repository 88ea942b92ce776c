"""Placement as a constraint program over single nodes (OR-Tools CP-SAT): complete, and weak.

Question. Data degree, microbatch size, stages, the tensor degree and the devices of each, all at once, for the least
step time.

Mathematics. One program per configuration ``c = (d, b)`` over stages ``s``, nodes ``v`` and tensor degrees ``t``.
Literals: ``o[s, i, j]``: stage ``s`` holds the layers ``[i, j)``; ``h[s, t]``: its tensor degree; ``u[s, v, t, k]``: at
least ``k`` of its replicas sit on ``v``; ``z[s, v]``: some do. Stage ``s`` exists if ``a[s] = Σ o[s, i, j]`` is 1.

    min   Σ τ[s] + Σ κ[s] + (m − 1) W + S          κ[s] = there[s] + back[s] + sent[s] + returned[s]
    s.t.  cover           Σ o[s, i, j] = 1 over all s and i <= l < j     every layer l
          order           Σ_j o[s + 1, i, j] <= Σ_k o[s, k, i]           a stage begins where the one before ends
          degree          Σ_t h[s, t] = a[s]
          replicas        Σ_{v, t, k} u[s, v, t, k] = d a[s]
          seated          u[s, v, t, 1] ⇒ h[s, t],  u[s, v, t, k + 1] ⇒ u[s, v, t, k]
          present         u[s, v, t, 1] ⇒ z[s, v]
          capacity        Σ_{s, t, k} t u[s, v, t, k] <= devices of v
          allowed         u[s, v, t, 1] ⇒ ¬o[s, i, j]                    what restrictions keep off v
          memory          u[s, v, t, 1], o[s, i, j] ⇒ Σ_{r >= s} a[r] <= K[v, t, i, j]
          stage           u[s, v, t, 1], o[s, i, j] ⇒ τ[s] >= e[v, t, i, j]
          meeting         u[s, v, t, 1], z[s + 1, w] ⇒ link              a literal for every s, t, v and w
          transfer        link, o[s, i, j] ⇒ there[s] >= bytes[t, j] / bandwidth[v, w],  back[s] likewise, w to v
          delay           link ⇒ sent[s] >= latency[v, w],  returned[s] >= latency[w, v]
          together        u[s, v, t, 1], u[s, w, t, 1] ⇒ edge            a literal for every s, t, v and w
          ring            edge, o[s, i, j] ⇒ flow[s] >= volume / t · G[i, j] / bandwidth[v, w]
          rounds          edge ⇒ wait[s] >= rounds · latency[v, w]
          bottleneck      τ[s] <= W
          station         κ[s] <= W
          update          h[s, t], o[s, i, j] ⇒ renewed[s] >= seconds of the update, and of the step's overhead
          synchronisation flow[s] + wait[s] + renewed[s] <= S
          cutoff          the objective lies below the incumbent
          W₁ <= W

``K``: the
stages that memory allows from this one to the last. Rings have edges between any two nodes, and inside a
node that has room for two replicas. Seconds are integers: ticks, rounded down, so that the program's optimum is a lower
bound; the plan it finds is priced in seconds.

Exact over: all placements, where the slowest pair of nodes decides and replicas form one ring.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, product

from ortools.sat.python import cp_model

from milp_amp.bounds.prepass import Prepass
from milp_amp.engine.cpsat import CpStatus, solve_cpsat
from milp_amp.engine.export import check_suffix, export_program
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.node_tables import NodeStage, NodeTables
from milp_amp.space.worlds import Configuration, world

_NOT_ON_SINGLE_NODES = ("equal_end_tensor_parallel", "one_type_stages", "compact_stages")
"""Restrictions that no family of this program states."""

TICKS = 10**11
"""Ticks in the largest step time of a program: rounding loses a few per stage and microbatch."""

MAX_LITERALS = 20_000
"""Literals of one program above which it is refused: it would not end."""


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations, least bound first."""
    check_suffix(limits.export_program, "placement_cpsat", (".pb",))
    _check(instance, bounds)
    search = Search(limits)

    def expand(bound: float, configuration: Configuration) -> Iterable[tuple[float, Configuration | None]]:
        return _close(bound, NodeTables(bounds.tables, bounds.classes, configuration), search)

    heap = BestFirst[Configuration](search, expand)
    configurations = tuple(world(bounds.costs, bounds.classes).configurations())
    for configuration in configurations:
        heap.push(configuration.lower_bound, configuration)
    exhausted = heap.run()
    if limits.export_program is not None and search.strategy is not None:
        around = [each for each in configurations if each.holds(search.strategy)]
        if not around:
            raise FormulationError("export_program: the plan lies outside the searched space, expected one inside")
        program = build(NodeTables(bounds.tables, bounds.classes, around[0]), Ticks.below(2 * search.value))
        export_program(limits.export_program, {".pb": program.model.export_to_file})
    return search.result(
        instance=instance.name,
        formulation="placement_cpsat",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("ortools"),
    )


def _check(instance: Instance, bounds: Prepass) -> None:
    """Refuse what the program does not price.

    Raises
    ------
    FormulationError
        If it is not a question for the least step time under ``pipeline``, transfers share what they cross, or rings
        are hierarchical.
    """
    if bounds.refusal:
        raise FormulationError(bounds.refusal)
    if not bounds.tables.costs.links_are_stations:
        raise FormulationError(f"cost model {bounds.costs.name!r}, expected 'pipeline'")
    if instance.cluster.contention != "slowest_pair":
        raise FormulationError(f"cluster.contention: {instance.cluster.contention!r}, expected 'slowest_pair'")
    if asked := [flag for flag in _NOT_ON_SINGLE_NODES if getattr(instance.restrictions, flag)]:
        raise FormulationError(f"restrictions.{asked[0]}: about more than single nodes, expected others")
    if instance.workload.all_reduce != "ring":
        raise FormulationError(f"workload.all_reduce: {instance.workload.all_reduce!r}, expected 'ring'")


def _close(bound: float, tables: NodeTables, search: Search) -> list[tuple[float, Configuration | None]]:
    """Solve the program of a configuration."""
    horizon = min(tables.longest, search.cutoff)
    scale = Ticks.below(horizon)
    program = build(tables, scale)

    def found(chosen: list[int]) -> None:
        path = program.path(chosen)
        value = tables.step_time(path)
        if value < search.value:
            search.improve(value, tables.strategy(path))

    outcome = solve_cpsat(
        program.model,
        program.literals,
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
    # The incumbent it found may leave less to count, so finer ticks.
    finer = search.cutoff < 0.5 * horizon
    return [(proved, tables.configuration if finer or outcome.status is not CpStatus.OPTIMAL else None)]


@dataclass(frozen=True)
class Ticks:
    """Seconds as integers, rounded down; ``most`` is more than the objective may be."""

    per_second: float
    most: int

    @staticmethod
    def below(horizon: float) -> "Ticks":
        """Return ticks of which ``horizon`` seconds have ``TICKS``."""
        return Ticks(TICKS / max(horizon, 1e-300), TICKS + 1)

    def __call__(self, seconds: float) -> int:
        """Return seconds as ticks, rounded down; what is longer than everything is one tick too long."""
        return min(self.most + 1, math.floor(seconds * self.per_second))

    def seconds(self, ticks: float) -> float:
        """Return ticks as seconds."""
        return ticks / self.per_second


Interval = tuple[int, int, int]
"""Stage, first layer, first layer after."""

Seat = tuple[int, int, int, int]
"""Stage, node, tensor degree, and which replica there."""


@dataclass(frozen=True, eq=False)
class Program:
    """A program with the literals that a plan is read from: those of ``holds``, then those of ``seats``."""

    model: cp_model.CpModel
    holds: dict[Interval, cp_model.IntVar]
    seats: dict[Seat, cp_model.IntVar]
    num_nodes: int

    @property
    def literals(self) -> list[cp_model.IntVar]:
        """All of them in their order."""
        return [*self.holds.values(), *self.seats.values()]

    def path(self, chosen: list[int]) -> tuple[NodeStage, ...]:
        """Return the stages of a solution."""
        keys: list[tuple[int, ...]] = [*self.holds, *self.seats]
        true = [keys[k] for k in chosen]
        seated = [key for key in true if len(key) == 4]
        return tuple(
            NodeStage(i, j, t, tuple(sum(key[:2] == (s, v) for key in seated) for v in range(self.num_nodes)))
            for s, i, j in sorted(key for key in true if len(key) == 3)
            for t in {key[2] for key in seated if key[0] == s}
        )


def build(tables: NodeTables, ticks: Ticks) -> Program:
    """Return the program of a configuration.

    Raises
    ------
    FormulationError
        If it would have more than ``MAX_LITERALS``.
    """
    p = cp_model.CpModel()
    weight, d = tables.configuration.num_microbatches - 1, tables.configuration.data_parallel

    # Sets
    L, P = tables.num_layers, tables.most_stages
    stages, layers, nodes = range(P), range(L), range(len(tables.nodes))
    degrees = sorted({t for _, t in tables.able})
    spans = [(i, j) for i in layers for j in range(i + 1, L + 1)]
    pairs = list(product(nodes, nodes))
    room = {(v, t): min(d, tables.devices[v] // t) for v, t in tables.able}
    if (size := P * (len(spans) + sum(room.values()))) > MAX_LITERALS:
        raise FormulationError(f"model.layers, cluster.nodes: {size} literals, expected at most {MAX_LITERALS}")

    # Variables
    o = {(s, i, j): p.new_bool_var(f"o_{s}_{i}_{j}") for s in stages for i, j in spans if i >= s and (s > 0 or i == 0)}
    h = {(s, t): p.new_bool_var(f"h_{s}_{t}") for s in stages for t in degrees}
    u = {
        (s, v, t, k): p.new_bool_var(f"u_{s}_{v}_{t}_{k}")
        for s in stages
        for v, t in tables.able
        for k in range(1, room[v, t] + 1)
    }
    z = {(s, v): p.new_bool_var(f"z_{s}_{v}") for s in stages for v in nodes}
    names = ("tau", "there", "back", "sent", "returned", "flow", "wait", "renewed")
    tau, there, back, sent, returned, flow, wait, renewed = (
        [p.new_int_var(0, ticks.most, f"{name}_{s}") for s in stages] for name in names
    )
    W = p.new_int_var(min(ticks(tables.configuration.bottleneck), ticks.most), ticks.most, "W")
    S = p.new_int_var(0, ticks.most, "S")

    # Parameters and sums
    of = {s: [(key[1:], x) for key, x in o.items() if key[0] == s] for s in stages}
    active = [sum(x for _, x in of[s]) for s in stages]
    kappa = [there[s] + back[s] + sent[s] + returned[s] for s in stages]

    # Objective
    total = sum(tau) + sum(kappa) + weight * W + S
    p.minimize(total)

    # Constraints
    def at_least(variable: cp_model.IntVar, seconds: float, family: str, *literals: cp_model.IntVar) -> None:
        if (least := ticks(float(seconds))) > 0:
            p.add(variable >= least).with_name(family).only_enforce_if(*literals)

    p.add(total <= ticks.most).with_name("cutoff")
    for l in layers:  # noqa: E741
        p.add_exactly_one(x for (_, i, j), x in o.items() if i <= l < j).with_name("cover")
    for v in nodes:
        devices = sum(t * x for (_, w, t, _), x in u.items() if w == v)
        p.add(devices <= tables.devices[v]).with_name("capacity")
    for (s, v, t, k), x in u.items():
        p.add_implication(x, u[s, v, t, k - 1] if k > 1 else h[s, t]).with_name("seated")
        p.add_implication(x, z[s, v]).with_name("present")
    for s in stages:
        p.add(sum(h[s, t] for t in degrees) == active[s]).with_name("degree")
        p.add(sum(x for key, x in u.items() if key[0] == s) == d * active[s]).with_name("replicas")
        p.add(tau[s] <= W).with_name("bottleneck")
        p.add(kappa[s] <= W).with_name("station")
        p.add(flow[s] + wait[s] + renewed[s] <= S).with_name("synchronisation")
        for t, (span, x) in product(degrees, of[s]):
            at_least(renewed[s], tables.update_seconds(t)[span], "update", h[s, t], x)
        for (v, t), kind in tables.able.items():
            here, seconds, most = u[s, v, t, 1], tables.seconds[kind, t], tables.stages_to_end[kind, t]
            for span, x in of[s]:
                if not tables.allowed[v][span]:
                    p.add_bool_or(~here, ~x).with_name("allowed")
                if most[span] < P - s:
                    both = p.add(sum(active[s:]) <= int(most[span])).with_name("memory")
                    both.only_enforce_if(here, x)
                at_least(tau[s], seconds[span], "stage", here, x)
        for t, (v, w) in product(degrees, pairs):
            if tables.neighbours(t, v, w) and {(v, t), (w, t)} <= tables.able.keys():
                edge = p.new_bool_var(f"edge_{s}_{t}_{v}_{w}")
                p.add_bool_or(~u[s, v, t, 1], ~u[s, w, t, 1], edge).with_name("together")
                ring = tables.ring_seconds(t, v, w)
                for span, x in of[s]:
                    at_least(flow[s], ring[span], "ring", edge, x)
                at_least(wait[s], tables.rounds_seconds(v, w), "rounds", edge)
    for s, after in pairwise(stages):
        for i in layers:
            begins = sum(x for span, x in of[after] if span[0] == i)
            p.add(begins <= sum(x for span, x in of[s] if span[1] == i)).with_name("order")
        for (v, t), w in product(tables.able, nodes):
            link = p.new_bool_var(f"link_{s}_{t}_{v}_{w}")
            p.add_bool_or(~u[s, v, t, 1], ~z[after, w], link).with_name("meeting")
            for flowing, waiting, pair in ((there, sent, (v, w)), (back, returned, (w, v))):
                seconds = tables.transfer_seconds(t, *pair)
                for i, x in ((span[1], x) for span, x in of[s]):
                    at_least(flowing[s], seconds[i], "transfer", link, x)
                at_least(waiting[s], tables.latency[pair], "delay", link)
    return Program(p, o, u, len(tables.nodes))
