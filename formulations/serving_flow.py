"""Counts of equal machines, and the flow between them (OR-Tools CP-SAT).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Mathematics. Machines of a type (a group of nodes) can be exchanged without changing any speed or bandwidth. A *class*
``p = (t, a, b)`` is all machines of type ``t`` that hold the layers from ``a`` up to ``b``, and ``n[p]`` their number:
``y[p, m] = 1`` if they are ``m`` or more. ``h[p]`` tokens per second pass through them, ``s[p]`` come from the
coordinator. ``q`` follows ``p`` if it begins where ``p`` ends; with partial inference also if it has begun before and
ends behind. ``C[t, u]`` is what a machine of type ``t`` sends to one of type ``u``, ``U`` a proven bound of the flow,
and ``top[p]`` the least of ``U`` and what all machines that a class may have do.

    max   Σ_{a=0} s[p]
    s.t.  machines   Σ_{p of t} n[p] <= N[t],  n[p] = Σ_m y[p, m]
          steps      y[p, m+1] <= y[p, m]
          speed      h[p] <= Σ_m (min(m T[p], U) − min((m−1) T[p], U)) y[p, m]
          cover      F <= Σ_{p holds l} (what speed allows)                            every layer l
          first      s[p] <= E n[p]                                                    a = 0
          last       h[p] <= E n[p]                                                    b = L
          into       h[q] = s[q] + Σ_p g[p, q] + Σ_{S ∋ u, b} i[S, b, q]
          out_of     h[p] = Σ_q g[p, q] + o[p]                                         b < L
          pool       Σ_{p: S[t] = S, ending at b} o[p] = Σ_q i[S, b, q]                every S, b
          link       g[p, q] <= C[t, u] m n[q] + top[p] y[p, m+1]                      every m
          fan_out    Σ_{q of u} g[p, q] <= C[t, u] (N[u] − [t = u]) n[p]               every u; fan_in likewise

Exact over: all placements, with and without partial inference.

Proof. Take a placement and a flow. Summed over the machines of each class it keeps every row: where ``n[p] = m``,
``link`` says ``g[p, q] <= C n[p] n[q]``, what all pairs carry together, and is slack for other ``m``. The other way
round, take counts and a solution, and divide it evenly: every machine of ``p`` gets ``h[p] / n[p]``, every pair of
machines ``g[p, q] / (n[p] n[q])``. All machines of a class then send and receive the same, so what enters each leaves
it, and no machine, pair or entrance carries more than it can. No class follows itself, so a pair is always of two
different machines. (The same average, over all permutations of machines inside their classes, shows that no flow of
the placement is lost.) Fans and cover are implied: no machine sends to more than there are, and the whole flow passes
every layer. Without fans relaxations are weak, and without cover the search learns late which layer lacks machines.

Pools. Let ``S[t]`` be the types ``u`` with ``C[t, u] >= min(U, max_k T[t, k], max_k T[u, k])``. Between them no link
can bind: where neither end is empty, ``n[p] n[q] C`` is at least ``U``, ``n[p] T[p]`` or ``n[q] T[q]``, which the flow
exceeds nowhere; where one is empty, nothing passes through it. So flows between them need not be told apart, and what
classes of type ``t`` send to them from position ``b`` goes through one pool.

Spare machines. ``y[p, m]`` ends at ``m >= U / min(T[p], E, C[t, ·], C[·, t])``: so many machines carry ``U`` through
themselves, from every class that is not empty, to it, and from and to the coordinator. More of them add nothing.

Ticks. Tokens per second are whole ticks, rounded up: counts that carry a flow in tokens per second carry as many ticks
and, all capacities being whole, a whole number of them, so the program's bound holds. The objective counts them in
whole steps, rounded up. What a solution carries is its placement's max flow.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TypeVar

from ortools.sat.python import cp_model

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import Network, measure
from milp_amp.engine.cpsat import CpStatus, solve_cpsat
from milp_amp.engine.flow_search import FlowLimits, FlowSearch, begin
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s

TICKS = 10**9
"""Ticks in the bound of the flow: rounding adds one for every machine and link of a cut."""

STEP = 16
"""Ticks in a step of the objective: the last of them are less than a linear relaxation tells from none."""

FINER = 0.5
"""How far the bound must have come down for finer ticks to be worth another program."""

Class = tuple[str, int, int]
"""Type of machines, their first layer, the first layer after."""

_Key = TypeVar("_Key", bound=Hashable)


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Solve the program, and again in finer ticks where the bound was far too high for the first ones."""
    network = measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    coarse = math.inf
    while not search.stopped and not search.closed and 0 < search.bound < FINER * coarse:
        coarse = search.bound
        if _close(instance, network, search) is not CpStatus.OPTIMAL:
            break
    return search.result(instance=instance.name, formulation="serving_flow", versions=versions("ortools"))


def _close(instance: ServingInstance, network: Network, search: FlowSearch) -> CpStatus:
    """Solve the program in ticks of the bound that is known."""
    limits, ticks = search.limits, Ticks(TICKS / search.bound)
    program = build(Parameters.of(instance, network, ticks, limits.partial_inference))
    if search.placement is not None:
        program.hint(instance, search.placement)

    def found(chosen: list[int]) -> None:
        placement = program.placement(instance, chosen, limits.partial_inference)
        search.improve(tokens_per_s(instance, placement, network), placement)

    outcome = solve_cpsat(
        program.model,
        list(program.y.values()),
        found=found,
        bounded=lambda steps: search.lower(ticks.tokens_per_s(-STEP * steps)),
        stopped=lambda: search.stopped or search.closed,
        time_limit=search.remaining,
        threads=limits.threads,
        seed=limits.seed,
        bound_first=True,
    )
    search.lower(ticks.tokens_per_s(-STEP * outcome.bound))
    return outcome.status


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
        held = [(instance.cluster.host_of_name[name].group.name, *layers) for name, layers in start.layers.items()]
        count = Counter(held)
        for (p, m), literal in self.y.items():
            self.model.add_hint(literal, count[p] >= m)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameters:
    """The letters of the mathematics that are given, speeds and bandwidths in ticks, and what follows from them.

    Attributes
    ----------
    most
        By class: machines of which more would be spare.
    top
        By class: what passes through all its machines, at most.
    entered
        By position between two layers: the classes that flow may enter there.
    """

    L: int
    N: dict[str, int]
    T: dict[Class, int]
    C: dict[tuple[str, str], int]
    E: int
    S: dict[str, frozenset[str]]
    most: dict[Class, int]
    top: dict[Class, int]
    entered: dict[int, list[Class]]

    @staticmethod
    def of(instance: ServingInstance, network: Network, ticks: Ticks, partial_inference: bool) -> "Parameters":
        """Return the parameters of an instance."""
        L, N = instance.model.num_layers, {group.name: group.count for group in instance.cluster.nodes}
        tokens = {t: instance.performance[t].tokens_per_s[:L] for t in N}
        T = {
            (t, a, a + k): ticks(tokens[t][k - 1])
            for t in N
            for k in range(1, len(tokens[t]) + 1)
            for a in range(L - k + 1)
        }
        C = {pair: ticks(carried) for pair, carried in _links(instance, network).items()}
        E = ticks(instance.entry_tokens_per_s)
        fastest = {t: ticks(max(tokens[t])) for t in N}
        S = {t: frozenset(u for u in N if C[t, u] >= min(fastest[t], fastest[u])) for t in N}
        least = {t: min(E, *(min(C[t, u], C[u, t]) for u in N)) for t in N}
        most = {p: min(N[p[0]], -(-TICKS // min(T[p], least[p[0]]))) for p in T}
        top = {p: min(TICKS, most[p] * T[p]) for p in T}
        inside = {q: range(q[1], q[2] if partial_inference else q[1] + 1) for q in T}
        entered = {b: [q for q in T if b in inside[q]] for b in range(1, L)}
        return Parameters(L=L, N=N, T=T, C=C, E=E, S=S, most=most, top=top, entered=entered)


def build(given: Parameters) -> Program:
    """Return the program of an instance."""
    model, U = cp_model.CpModel(), TICKS

    # Sets and parameters
    L, N, T, C, E, S, entered = given.L, given.N, given.T, given.C, given.E, given.S, given.entered
    P = list(T)
    M = {p: range(1, given.most[p] + 1) for p in P}
    ahead = {p: [q for q in entered[p[2]] if q[2] > p[2]] for p in P if p[2] < L}
    apart = [(p, q) for p in ahead for q in ahead[p] if q[0] not in S[p[0]]]
    pools = [(pool, b) for pool in dict.fromkeys(S.values()) for b in entered]
    pooled = [(pool, b, q) for pool, b in pools for q in entered[b] if q[0] in pool]

    # Variables
    def flows(name: str, top: Mapping[_Key, int]) -> dict[_Key, cp_model.IntVar]:
        return {key: model.new_int_var(0, most, f"{name}_{key}") for key, most in top.items()}

    top = given.top
    y = {(p, m): model.new_bool_var(f"y_{p}_{m}") for p in P for m in M[p]}
    h, s = flows("h", top), flows("s", {q: top[q] for q in P if q[1] == 0})
    g = flows("g", {(p, q): min(top[p], top[q]) for p, q in apart})
    o, i = flows("o", {p: top[p] for p in ahead}), flows("i", {key: top[key[2]] for key in pooled})

    K = model.new_int_var(0, -(-U // STEP), "K")

    # Sums
    n = {p: cp_model.LinearExpr.sum([y[p, m] for m in M[p]]) for p in P}
    speed = {p: sum((min(m * T[p], U) - min((m - 1) * T[p], U)) * y[p, m] for m in M[p]) for p in P}
    F = sum(s.values())
    into = _sums(chain(s.items(), ((q, v) for (_, q), v in g.items()), ((q, v) for (_, _, q), v in i.items())))
    out_of = _sums(chain(o.items(), ((p, v) for (p, _), v in g.items())))
    sent = _sums(((S[p[0]], p[2]), v) for p, v in o.items())
    taken = _sums(((pool, b), v) for (pool, b, _), v in i.items())

    # Objective
    model.minimize(-K)

    # Constraints
    model.add(STEP * K <= F + STEP - 1).with_name("whole_steps")
    for t in N:
        model.add(sum(n[p] for p in P if p[0] == t) <= N[t]).with_name("machines")
    for p, m in y:
        if m > 1:
            model.add_implication(y[p, m], y[p, m - 1]).with_name("steps")
    for p in P:
        model.add(h[p] <= speed[p]).with_name("speed")
        model.add(h[p] == into.get(p, 0)).with_name("into")
    for layer in range(L):
        over = sum(speed[p] for p in P if p[1] <= layer < p[2])
        model.add(over + STEP - 1 >= STEP * K).with_name("cover")
    for p in s:
        model.add(s[p] <= E * n[p]).with_name("first")
    for p in P:
        if p[2] == L:
            model.add(h[p] <= E * n[p]).with_name("last")
        else:
            model.add(h[p] == out_of[p]).with_name("out_of")
    for pool in pools:
        model.add(sent[pool] == taken.get(pool, 0)).with_name("pool")
    for (p, q), flow in g.items():
        for m in M[p]:
            more = top[p] * y[p, m + 1] if m < given.most[p] else 0
            model.add(flow <= C[p[0], q[0]] * m * n[q] + more).with_name("link")
    for (p, u), fan in _sums(((p, q[0]), flow) for (p, q), flow in g.items()).items():
        model.add(fan <= C[p[0], u] * (N[u] - (u == p[0])) * n[p]).with_name("fan_out")
    for (q, t), fan in _sums(((q, p[0]), flow) for (p, q), flow in g.items()).items():
        model.add(fan <= C[t, q[0]] * (N[t] - (t == q[0])) * n[q]).with_name("fan_in")
    return Program(model, y)


def _sums(terms: Iterable[tuple[_Key, cp_model.IntVar]]) -> dict[_Key, cp_model.LinearExpr]:
    """Return the sum of the variables of every key."""
    gathered: dict[_Key, list[cp_model.IntVar]] = {}
    for key, variable in terms:
        gathered.setdefault(key, []).append(variable)
    return {key: cp_model.LinearExpr.sum(variables) for key, variables in gathered.items()}


def _links(instance: ServingInstance, network: Network) -> Mapping[tuple[str, str], float]:
    """Return what a machine of one type sends to one of another, or to another one of its own."""
    first = {machine.group.name: machine for machine in reversed(instance.machines)}
    carried = {}
    for t, u in product(first, repeat=2):
        source, target = first[t].index, first[u].index + (t == u)
        alone = t == u and first[t].group.count == 1
        carried[t, u] = math.inf if alone else instance.link_tokens_per_s(float(network.between[source, target]))
    return carried
