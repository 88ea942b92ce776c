"""Stages of a served model site by site, where slow links join sites (PuLP; HiGHS, CBC as fallback).

Question. Which machine holds which layers of a model, for the largest flow of tokens per second, where some links carry
less than the machines at their ends.

Mathematics. Sites ``s`` are groups of machines between which no link limits anything; ``C[a, b]`` is what a machine of
one sends to a machine of another. For a target flow ``F``, a *stage* ``c = (k, n)`` of a site is ``k`` layers held by
``n[t]`` of its machines of type ``t`` with ``Σ_t n[t] T[t, k] >= F``; a *section* is two chains of stages beside each
other at one site, which carry ``φ`` and ``F − φ`` through the same layers. The layers of a site follow each other, so
tokens cross a border once for every two neighbouring sites, from the last stage of one to the first of the next, both
of them whole: machines of ``T_i`` reach ``m`` others if ``Σ_i min(T_i, m C) >= F``, and the others must be able to take
it. Stages are those with no machine to spare, be it for carrying the flow or for reaching some number of others. ``e``
is a kind of stage: the number of its machines, and how many each other site must have across a border with it.

    max   Σ_s Σ_c k[c] x[s, c] + Σ_φ Σ_{c in A(s, φ)} k[c] a[s, φ, c]
    s.t.  chains     Σ_{c in A(s, φ)} k[c] a[s, φ, c] = Σ_{c in B(s, φ)} k[c] b[s, φ, c]          every s, φ
          machines   Σ n[c, t] (x[s, c] + Σ_φ a[s, φ, c] + b[s, φ, c]) <= N[t]                    every type t
          layers     what is maximised <= L
          leaves     Σ_b r[a, b] <= 1,  Σ_a r[a, b] <= 1                                          every site
          joined     Σ r = S − 1
          order      u[a] − u[b] + S r[a, b] <= S − 1                                             every two sites
          sends      Σ_e o[a, b, e] = r[a, b]
          border     o[a, b, e] <= Σ i[a, b, e']    over kinds e' that e reaches and that it is enough for
          ends       Σ_b o[s, b, e] + Σ_a i[a, s, e] <= Σ_{c of kind e} x[s, c]                   every s, e
          x, a, b whole numbers;  r, o, i binary;  share F for x, φ for a, F − φ for b

``F`` can be carried in this way if the maximum is ``L``. Targets are bisected between the best placement and the bound;
every placement is worth its own max flow. The same for parts of the sites beside each other, each of which holds the
whole model, where bounds allow that to be more; and once as if there were a single site.

Searched: stages and sections of one site, and chains of sites. What is proved is the bound's alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from typing import TypeVar

import pulp

from milp_amp.bounds.serving import FlowBound, border_bound, capped_work, configurations
from milp_amp.cost.network import Network, measure
from milp_amp.engine.flow_search import FlowLimits, FlowSearch, begin
from milp_amp.engine.mip import solve_mip, subject_to
from milp_amp.engine.versions import versions
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.site_chains import Chain, Kind, Layers, kind_of, placed, reaches
from milp_amp.space.sites import Sites, divided, part_of, sites_of
from milp_amp.space.stages import Stage, stages
from milp_amp.space.token_flow import tokens_per_s

PRECISION = 1e-3
"""Distance of two targets, relative to the bound, below which a bisection ends."""

SECONDS = 8.0
"""For one program with sections: what takes longer is taken for impossible, which costs quality, never truth."""

MOST_IN_BRANCH, MOST_IN_REST = 2, 3
"""Machines of a stage in the lesser chain of a section, and in the greater one."""

MOST_AT_BORDER = 4
"""Machines of a stage that has more of them than carry the flow, for what it sends across a border."""

MOST_DIVIDED = 5
"""Sites that are divided into parts in every way; more are only each for itself, or all together."""

Column = TypeVar("Column")

Part = tuple[int, ...]
"""Some of the sites."""


@dataclass
class Asked:
    """What is searched: the instance, its sites, and the best placement of every part of them with its flow."""

    instance: ServingInstance
    network: Network
    sites: Sites
    search: FlowSearch
    best: dict[Part, tuple[float, Layers]] = field(default_factory=dict)
    bounds: dict[Part, float] = field(default_factory=dict)

    def fleet(self, part: Part) -> Fleet:
        """Return the machines of some sites."""
        return part_of(Fleet.of(self.instance), [name for s in part for name in self.sites.groups[s]])

    def bound(self, part: Part) -> float:
        """Return what some sites alone carry at most."""
        if part not in self.bounds:
            fleet = self.fleet(part)
            alone = configurations(fleet, capped_work(fleet)) if fleet.fits else 0.0
            self.bounds[part] = min(self.search.bound, alone)
        return self.bounds[part]

    def flow(self, layers: Layers) -> tuple[float, Placement]:
        """Return what a placement carries, and the placement."""
        placement = Placement(layers=layers, partial_inference=self.search.limits.partial_inference)
        return tokens_per_s(self.instance, placement, self.network), placement


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Search chains of all sites, then parts of them beside each other, then as if there were a single site."""
    network = measure(instance.cluster)
    most = min(bound.tokens_per_s for bound in bounds)
    sites = sites_of(instance, network, most)
    if not limits.partial_inference:
        most = border_bound(Fleet.of(instance), sites, most, partial_inference=False)
    search = begin(instance, network, limits, most)
    asked = Asked(instance, network, sites, search)
    every = tuple(range(len(sites.groups)))
    for sections in (False, True):
        _bisect(asked, (every,), every, sections)
    for parts in sorted(divided(every, MOST_DIVIDED), key=lambda parts: -sum(map(asked.bound, parts))):
        for sections, part in product((False, True), parts):
            if sum(map(asked.bound, parts)) > search.value:
                _bisect(asked, parts, part, sections)
    if len(every) > 1:
        united = Sites((tuple(name for site in sites.groups for name in site),), sites.tokens_per_s)
        _bisect(Asked(instance, network, united, search), ((0,),), (0,), sections=False)
    return search.result(instance=instance.name, formulation="serving_sites", versions=versions("PuLP", "highspy"))


def _bisect(asked: Asked, parts: Sequence[Part], part: Part, sections: bool) -> None:
    """Bisect what one part carries, and place it beside the best of the others."""
    search = asked.search
    low = asked.best.setdefault(part, (0.0, {}))[0]
    high = target = asked.bound(part)
    while not (search.closed or search.stopped) and high - low > PRECISION * search.bound:
        chains = _program(asked, part, target, sections)
        if chains is None:
            high = target
        else:
            value, placement = asked.flow(placed(asked.instance, chains))
            if value > asked.best[part][0]:
                asked.best[part] = (value, placement.layers)
            low = max(target, value)
        target = (low + high) / 2
        beside = [asked.best.get(each, (0.0, {}))[1] for each in parts]
        search.improve(*asked.flow({name: held for layers in beside for name, held in layers.items()}))


def _program(asked: Asked, S: Part, F: float, sections: bool) -> list[Chain] | None:
    """Return what every site of a chain holds, in its order; ``None`` where none carries ``F``, or is found in time."""
    # Sets
    fleet = {s: asked.fleet((s,)) for s in S}
    X = {s: list(_stages(asked, fleet, s, F)) for s in S}
    P = [(s, phi) for s in S if sections for phi in _single_machines(fleet[s], F)]
    A = {p: stages(fleet[p[0]], p[1], MOST_IN_BRANCH) for p in P}
    B = {p: stages(fleet[p[0]], F - p[1], MOST_IN_REST) for p in P}

    # Parameters
    L = asked.instance.model.num_layers
    C = {s: [None if s == other else asked.sites.least(s, other) for other in S] for s in S}
    kind = {s: [kind_of(c, fleet[s], F, C[s]) for c in X[s]] for s in S}

    # Variables
    x = {s: _counts(f"x_{s}", X[s], fleet[s]) for s in S}
    a = {p: _counts(f"a_{p[0]}_{j}", A[p], fleet[p[0]]) for j, p in enumerate(P)}
    b = {p: _counts(f"b_{p[0]}_{j}", B[p], fleet[p[0]]) for j, p in enumerate(P)}

    # Constraints
    program = pulp.LpProblem("serving_sites", pulp.LpMinimize)
    held = pulp.lpSum([_layers(X[s], x[s]) for s in S] + [_layers(A[p], a[p]) for p in P])
    program += -held
    every = [*((X[s], x[s]) for s in S), *((A[p], a[p]) for p in P), *((B[p], b[p]) for p in P)]
    subject_to(
        program,
        chains={j: _layers(A[p], a[p]) == _layers(B[p], b[p]) for j, p in enumerate(P)},
        machines={
            t: pulp.lpSum(dict(c.machines).get(t, 0) * v for C, row in every for c, v in zip(C, row, strict=True))
            <= most
            for s in S
            for t, most in fleet[s].count.items()
        },
        layers={0: held <= L},
    )
    borders = _Borders.build(program, S, {s: list(zip(kind[s], x[s], strict=True)) for s in S})
    search = asked.search
    outcome = solve_mip(
        program,
        stopped=lambda: search.stopped,
        time_limit=min(SECONDS, search.remaining),
        threads=search.limits.threads,
        seed=search.limits.seed,
    )
    if outcome.values is None or -outcome.objective < L - 0.5:
        return None
    sections_of = {
        s: [(_taken(A[p], a[p], outcome.values), _taken(B[p], b[p], outcome.values)) for p in P if p[0] == s] for s in S
    }
    held_by = {s: _taken(list(zip(kind[s], X[s], strict=True)), x[s], outcome.values) for s in S}
    return [_chain(held_by[s], sections_of[s], borders.ends(s, outcome.values)) for s in borders.order(outcome.values)]


@dataclass(frozen=True)
class _Borders:
    """The variables ``r``, ``o`` and ``i``, the last two by pair of sites and kind."""

    sites: Part
    r: dict[tuple[int, int], pulp.LpVariable]
    o: dict[tuple[tuple[int, int], Kind], pulp.LpVariable]
    i: dict[tuple[tuple[int, int], Kind], pulp.LpVariable]

    @staticmethod
    def build(program: pulp.LpProblem, S: Part, x: Mapping[int, Sequence[tuple[Kind, pulp.LpVariable]]]) -> "_Borders":
        """Add them with their constraints; ``x`` are the stages of every site with their kinds."""
        # Sets
        pairs = list(permutations(S, 2))
        E = {s: sorted({e for e, _ in x[s]}) for s in S}

        # Variables
        def binary(name: str, side: int) -> dict[tuple[tuple[int, int], Kind], pulp.LpVariable]:
            return {
                (p, e): pulp.LpVariable(f"{name}_{p[0]}_{p[1]}_{j}", cat="Binary")
                for p in pairs
                for j, e in enumerate(E[p[side]])
            }

        r = {p: pulp.LpVariable(f"r_{p[0]}_{p[1]}", cat="Binary") for p in pairs}
        u = {s: pulp.LpVariable(f"u_{s}", 0, len(S) - 1) for s in S}
        o, i = binary("o", 0), binary("i", 1)

        borders = _Borders(S, r, o, i)

        # Constraints
        subject_to(
            program,
            leaves={s: pulp.lpSum(r[p] for p in pairs if p[0] == s) <= 1 for s in S},
            arrives={s: pulp.lpSum(r[p] for p in pairs if p[1] == s) <= 1 for s in S},
            joined={0: pulp.lpSum(r.values()) == len(S) - 1},
            order={p: u[p[0]] - u[p[1]] + len(S) * r[p] <= len(S) - 1 for p in pairs},
            sends={p: pulp.lpSum(o[p, e] for e in E[p[0]]) == r[p] for p in pairs},
            border={
                (p, j): o[p, e] <= pulp.lpSum(i[p, f] for f in E[p[1]] if reaches(e, f, S.index(p[0]), S.index(p[1])))
                for p in pairs
                for j, e in enumerate(E[p[0]])
            },
            ends={
                (s, j): pulp.lpSum([o[p, e] for p in pairs if p[0] == s] + [i[p, e] for p in pairs if p[1] == s])
                <= pulp.lpSum(v for k, v in x[s] if k == e)
                for s in S
                for j, e in enumerate(E[s])
            },
        )
        return borders

    def order(self, values: Mapping[str, float]) -> list[int]:
        """Return the sites from the first to the last."""
        following = {p[0]: p[1] for p, v in self.r.items() if values[v.name] > 0.5}
        (site,) = set(self.sites) - set(following.values())
        order = [site]
        while site in following:
            site = following[site]
            order.append(site)
        return order

    def ends(self, s: int, values: Mapping[str, float]) -> tuple[Kind | None, Kind | None]:
        """Return the kinds of the first stage of a site and of its last, where they are at a border."""
        sent = [(p, e) for (p, e), v in self.o.items() if values[v.name] > 0.5]
        last = next((e for p, e in sent if p[0] == s), None)
        taken = (
            f
            for p, e in sent
            if p[1] == s
            for (q, f), v in self.i.items()
            if q == p and values[v.name] > 0.5 and self.crosses(p, e, f)
        )
        return next(taken, None), last

    def crosses(self, p: tuple[int, int], e: Kind, f: Kind) -> bool:
        """Return whether stages of two kinds can be neighbours across a border."""
        return reaches(e, f, self.sites.index(p[0]), self.sites.index(p[1]))


def _chain(
    stages: Sequence[tuple[Kind, Stage]],
    sections: list[tuple[list[Stage], list[Stage]]],
    ends: tuple[Kind | None, Kind | None],
) -> Chain:
    """Return what a site holds, stages of the given kinds at its ends."""
    rest = list(stages)

    def drawn(end: Kind | None) -> list[Stage]:
        return [] if end is None else [rest.pop(next(k for k, (e, _) in enumerate(rest) if e == end))[1]]

    first, last = drawn(ends[0]), drawn(ends[1])
    return Chain(first, sections, [stage for _, stage in rest] + last)


def _stages(asked: Asked, fleet: Mapping[int, Fleet], s: int, F: float) -> dict[Stage, None]:
    """Return the stages that carry ``F`` with no machine to spare, or that send it so to ``m`` machines of a site."""
    found = dict.fromkeys(stages(fleet[s], F, sum(fleet[s].count.values())))
    for other in fleet.keys() - {s}:
        link = asked.sites.least(s, other)
        for m in range(1, min(sum(fleet[other].count.values()), math.ceil(F / link)) + 1):
            limited = {t: tuple(min(each, m * link) for each in row) for t, row in fleet[s].tokens_per_s.items()}
            found |= dict.fromkeys(stages(Fleet(fleet[s].layers, fleet[s].count, limited), F, MOST_AT_BORDER))
    return found


def _single_machines(fleet: Fleet, F: float) -> list[float]:
    """Return what a single machine carries, up to half of the flow: the other chain then carries the rest."""
    return sorted({tokens for row in fleet.tokens_per_s.values() for tokens in row if tokens <= F / 2})


def _counts(name: str, columns: Sequence[Stage], fleet: Fleet) -> list[pulp.LpVariable]:
    most = [min(fleet.count[t] // n for t, n in c.machines) for c in columns]
    return [pulp.LpVariable(f"{name}_{j}", 0, top, "Integer") for j, top in enumerate(most)]


def _layers(columns: Sequence[Stage], row: Sequence[pulp.LpVariable]) -> pulp.LpAffineExpression:
    return pulp.lpSum(c.layers * v for c, v in zip(columns, row, strict=True))


def _taken(columns: Sequence[Column], row: Sequence[pulp.LpVariable], values: Mapping[str, float]) -> list[Column]:
    return [c for c, v in zip(columns, row, strict=True) for _ in range(round(values.get(v.name, 0.0)))]
