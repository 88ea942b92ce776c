"""What one step of a plan costs in money, under any cost model: devices in use, and bytes over priced links."""

from collections.abc import Iterator
from itertools import pairwise

from milp_amp.cost.collectives import ring_pairs, ring_volume
from milp_amp.cost.model import CostModel
from milp_amp.cost.routes import Routes
from milp_amp.judge.rules import num_microbatches
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Node
from milp_amp.problem.instance import Instance
from milp_amp.units import hour

ROUNDING = 1e-9
"""Relative excess over a limit of time or money that counts as rounding."""


def price_per_step(instance: Instance, strategy: Strategy, costs: CostModel, step_time: float) -> float | None:
    """Return the price of one step; ``None`` where nothing in the cluster has a price."""
    if not instance.cluster.has_prices:
        return None
    return step_time * _rent(instance, strategy) + sum(_tolls(instance, strategy, costs))


def broken_objective(instance: Instance, step_time: float, price: float | None) -> Iterator[str]:
    """Yield a sentence for every limit of the objective that the plan does not keep."""
    floor, budget = instance.objective.least_steps_per_second, instance.objective.most_price_per_step
    if floor is not None and step_time * floor > 1 + ROUNDING:
        yield f"objective.least_steps_per_second: {1 / step_time:.6g} steps per second, expected at least {floor:g}"
    if budget is not None and price is not None and price > budget * (1 + ROUNDING):
        yield f"objective.most_price_per_step: {price:.6g} per step, expected at most {budget:g}"


def _rent(instance: Instance, strategy: Strategy) -> float:
    """Price per second of the devices in use."""
    types, hosts = instance.cluster.device_types, instance.cluster.host_of_device
    devices = (device for stage in strategy.stages for group in stage.replicas for device in group)
    return sum(types[hosts[device].group.device].price_per_hour for device in devices) / hour


def _tolls(instance: Instance, strategy: Strategy, costs: CostModel) -> Iterator[float]:
    """Yield the price of every stream of bytes in one step: activations, gradients, rings."""
    routes = Routes(instance.cluster)
    passes = num_microbatches(instance, strategy)
    for sender, receiver in pairwise(strategy.stages):
        size = costs.boundary_bytes(sender.stop - 1, sender.tensor_parallel, strategy.microbatch_size)
        for v, w in zip(_nodes(instance, sender), _nodes(instance, receiver), strict=True):
            yield passes * size * (_toll(routes, v, w) + _toll(routes, w, v))
    for stage in strategy.stages:
        nodes = _nodes(instance, stage)
        if len(nodes) > 1:
            carried = ring_volume(len(nodes)) * costs.stage_gradient_bytes(stage.start, stage.stop)
            yield carried * sum(_toll(routes, nodes[a], nodes[b]) for a, b in ring_pairs(range(len(nodes))))


def _toll(routes: Routes, source: Node, target: Node) -> float:
    return routes.price_per_byte(source.group, target.group, source.index == target.index)


def _nodes(instance: Instance, stage: Stage) -> list[Node]:
    """Node of every replica."""
    return [instance.cluster.host_of_device[group[0]] for group in stage.replicas]
