"""Helix's program for serving (Mei et al., ASPLOS 2025, section 4): the baseline (PuLP; HiGHS, CBC as fallback).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Mathematics. Machine ``i`` holds ``k`` layers if ``b[i, k] = 1``, from ``s[i]`` to ``e[i] = s[i] + Σ_k k b[i, k]``. A
connection ``(i, j)``, also of the coordinator, is open if ``d[i, j] = 1``, and carries ``f[i, j]`` tokens per second:

    max   Σ_i f[source, i]
    s.t.  holds        Σ_k b[i, k] = 1
          ends         e[i] <= L
          follows      s[j] - e[i] <= L (1 − d[i, j]),  e[i] - s[j] <= L (1 − d[i, j])       j begins where i ends
          first        s[i] <= L (1 − d[source, i])
          last         e[i] >= L d[i, sink]
          link         f[i, j] <= C[i, j] d[i, j]
          conserved    Σ_j f[j, i] = Σ_j f[i, j]
          speed        Σ_j f[j, i] <= Σ_k T[i, k] b[i, k]

``C`` is what a link carries. Links inside a site carry far more than any machine, so the relaxation opens all
connections a little, and proves nothing. ``serving_helix_clipped`` replaces ``C`` by the most that either end could
ever carry.

With partial inference a connection leads to a machine that has begun by there, and ends behind it: ``s[j] <= e[i]``
and ``e[i] + 1 <= e[j]``, as published; the second takes the place of ``e[i] <= s[j]``.

Exact over: all placements, with and without partial inference.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import pulp

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import Network, measure
from milp_amp.engine.flow_search import FlowLimits, begin
from milp_amp.engine.mip import solve_mip, subject_to
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Solve the program as it was published."""
    return _solve(instance, bounds, limits, clipped=False)


def solve_clipped(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Solve it with coefficients that are as small as they can be."""
    return _solve(instance, bounds, limits, clipped=True)


def _solve(
    instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits, *, clipped: bool
) -> ServingResult:
    network = measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    program, held = build(instance, network, clipped, limits.partial_inference)
    outcome = solve_mip(
        program,
        stopped=lambda: search.stopped,
        time_limit=search.remaining,
        threads=limits.threads,
        seed=limits.seed,
        gap=limits.gap,
    )
    if outcome.values is not None:
        placement = _placement(instance, outcome.values, held, limits.partial_inference)
        search.improve(tokens_per_s(instance, placement, network), placement)
    note = f"the program alone proves at most {-outcome.bound:.6g} tokens/s"
    return search.result(
        instance=instance.name,
        formulation="serving_helix_clipped" if clipped else "serving_helix",
        versions=versions("PuLP", "highspy"),
        notes=(note,),
    )


def build(
    instance: ServingInstance, network: Network, clipped: bool, partial_inference: bool
) -> tuple[pulp.LpProblem, dict[int, dict[int, pulp.LpVariable]]]:
    """Return the program, and ``b`` by machine and number of layers."""
    # Sets
    L, machines = instance.model.num_layers, instance.machines
    M = range(len(machines))
    K = {i: range(1, instance.performance_of(machines[i]).most_layers + 1) for i in M}
    pairs = list(permutations(M, 2))
    source, sink = [("source", i) for i in M], [(i, "sink") for i in M]

    # Parameters
    T = {i: instance.performance_of(machines[i]).tokens_per_s for i in M}
    C = {
        (i, j): instance.link_tokens_per_s(float(network.between[machines[i].index, machines[j].index]))
        for i, j in pairs
    } | dict.fromkeys([*source, *sink], instance.entry_tokens_per_s)
    if clipped:
        C = {ends: min(c, *(max(T[i]) for i in ends if isinstance(i, int))) for ends, c in C.items()}

    # Variables
    s = {i: pulp.LpVariable(f"s_{i}", 0, L - 1, "Integer") for i in M}
    b = {i: {k: pulp.LpVariable(f"b_{i}_{k}", cat="Binary") for k in K[i]} for i in M}
    d = {ends: pulp.LpVariable(f"d_{ends[0]}_{ends[1]}", cat="Binary") for ends in C}
    f = {ends: pulp.LpVariable(f"f_{ends[0]}_{ends[1]}", 0) for ends in C}

    # Sums
    e = {i: s[i] + pulp.lpSum(k * b[i][k] for k in K[i]) for i in M}
    latest = {j: e[j] - 1 if partial_inference else s[j] for j in M}
    into = {i: pulp.lpSum([f["source", i], *(f[j, i] for j in M if j != i)]) for i in M}
    out_of = {i: pulp.lpSum([f[i, "sink"], *(f[i, j] for j in M if j != i)]) for i in M}

    # Objective
    program = pulp.LpProblem("serving_helix", pulp.LpMinimize)
    program += -pulp.lpSum(f[ends] for ends in source)

    # Constraints
    subject_to(
        program,
        holds={i: pulp.lpSum(b[i].values()) == 1 for i in M},
        ends={i: e[i] <= L for i in M},
        follows_not_after={(i, j): s[j] - e[i] <= L * (1 - d[i, j]) for i, j in pairs},
        follows_not_before={(i, j): e[i] <= latest[j] + L * (1 - d[i, j]) for i, j in pairs},
        first={i: s[i] <= L * (1 - d["source", i]) for i in M},
        last={i: e[i] >= L * d[i, "sink"] for i in M},
        link={ends: f[ends] <= C[ends] * d[ends] for ends in C},
        conserved={i: into[i] == out_of[i] for i in M},
        speed={i: into[i] <= pulp.lpSum(T[i][k - 1] * b[i][k] for k in K[i]) for i in M},
    )
    return program, b


def _placement(
    instance: ServingInstance,
    values: Mapping[str, float],
    held: Mapping[int, Mapping[int, pulp.LpVariable]],
    partial_inference: bool,
) -> Placement:
    layers = {}
    for i, counts in held.items():
        start = round(values[f"s_{i}"])
        stop = start + max(counts, key=lambda k: values[counts[k].name])
        layers[instance.machines[i].name] = (start, stop)
    return Placement(layers=layers, partial_inference=partial_inference)
