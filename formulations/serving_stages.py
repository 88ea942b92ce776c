"""Stages of a served model as a knapsack of machines (PuLP; HiGHS, CBC as fallback).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Mathematics. For a target flow ``F``. A *stage* ``c = (k, n)`` is ``k`` layers held by ``n[t]`` machines of type ``t``
that together carry its share of the flow, ``Σ_t n[t] T[t, k] >= share``, and no fewer of them would. A *section* with
``φ`` divides the flow between two chains of stages beside each other, with shares ``φ`` and ``F − φ``. Where stages and
sections stand does not matter, so all one must know is how often each is there:

    max   Σ_c k[c] x[c] + Σ_φ Σ_{c in A(φ)} k[c] a[φ, c]
    s.t.  chains     Σ_{c in A(φ)} k[c] a[φ, c] = Σ_{c in B(φ)} k[c] b[φ, c]          every φ
          machines   Σ n[c, t] (x[c] + Σ_φ a[φ, c] + b[φ, c]) <= N[t]                 every type t
          layers     Σ_c k[c] x[c] + Σ_φ Σ_{c in A(φ)} k[c] a[φ, c] <= L
          x, a, b whole numbers;  share F for x, φ for a, F − φ for b

``F`` can be carried in this way if and only if the maximum is ``L``. Targets are bisected between the best placement
and the bound, first without sections, then with them; every placement is worth its own max flow, which may exceed its
target.

Searched: stages whose machines begin and end together, and two chains of them beside each other. The best of them need
not be the best of all placements: what is proved is the bound's alone.
"""

from collections.abc import Iterator, Mapping, Sequence

import pulp

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, FlowSearch, begin
from milp_amp.engine.mip import solve_mip, subject_to
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.stages import Stage, stages
from milp_amp.space.token_flow import tokens_per_s

PRECISION = 1e-6
"""Distance of two targets, relative to the bound, below which the bisection ends."""

SECONDS = 8.0
"""For one program with sections: what takes longer is taken for impossible, which costs quality, never truth."""

MOST_IN_BRANCH, MOST_IN_REST = 2, 3
"""Machines of a stage in the lesser chain of a section, and in the greater one."""

Chains = tuple[list[Stage], list[tuple[list[Stage], list[Stage]]]]
"""Stages one after the other, and sections: two chains each."""


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Bisect the target without sections, then with them."""
    fleet, network = Fleet.of(instance), measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    for shares in (_no_shares, _single_machines):
        low, high = max(search.value, 0.0), search.bound
        target = high
        while not (search.closed or search.stopped) and high - low > PRECISION * search.bound:
            chains = _program(fleet, target, shares(fleet, search.bound), search)
            if chains is None:
                high = target
            else:
                placement = _placed(instance, chains, limits.partial_inference)
                search.improve(tokens_per_s(instance, placement, network), placement)
                low = max(target, search.value)
            target = (low + high) / 2
    return search.result(instance=instance.name, formulation="serving_stages", versions=versions("PuLP", "highspy"))


def _no_shares(fleet: Fleet, bound: float) -> list[float]:
    return []


def _single_machines(fleet: Fleet, bound: float) -> list[float]:
    """Return what a single machine carries, up to half of the bound: the other chain then carries the rest."""
    tokens = {each for row in fleet.tokens_per_s.values() for each in row}
    return sorted(each for each in tokens if each <= bound / 2)


def _program(fleet: Fleet, F: float, shares: list[float], search: FlowSearch) -> Chains | None:
    """Return chains that carry ``F``, ``None`` where there are none, or none is found in time."""
    # Sets
    C = stages(fleet, F, sum(fleet.count.values()))
    A = {phi: stages(fleet, phi, MOST_IN_BRANCH) for phi in shares}
    B = {phi: stages(fleet, F - phi, MOST_IN_REST) for phi in shares}

    # Variables
    def counts(name: str, columns: Sequence[Stage]) -> list[pulp.LpVariable]:
        most = [min(fleet.count[t] // n for t, n in c.machines) for c in columns]
        return [pulp.LpVariable(f"{name}_{i}", 0, top, "Integer") for i, top in enumerate(most)]

    x = counts("x", C)
    a = {phi: counts(f"a_{j}", A[phi]) for j, phi in enumerate(shares)}
    b = {phi: counts(f"b_{j}", B[phi]) for j, phi in enumerate(shares)}

    # Constraints
    program = pulp.LpProblem("serving_stages", pulp.LpMinimize)
    held = _layers(C, x) + pulp.lpSum(_layers(A[phi], a[phi]) for phi in shares)
    program += -held
    every = [(C, x), *((A[phi], a[phi]) for phi in shares), *((B[phi], b[phi]) for phi in shares)]
    subject_to(
        program,
        chains={j: _layers(A[phi], a[phi]) == _layers(B[phi], b[phi]) for j, phi in enumerate(shares)},
        machines={
            t: pulp.lpSum(
                dict(c.machines).get(t, 0) * v for columns, row in every for c, v in zip(columns, row, strict=True)
            )
            <= most
            for t, most in fleet.count.items()
        },
        layers={0: held <= fleet.layers},
    )
    outcome = solve_mip(
        program,
        stopped=lambda: search.stopped,
        time_limit=min(SECONDS, search.remaining),
        threads=search.limits.threads,
        seed=search.limits.seed,
    )
    if outcome.values is None or -outcome.objective < fleet.layers - 0.5:
        return None
    return (
        list(_taken(C, x, outcome.values)),
        [
            (list(_taken(A[phi], a[phi], outcome.values)), list(_taken(B[phi], b[phi], outcome.values)))
            for phi in shares
        ],
    )


def _layers(columns: Sequence[Stage], row: Sequence[pulp.LpVariable]) -> pulp.LpAffineExpression:
    return pulp.lpSum(c.layers * v for c, v in zip(columns, row, strict=True))


def _taken(columns: Sequence[Stage], row: Sequence[pulp.LpVariable], values: Mapping[str, float]) -> Iterator[Stage]:
    for column, variable in zip(columns, row, strict=True):
        yield from [column] * round(values.get(variable.name, 0.0))


def _placed(instance: ServingInstance, chains: Chains, partial_inference: bool) -> Placement:
    """Return the placement: sections and stages one after the other, machines of a type in their order."""
    free = {group.name: [m.name for m in instance.machines if m.group == group] for group in instance.cluster.nodes}
    layers: dict[str, tuple[int, int]] = {}

    def put(start: int, chain: Sequence[Stage]) -> int:
        for stage in chain:
            for kind, count in stage.machines:
                for _ in range(count):
                    layers[free[kind].pop(0)] = (start, start + stage.layers)
            start += stage.layers
        return start

    series, sections = chains
    position = put(0, series)
    for lesser, greater in sections:
        put(position, lesser)
        position = put(position, greater)
    return Placement(layers=layers, partial_inference=partial_inference)
