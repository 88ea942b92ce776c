"""Counts of equal machines, and the flow between them (OR-Tools CP-SAT).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Mathematics. Machines of a type (a group of nodes) can be exchanged without changing any speed or bandwidth. A *class*
``p = (t, a, b)`` is all machines of type ``t`` that hold the layers from ``a`` up to ``b``, and ``n[p]`` their number:
``y[p, m] = 1`` if they are ``m`` or more. ``h[p]`` tokens per second pass through them, ``s[p]`` come from the
coordinator. ``q`` follows ``p`` if it begins where ``p`` ends; with partial inference also if it has begun before and
ends behind. ``C[t, u]`` is what a machine of type ``t`` sends to one of type ``u``; ``U`` a proven bound of the flow.

    max   Σ_{a=0} s[p]
    s.t.  machines   Σ_{p of t} n[p] <= N[t],  n[p] = Σ_m y[p, m]
          steps      y[p, m+1] <= y[p, m]
          speed      h[p] <= Σ_m (min(m T[p], U) − min((m−1) T[p], U)) y[p, m]
          first      s[p] <= E n[p]                                                    a = 0
          last       h[p] <= E n[p]                                                    b = L
          into       h[q] = s[q] + Σ_p g[p, q] + Σ_{S ∋ u, b} i[S, b, q]
          out_of     h[p] = Σ_q g[p, q] + o[p]                                         b < L
          pool       Σ_{p: S[t] = S, ending at b} o[p] = Σ_q i[S, b, q]                every S, b
          link       g[p, q] <= C[t, u] m n[q] + U y[p, m+1]                           every m

Exact over: all placements, with and without partial inference.

Proof. Take a placement and a flow. Summed over the machines of each class it keeps every row: where ``n[p] = m``,
``link`` says ``g[p, q] <= C n[p] n[q]``, what all pairs carry together, and is slack for other ``m``. The other way
round, take counts and a solution, and divide it evenly: every machine of ``p`` gets ``h[p] / n[p]``, every pair of
machines ``g[p, q] / (n[p] n[q])``. All machines of a class then send and receive the same, so what enters each leaves
it, and no machine, pair or entrance carries more than it can. No class follows itself, so a pair is always of two
different machines. (The same average, over all permutations of machines inside their classes, shows that no flow of
the placement is lost.)

Pools. Let ``S[t]`` be the types ``u`` with ``C[t, u] >= min(U, max_k T[t, k], max_k T[u, k])``. Between them no link
can bind: where neither end is empty, ``n[p] n[q] C`` is at least ``U``, ``n[p] T[p]`` or ``n[q] T[q]``, which the flow
exceeds nowhere; where one is empty, nothing passes through it. So flows between them need not be told apart, and what
classes of type ``t`` send to them from position ``b`` goes through one pool.

Spare machines. ``y[p, m]`` ends at ``m >= U / min(T[p], E, C[t, ·], C[·, t])``: so many machines carry ``U`` through
themselves, from every class that is not empty, to it, and from and to the coordinator. More of them add nothing.

Ticks. Tokens per second are whole ticks, rounded up: a flow in tokens per second is one in ticks, so the program's
bound holds. What a solution carries is its placement's max flow.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ortools.sat.python import cp_model

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import Network, measure
from milp_amp.engine.cpsat import solve_cpsat
from milp_amp.engine.flow_search import FlowLimits, begin
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s

TICKS = 10**9
"""Ticks in the bound of the flow: rounding adds one for every machine and link of a cut."""

Class = tuple[str, int, int]
"""Type of machines, their first layer, the first layer after."""


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Solve the program."""
    network = measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    ticks = Ticks(TICKS / search.bound)
    program = build(instance, network, ticks, limits.partial_inference)
    if limits.start is not None:
        program.hint(instance, limits.start)

    def found(chosen: list[int]) -> None:
        placement = program.placement(instance, chosen, limits.partial_inference)
        search.improve(tokens_per_s(instance, placement, network), placement)

    outcome = solve_cpsat(
        program.model,
        list(program.y.values()),
        found=found,
        bounded=lambda bound: search.lower(ticks.tokens_per_s(-bound)),
        stopped=lambda: search.stopped or search.closed,
        time_limit=search.remaining,
        threads=limits.threads,
        seed=limits.seed,
    )
    search.lower(ticks.tokens_per_s(-outcome.bound))
    return search.result(instance=instance.name, formulation="serving_flow", versions=versions("ortools"))


@dataclass(frozen=True)
class Ticks:
    """Tokens per second as integers, rounded up: a program in ticks carries no less than in tokens."""

    per_token: float

    def __call__(self, tokens_per_s: float) -> int:
        """Return tokens per second as ticks, rounded up, at most ``TICKS``: nothing carries more."""
        return math.ceil(min(tokens_per_s * self.per_token, TICKS))

    def tokens_per_s(self, ticks: float) -> float:
        """Return ticks as tokens per second."""
        return ticks / self.per_token


@dataclass(frozen=True, eq=False)
class Program:
    """A program with the literals that a placement is read from, by class and number of machines."""

    model: cp_model.CpModel
    y: dict[tuple[Class, int], cp_model.IntVar]

    def placement(self, instance: ServingInstance, chosen: Sequence[int], partial_inference: bool) -> Placement:
        """Return the placement of a solution: machines of a type in their order."""
        free = {group.name: [m.name for m in instance.machines if m.group == group] for group in instance.cluster.nodes}
        keys = list(self.y)
        held = [keys[k][0] for k in chosen]
        return Placement(layers={free[t].pop(0): (a, b) for t, a, b in held}, partial_inference=partial_inference)

    def hint(self, instance: ServingInstance, start: Placement) -> None:
        """Begin with a placement."""
        counts: dict[Class, int] = {}
        for machine in instance.machines:
            if machine.name in start.layers:
                p = (machine.group.name, *start.layers[machine.name])
                counts[p] = counts.get(p, 0) + 1
        for (p, m), literal in self.y.items():
            self.model.add_hint(literal, counts.get(p, 0) >= m)


def build(instance: ServingInstance, network: Network, ticks: Ticks, partial_inference: bool) -> Program:
    """Return the program of an instance."""
    model = cp_model.CpModel()

    # Sets
    L, U = instance.model.num_layers, TICKS
    N = {group.name: group.count for group in instance.cluster.nodes}
    P = [(t, a, b) for t in N for a in range(L) for b in range(a + 1, min(a + _most_layers(instance, t), L) + 1)]
    inside = {q: range(q[1], q[2] if partial_inference else q[1] + 1) for q in P}
    entered = {b: [q for q in P if b in inside[q]] for b in range(1, L)}

    # Parameters
    T = {(t, a, b): ticks(instance.performance[t].tokens_per_s[b - a - 1]) for t, a, b in P}
    C = {ends: ticks(tokens) for ends, tokens in _links(instance, network).items()}
    E = ticks(instance.entry_tokens_per_s)
    S = _pools(T, C)
    most = {p: min(N[p[0]], -(-U // min(T[p], E, *(min(C[p[0], u], C[u, p[0]]) for u in N)))) for p in P}
    top = {p: min(U, most[p] * T[p]) for p in P}

    # Variables
    y = {(p, m): model.new_bool_var(f"y_{p}_{m}") for p in P for m in range(1, most[p] + 1)}
    h = {p: model.new_int_var(0, top[p], f"h_{p}") for p in P}
    s = {q: model.new_int_var(0, top[q], f"s_{q}") for q in P if q[1] == 0}
    o = {p: model.new_int_var(0, top[p], f"o_{p}") for p in P if p[2] < L}
    i = {
        (pool, b, q): model.new_int_var(0, top[q], f"i_{sorted(pool)}_{b}_{q}")
        for pool in dict.fromkeys(S.values())
        for b in entered
        for q in entered[b]
        if q[0] in pool
    }
    g = {
        (p, q): model.new_int_var(0, min(top[p], top[q]), f"g_{p}_{q}")
        for p in o
        for q in entered[p[2]]
        if q[0] not in S[p[0]] and q[2] > p[2]
    }

    # Sums
    n = {p: sum(y[p, m] for m in range(1, most[p] + 1)) for p in P}
    into, out_of = {q: [s[q]] if q in s else [] for q in P}, {p: [o[p]] for p in o}
    sent, taken = defaultdict(list), defaultdict(list)
    for (p, q), flow in g.items():
        into[q].append(flow)
        out_of[p].append(flow)
    for (pool, b, q), flow in i.items():
        into[q].append(flow)
        taken[pool, b].append(flow)
    for p, flow in o.items():
        sent[S[p[0]], p[2]].append(flow)

    # Objective
    model.add(sum(s.values()) <= U).with_name("bound")
    model.minimize(-sum(s.values()))

    # Constraints
    for t in N:
        model.add(sum(n[p] for p in P if p[0] == t) <= N[t]).with_name("machines")
    for (p, m), more in y.items():
        if m > 1:
            model.add_implication(more, y[p, m - 1]).with_name("steps")
    for p in P:
        steps = {m: min(m * T[p], U) - min((m - 1) * T[p], U) for m in range(1, most[p] + 1)}
        model.add(h[p] <= sum(tokens * y[p, m] for m, tokens in steps.items())).with_name("speed")
        model.add(h[p] == sum(into[p])).with_name("into")
        if p in s and E < U:
            model.add(s[p] <= E * n[p]).with_name("first")
        if p[2] == L and E < U:
            model.add(h[p] <= E * n[p]).with_name("last")
    for p in o:
        model.add(h[p] == sum(out_of[p])).with_name("out_of")
    for key in sent.keys() | taken.keys():
        model.add(sum(sent[key]) == sum(taken[key])).with_name("pool")
    for (p, q), flow in g.items():
        carried = C[p[0], q[0]]
        for m in range(1, most[p] + 1):
            beyond = top[p] * y[p, m + 1] if m < most[p] else 0
            model.add(flow <= carried * m * n[q] + beyond).with_name("link")
    return Program(model, y)


def _most_layers(instance: ServingInstance, kind: str) -> int:
    return instance.performance[kind].most_layers


def _pools(T: Mapping[Class, int], C: Mapping[tuple[str, str], int]) -> dict[str, frozenset[str]]:
    """Return, by type, those types to which no link of its machines can bind."""
    fastest: dict[str, int] = {}
    for (t, *_), tokens in T.items():
        fastest[t] = max(tokens, fastest.get(t, 0))
    return {t: frozenset(u for u in fastest if C[t, u] >= min(fastest[t], fastest[u])) for t in fastest}


def _links(instance: ServingInstance, network: Network) -> Mapping[tuple[str, str], float]:
    """Return what a machine of one type sends to one of another, or to another one of its own."""
    first = {machine.group.name: machine for machine in reversed(instance.machines)}
    carried = {}
    for t, u in product(first, repeat=2):
        source, target = first[t].index, first[u].index + (t == u)
        alone = t == u and first[t].group.count == 1
        carried[t, u] = math.inf if alone else instance.link_tokens_per_s(float(network.between[source, target]))
    return carried
