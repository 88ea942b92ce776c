"""Equal stages that machines join where they are needed, as in SWARM (Ryabinin et al. 2023): a baseline.

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Method. The machine with the least room holds ``m`` layers, so ``S = ceil(L / m)`` stages are the fewest such that every
machine can be in any of them; their sizes differ by one layer at most. Stage ``s`` of ``k`` layers carries
``W[s] = Σ T[i, k]`` over its machines. The fastest machine joins first; each joins the stage with the least ``W``, of
equal ones the first. Then a machine moves to the stage with the least ``W`` wherever the least ``W`` grows by it, of
all such moves the one with the largest gain, until there is none.

Source. Ryabinin, Dettmers, Diskin and Borzunov, "SWARM Parallelism: Training Large Models Can Be Surprisingly
Communication-Efficient", ICML 2023, section 3.2 and its adaptive rebalancing. There peers come and go while it runs,
and queues say which stage is short; here all are present, and their tokens per second say it.

Proves nothing: the bound is the package's. Where stages outnumber machines it finds nothing.
"""

from collections.abc import Sequence
from itertools import pairwise

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, begin
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s

GAIN = 1e-9
"""By which the least throughput must grow, relative, for a move: sums in another order are no gain."""


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Cut the layers into stages and let the machines join."""
    network = measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    stages = equal_stages(instance)
    joined = _rebalanced(instance, stages, _joined(instance, stages))
    layers = {machine.name: stages[s] for s, machines in enumerate(joined) for machine in machines}
    placement = Placement(layers=layers, partial_inference=limits.partial_inference)
    search.improve(tokens_per_s(instance, placement, network), placement)
    return search.result(instance=instance.name, formulation="serving_swarm", versions={})


def equal_stages(instance: ServingInstance) -> list[tuple[int, int]]:
    """Return the fewest stages that every machine can hold, as ``(start, stop)``."""
    L = instance.model.num_layers
    m = min(instance.performance_of(machine).most_layers for machine in instance.machines)
    S = -(-L // m)
    starts = [-(-s * L // S) for s in range(S + 1)]
    return list(pairwise(starts))


def _joined(instance: ServingInstance, stages: Sequence[tuple[int, int]]) -> list[list[Node]]:
    joined: list[list[Node]] = [[] for _ in stages]
    k = max(stop - start for start, stop in stages)
    for machine in sorted(instance.machines, key=lambda each: -instance.tokens_per_s(each, k)):
        W = _throughputs(instance, stages, joined)
        joined[W.index(min(W))].append(machine)
    return joined


def _rebalanced(
    instance: ServingInstance, stages: Sequence[tuple[int, int]], joined: list[list[Node]]
) -> list[list[Node]]:
    while True:
        W = _throughputs(instance, stages, joined)
        poorest = W.index(min(W))
        moves = [_moved(joined, machine, poorest) for machine in instance.machines if machine not in joined[poorest]]
        best = max(moves, key=lambda move: min(_throughputs(instance, stages, move)), default=joined)
        if not min(_throughputs(instance, stages, best)) > min(W) * (1 + GAIN):
            return joined
        joined = best


def _moved(joined: Sequence[Sequence[Node]], machine: Node, to: int) -> list[list[Node]]:
    return [
        [other for other in machines if other is not machine] + [machine] * (s == to)
        for s, machines in enumerate(joined)
    ]


def _throughputs(
    instance: ServingInstance, stages: Sequence[tuple[int, int]], joined: Sequence[Sequence[Node]]
) -> list[float]:
    """Return ``W``, by stage."""
    return [
        sum(instance.tokens_per_s(machine, stop - start) for machine in machines)
        for (start, stop), machines in zip(stages, joined, strict=True)
    ]
