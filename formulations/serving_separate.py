"""A pipeline for every type of machine, or several, and none of two types: a baseline.

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Method. A pipeline is ``n`` machines of one type ``t`` one after the other, with ``ceil(L / n)`` or one layer less each,
so it carries ``min_k T[t, k]`` over the one or two numbers ``k`` of layers. ``N[t]`` machines make ``N[t] // n`` of
them, the rest are idle:

    n[t] = arg max over n of  (N[t] // n) min_k T[t, k]       where ceil(L / n) layers fit; of equal ones the least n

A type that cannot hold the model alone is idle.

Source. What Mei et al. (Helix, ASPLOS 2025, section 6) compare themselves with as separate pipelines; how many machines
make a pipeline is chosen here for the largest flow.

Proves nothing: the bound is the package's. The flow is that of the whole placement, so where pipelines of two types
happen to be cut at the same layer, tokens may change from one to the other.
"""

from collections.abc import Sequence

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, begin
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.token_flow import tokens_per_s


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Give every type its own pipelines."""
    fleet, network = Fleet.of(instance), measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    layers = {}
    for group in instance.cluster.nodes:
        n = machines_of_a_pipeline(fleet, group.name)
        names = [machine.name for machine in instance.machines if machine.group == group]
        for i in range(len(names) // n * n if n else 0):
            layers[names[i]] = _part(fleet.layers, n, i % n)
    placement = Placement(layers=layers, partial_inference=limits.partial_inference)
    search.improve(tokens_per_s(instance, placement, network), placement)
    return search.result(instance=instance.name, formulation="serving_separate", versions={})


def machines_of_a_pipeline(fleet: Fleet, t: str) -> int:
    """Return how many machines of a type make a pipeline, ``0`` if all of them cannot hold the model."""
    L, N, T = fleet.layers, fleet.count[t], fleet.tokens_per_s[t]
    worth = {
        n: (N // n) * min(T[k - 1] for k in {L // n, -(-L // n)})
        for n in range(1, min(N, L) + 1)
        if -(-L // n) <= len(T)
    }
    return max(worth, key=lambda n: worth[n], default=0)


def _part(L: int, n: int, i: int) -> tuple[int, int]:
    """Return the layers of machine ``i`` of ``n``."""
    return -(-i * L // n), -(-(i + 1) * L // n)
