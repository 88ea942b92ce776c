"""Stages of a served model as a knapsack of machines (PuLP; HiGHS, CBC as fallback).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Mathematics. For a target flow ``F``. A *stage* ``c = (k, n)`` is ``k`` layers held by ``n[t]`` machines of type ``t``
that together carry its share of the flow, ``Σ_t n[t] T[t, k] >= share``, and no fewer of them would. A *section* with
``φ`` divides the flow between two chains of stages beside each other, with shares ``φ`` and ``F − φ``. Where stages and
sections stand does not matter, so all one must know is how often each is there. Columns are the stages ``C`` in series,
with share ``F``, those ``A(φ)`` of the lesser chains, with ``φ``, and those ``B(φ)`` of the greater, with ``F − φ``:

    max   H = Σ_{c in C} k[c] x[c] + Σ_φ Σ_{c in A(φ)} k[c] x[c]
    s.t.  chains     Σ_{c in A(φ)} k[c] x[c] = Σ_{c in B(φ)} k[c] x[c]          every φ
          machines   Σ_c n[c, t] x[c] <= N[t]                                   every type t
          layers     H <= L
          x whole numbers

``F`` can be carried in this way if and only if the maximum is ``L``. Without ``layers`` and whole numbers the maximum
is ``Z``, and a column of reduced cost ``r`` takes part in no plan of more than ``Z − r`` layers: columns with
``r > Z − L`` are left out, mostly nine of ten, and those of the least reduced cost are tried alone first.

The first target is the bound; then targets are bisected between the best placement and the bound, first without
sections, then with them. Once a target is too much, the next is a little more than the best, and if that is too much,
so is everything. Every placement is worth its own max flow, which may exceed its target.

A given placement is taken apart into stages and sections. After machines have gone or come its layers are handed out
anew, and if that does not reach the bound, sections are first tried with the shares that it has.

Searched: stages whose machines begin and end together, and two chains of them beside each other. The best of them need
not be the best of all placements: what is proved is the bound's alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pulp

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, FlowSearch, begin
from milp_amp.engine.mip import solve_mip, subject_to
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.refill import refilled
from milp_amp.space.sections import Section, laid_out, sections_of
from milp_amp.space.stages import Stage, stages
from milp_amp.space.token_flow import tokens_per_s

PRECISION = 1e-6
"""Distance of two targets, relative to the bound; nothing nearer to the best flow is asked for."""

SECONDS = 8.0
"""For one program with sections: what takes longer is taken for impossible, which costs quality, never truth."""

MOST_IN_BRANCH, MOST_IN_REST = 2, 3
"""Machines of a stage in the lesser chain of a section, and in the greater one."""

FEW = 250
"""Columns of the least reduced cost that are tried alone first: where there is a plan, they mostly have one."""

ROUNDING = 1e-6
"""Layers by which the maximum of a relaxation may be off."""


@dataclass(frozen=True)
class Column:
    """A stage, and where it stands: in series, or in the lesser (0) or the greater (1) chain of sections of a share."""

    stage: Stage
    share: float | None = None
    chain: int = 0


@dataclass(frozen=True)
class Program:
    """The program, ``x`` and ``H``."""

    program: pulp.LpProblem
    x: list[pulp.LpVariable]
    held: pulp.LpAffineExpression


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Try the bound and climb towards it, in series, then with sections; a given placement is refilled first."""
    fleet, network = Fleet.of(instance), measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    before = [] if limits.start is None else sections_of(instance, limits.start)

    def take(sections: Sequence[Section]) -> bool:
        placement = laid_out(instance, sections, limits.partial_inference)
        search.improve(tokens_per_s(instance, placement, network), placement)
        return bool(sections)

    def carries(shares: Sequence[float], target: float) -> bool:
        return not (search.closed or search.stopped) and take(plan(fleet, target, shares, search))

    if before:
        take(refilled(fleet, before, search.bound))
    every = single_machines(fleet, search.bound)
    short = (
        shares
        for shares in dict.fromkeys((shares_of(fleet, before, every), every))
        if not carries(shares, search.bound * (1 - PRECISION))
    )
    # Who has a placement tries the bound with all shares before climbing with few; who has none wants one first.
    settled = False
    for shares in list(short) if before else short:
        climb(search, partial(carries, shares), settled)
        settled = len(shares) > 0
    return search.result(instance=instance.name, formulation="serving_stages", versions=versions("PuLP", "highspy"))


def climb(search: FlowSearch, carries: Callable[[float], bool], settled: bool) -> None:
    """Bisect the target between the best flow and the bound; where the best is likely to stay, begin just above it."""
    step = PRECISION * search.bound
    low, high = max(search.value, 0.0), search.bound - step
    target, asked = low + step if settled else (low + high) / 2, low == 0.0
    while high - low > 2 * step and not (search.closed or search.stopped):
        if carries(target):
            low, asked = max(target, search.value), False
            target = (low + high) / 2
        else:
            high = target
            target, asked = (low + high) / 2 if asked else low + step, True


def single_machines(fleet: Fleet, bound: float) -> tuple[float, ...]:
    """Return what a single machine carries, up to half of the bound: the other chain then carries the rest."""
    tokens = {each for row in fleet.tokens_per_s.values() for each in row}
    return tuple(sorted(each for each in tokens if each <= bound / 2))


def shares_of(fleet: Fleet, sections: Sequence[Section], every: Sequence[float]) -> tuple[float, ...]:
    """Return which of the shares single machines carry where two chains are beside each other."""
    beside = [s for section in sections if len(section.chains) == 2 for chain in section.chains for s in chain]
    carried = {fleet.tokens_per_s[t][stage.layers - 1] for stage in beside for t, _ in stage.machines}
    return tuple(share for share in every if share in carried)


def plan(fleet: Fleet, target: float, shares: Sequence[float], search: FlowSearch) -> list[Section]:
    """Return sections that carry a target between them; none if there are none, or none in time."""
    worth = _worth(fleet, columns(fleet, target, shares), search)
    return _solved(fleet, worth[:FEW], search) or (_solved(fleet, worth, search) if len(worth) > FEW else [])


def _solved(fleet: Fleet, worth: Sequence[Column], search: FlowSearch) -> list[Section]:
    if not worth or search.stopped:
        return []
    built = build(fleet, worth)
    subject_to(built.program, layers={0: built.held <= fleet.layers})
    outcome = solve_mip(
        built.program,
        stopped=lambda: search.stopped,
        time_limit=min(SECONDS, search.remaining),
        threads=search.limits.threads,
        seed=search.limits.seed,
    )
    if outcome.values is None or -outcome.objective < fleet.layers - 0.5:
        return []
    counts = [round(outcome.values.get(x.name, 0.0)) for x in built.x]
    return _sections([c for c, times in zip(worth, counts, strict=True) for _ in range(times)])


def _sections(taken: Sequence[Column]) -> list[Section]:
    """Return stages in series, then a section for every share."""
    series = [Section(((c.stage,),)) for c in taken if c.share is None]
    shares = sorted({c.share for c in taken if c.share is not None})
    beside = [tuple(tuple(c.stage for c in taken if c.share == phi and c.chain == j) for j in (0, 1)) for phi in shares]
    return series + [Section(chains) for chains in beside]


def columns(fleet: Fleet, target: float, shares: Sequence[float]) -> list[Column]:
    """Return the columns of a target."""
    found = [Column(stage) for stage in stages(fleet, target, sum(fleet.count.values()))]
    for phi in shares:
        found += [Column(stage, phi, 0) for stage in stages(fleet, phi, MOST_IN_BRANCH)]
        found += [Column(stage, phi, 1) for stage in stages(fleet, target - phi, MOST_IN_REST)]
    return found


def _worth(fleet: Fleet, every: Sequence[Column], search: FlowSearch) -> list[Column]:
    """Return the columns that can be in a plan of all layers, as far as the relaxation knows; the likeliest first."""
    built = build(fleet, every)
    outcome = solve_mip(built.program, stopped=lambda: search.stopped, time_limit=search.remaining, relax=True)
    room = -outcome.objective - fleet.layers + ROUNDING
    if outcome.values is None or room < 0:
        return []
    costs = [(x.dj or 0.0, i) for i, x in enumerate(built.x)]
    return [every[i] for cost, i in sorted(costs) if cost <= room]


def build(fleet: Fleet, every: Sequence[Column]) -> Program:
    """Return the program of some columns, without the row of all layers."""
    # Sets
    E = range(len(every))
    shares = sorted({c.share for c in every if c.share is not None})
    C = [i for i in E if every[i].share is None]
    A: dict[float, list[int]] = {phi: [] for phi in shares}
    B: dict[float, list[int]] = {phi: [] for phi in shares}
    for i, c in enumerate(every):
        if c.share is not None:
            (B if c.chain else A)[c.share].append(i)

    # Parameters
    N, k = fleet.count, [c.stage.layers for c in every]
    n = [dict(c.stage.machines) for c in every]

    # Variables
    x = [pulp.LpVariable(f"x_{i}", 0, min(N[t] // n[i][t] for t in n[i]), "Integer") for i in E]

    # Sums
    def layers(part: Sequence[int]) -> pulp.LpAffineExpression:
        return pulp.LpAffineExpression({x[i]: k[i] for i in part})

    held = layers([*C, *(i for phi in shares for i in A[phi])])

    # Objective
    program = pulp.LpProblem("serving_stages", pulp.LpMinimize)
    program += -held

    # Constraints
    subject_to(
        program,
        chains={j: layers(A[phi]) == layers(B[phi]) for j, phi in enumerate(shares)},
        machines={t: pulp.LpAffineExpression({x[i]: n[i][t] for i in E if t in n[i]}) <= N[t] for t in N},
    )
    return Program(program, x, held)
