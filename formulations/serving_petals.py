"""The layers that servers of Petals choose for themselves (Borzunov et al. 2023): a baseline.

Question. Which machine holds which layers of a model, for the largest flow of tokens per second.

Method. Machines join one after the other, in an order that the seed draws. Machine ``i`` holds as many layers as fit,
``k[i]``, and from the layer on where they are needed most. With ``W[l] = Σ T[j]`` over the machines that hold layer
``l``, it starts at

    s[i] = arg min over s of  (W[s], ..., W[s + k[i] - 1]) in ascending order, compared number by number

so the least ``W`` decides first; of equal ones the first layer. When all have joined, one after the other leaves and
chooses again, and stays there if the least ``W`` of all layers has grown, until nobody moves.

Source. Borzunov, Ryabinin, Chumachenko, Baranchuk, Dettmers, Belkada, Samygin and Raffel, "Distributed Inference and
Fine-tuning of Large Language Models Over The Internet", NeurIPS 2023, section 3.2. There a machine moves if that gains
more than a given share; here any gain will do.

Proves nothing: the bound is the package's. Requests enter machines in the middle of their layers, as those of Petals
do, whatever was asked: the blocks seldom fit end to end.
"""

from collections.abc import Sequence
from random import Random

import numpy as np

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import FloatArray, measure
from milp_amp.engine.flow_search import FlowLimits, begin
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s

GAIN = 1e-9
"""By which the least throughput must grow, relative, for a move: sums in another order are no gain."""


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Let every machine join, then move."""
    network = measure(instance.cluster)
    search = begin(instance, network, limits, min(bound.tokens_per_s for bound in bounds))
    machines = list(instance.machines)
    Random(limits.seed).shuffle(machines)
    placement = Placement(layers=_rebalanced(instance, machines, _joined(instance, machines)), partial_inference=True)
    search.improve(tokens_per_s(instance, placement, network), placement)
    return search.result(
        instance=instance.name,
        formulation="serving_petals",
        versions={},
        notes=("requests enter machines in the middle of their layers",),
    )


Held = dict[str, tuple[int, int]]
"""``[start, stop]`` by the machine's name."""


def _joined(instance: ServingInstance, machines: Sequence[Node]) -> Held:
    """Return what machines hold that join in this order."""
    held: Held = {}
    for machine in machines:
        held[machine.name] = choice(instance, machine, throughputs(instance, held))
    return held


def _rebalanced(instance: ServingInstance, machines: Sequence[Node], held: Held) -> Held:
    """Return what they hold when no machine gains by another choice."""
    moved = True
    while moved:
        moved = False
        for machine in machines:
            others = {name: span for name, span in held.items() if name != machine.name}
            other = {**others, machine.name: choice(instance, machine, throughputs(instance, others))}
            if throughputs(instance, other).min() > throughputs(instance, held).min() * (1 + GAIN):
                held, moved = other, True
    return held


def choice(instance: ServingInstance, machine: Node, W: FloatArray) -> tuple[int, int]:
    """Return the block of layers that needs a machine most."""
    k = min(instance.performance_of(machine).most_layers, instance.model.num_layers)
    s = min(range(len(W) - k + 1), key=lambda start: sorted(W[start : start + k]))
    return s, s + k


def throughputs(instance: ServingInstance, held: Held) -> FloatArray:
    """Return the tokens per second of all machines that hold a layer, by layer."""
    W = np.zeros(instance.model.num_layers)
    for machine in instance.machines:
        if machine.name in held:
            start, stop = held[machine.name]
            W[start:stop] += instance.tokens_per_s(machine, stop - start)
    return W
