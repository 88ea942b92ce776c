"""Tokens per second that no placement of a served model exceeds.

Every layer is held by machines that carry the whole flow ``F`` between them. A machine of type ``t`` that holds ``k``
layers carries at most ``T[t, k]``, whatever enters it, and wherever: both bounds hold with partial inference too. There
are ``L`` layers, and ``N[t]`` machines of a type.
"""

from dataclasses import dataclass

from ortools.linear_solver import pywraplp

from milp_amp.bounds.bisection import MARGIN, largest
from milp_amp.bounds.serving_sites import borders
from milp_amp.cost.network import measure
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.sites import Sites, sites_of


@dataclass(frozen=True)
class FlowBound:
    """A bound in tokens per second, and its reason."""

    name: str
    tokens_per_s: float
    reason: str


ROUNDING = 1e-12
"""Relative size of what is left of a weight after it has been covered exactly."""


def flow_bounds(instance: ServingInstance) -> tuple[FlowBound, ...]:
    """Return the bounds of an instance, each stronger than the one before."""
    fleet = Fleet.of(instance)
    capped = capped_work(fleet)
    whole = configurations(fleet, capped)
    bounds = (
        FlowBound("capped work", capped, "no machine carries more than the flow, and the layers need it everywhere"),
        FlowBound("configurations", whole, "every layer needs whole machines that carry the flow"),
    )
    limited = border_bound(fleet, sites_of(instance, measure(instance.cluster), whole), whole)
    if limited == whole:
        return bounds
    return (*bounds, FlowBound("borders", limited, "flow that crosses slow links needs several machines at either end"))


def border_bound(fleet: Fleet, sites: Sites, most: float, partial_inference: bool = True) -> float:
    """Return a flow that no placement exceeds for what links between sites carry; ``most`` if they show no less.

    Parameters
    ----------
    partial_inference
        Whether it must hold for placements in which a request enters a machine in the middle of its layers.
    """
    return borders(fleet, sites, most, lambda part: configurations(part, capped_work(part)), partial_inference)


def capped_work(fleet: Fleet) -> float:
    """Return the largest ``F`` with ``L F <= Σ_i max_k k min(T_i(k), F)``.

    Proof: the ``L`` layers together process ``L F`` tokens per second, and a machine that holds ``k`` of them at most
    ``k`` times what passes through it, which is no more than ``T(k)``, nor than ``F``.
    """

    def carries(flow: float) -> bool:
        work = sum(
            count * max(k * min(tokens, flow) for k, tokens in enumerate(fleet.tokens_per_s[kind], 1))
            for kind, count in fleet.count.items()
        )
        return fleet.layers * flow * (1 - MARGIN) <= work

    return largest(carries, sum(count * max(fleet.tokens_per_s[kind]) for kind, count in fleet.count.items()))


def configurations(fleet: Fleet, most: float) -> float:
    """Return the largest ``F <= most`` for which ``most_layers`` leaves no layer without machines."""
    return largest(lambda flow: most_layers(fleet, flow) >= fleet.layers * (1 - MARGIN), most)


def most_layers(fleet: Fleet, flow: float) -> float:
    """Return how many layers can be held, at most, by machines that carry the flow in every layer.

        min  Σ_t N[t] μ[t]
        s.t. Σ_{(t, k) in c} μ[t] / k >= 1        for every multiset c of machines with Σ_{(t, k) in c} T[t, k] >= F

    Proof: give every machine the price ``μ`` of its type and spread it evenly over its ``k`` layers. The machines that
    hold a layer are such a multiset, so every layer gets at least 1; all layers together get at most ``Σ N μ``.
    Multisets are added while one of them costs less than 1; dividing ``μ`` by the least cost makes it hold for all.
    """
    items = [(kind, k, t) for kind in fleet.count for k, t in enumerate(fleet.tokens_per_s[kind], 1)]
    solver = pywraplp.Solver.CreateSolver("GLOP")
    mu = {kind: solver.NumVar(0, solver.infinity(), kind) for kind in fleet.count}
    solver.Minimize(sum(count * mu[kind] for kind, count in fleet.count.items()))
    while True:
        status = solver.Solve()
        assert status == solver.OPTIMAL, status
        price = {kind: max(variable.solution_value(), 0.0) for kind, variable in mu.items()}
        costs = [price[kind] / k for kind, k, _ in items]
        cost, chosen = cheapest_cover(costs, [t for *_, t in items], flow * (1 - MARGIN))
        total = sum(count * price[kind] for kind, count in fleet.count.items())
        if cost >= 1 - MARGIN:
            return float(total / cost)
        solver.Add(sum(n * mu[items[i][0]] / items[i][1] for i, n in chosen.items()) >= 1)


def cheapest_cover(costs: list[float], weights: list[float], needed: float) -> tuple[float, dict[int, int]]:
    """Return the least cost of a multiset of items whose weights reach ``needed``, and how often each is in it.

    Exact, by branching on how often the item with the best ratio is taken; what is left costs at least the next ratio.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i] / weights[i], -weights[i]))
    best: list[tuple[float, dict[int, int]]] = [(float("inf"), {})]

    def extend(position: int, left: float, spent: float, taken: dict[int, int]) -> None:
        if left <= ROUNDING * needed:
            if spent < best[0][0]:
                best[0] = (spent, dict(taken))
            return
        if position == len(order):
            return
        item = order[position]
        if spent + left * costs[item] / weights[item] >= best[0][0]:
            return
        most = -int(-left // weights[item])
        for times in range(most, -1, -1):
            if times:
                taken[item] = times
            else:
                taken.pop(item, None)
            extend(position + 1, left - times * weights[item], spent + times * costs[item], taken)

    extend(0, needed, 0.0, {})
    return best[0]
