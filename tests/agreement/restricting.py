"""Random restrictions, and what they mean: a predicate over plans that shares nothing with judge or search."""

from itertools import pairwise
from random import Random
from typing import Any

import msgspec

from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from tests.agreement.pricing import Degrees, Placement, Seats

Label = tuple[tuple[bool, ...], ...]

Document = dict[str, Any]

COUNTS = (
    "tensor_parallel",
    "data_parallel",
    "pipeline_parallel",
    "microbatch_size",
    "num_microbatches",
    "stage_devices",
)

KINDS = (
    *COUNTS,
    "even_layers",
    "uniform_tensor_parallel",
    "one_type_stages",
    "layer_pins",
    "node_pins",
    "idle_nodes",
    "plan.stages",
    "plan",
)
"""What a restriction may be about."""


def keeps(instance: Instance, degrees: Degrees, boundaries: Seats, placement: Placement) -> bool:
    """Whether a plan keeps the restrictions of the instance."""
    asked, p = instance.restrictions, len(placement)
    spans = list(pairwise(boundaries))
    numbers = {
        "tensor_parallel": degrees.t,
        "data_parallel": degrees.d,
        "pipeline_parallel": p,
        "microbatch_size": degrees.b,
        "num_microbatches": instance.workload.global_batch_size // (degrees.d * degrees.b),
        "stage_devices": degrees.t * degrees.d,
    }
    for name, value in numbers.items():
        limits = getattr(asked, name)
        possible = set(range(1, 100))
        possible &= set(range(1, (limits.at_most or 99) + 1))
        possible &= set(range(limits.at_least or 1, 100))
        possible &= {limits.exactly or value}
        possible &= possible if limits.one_of is None else set(limits.one_of)
        if value not in possible:
            return False
    if (asked.plan.microbatch_size or degrees.b, asked.plan.data_parallel or degrees.d) != (degrees.b, degrees.d):
        return False
    sizes = sorted(stop - start for start, stop in spans)
    if asked.even_layers and sizes[-1] > sizes[0] + 1:
        return False
    hosts = instance.cluster.hosts
    if asked.one_type_stages and any(len({hosts[v].group.device for v in seats}) > 1 for seats in placement):
        return False
    stage_of = [s for s, (start, stop) in enumerate(spans) for _ in range(start, stop)]
    for pin in asked.layer_pins:
        if {stage_of[layer] for layer in range(*pin.layers)} != {pin.stage % p if -p <= pin.stage < p else None}:
            return False
    for pin in asked.node_pins:
        users = {s for s, seats in enumerate(placement) if set(seats) & meant(instance, pin.nodes)}
        if users - {pin.stage if pin.stage >= 0 else p + pin.stage}:
            return False
    if {node for seats in placement for node in seats} & meant(instance, asked.idle_nodes):
        return False
    for fixed in asked.plan.stages:
        if fixed.layers not in spans:
            return False
        seats = set(placement[spans.index(fixed.layers)])
        if fixed.nodes is not None and seats - meant(instance, fixed.nodes):
            return False
    return True


def meant(instance: Instance, names: tuple[str, ...]) -> set[int]:
    """Indices of the nodes that are named, each by itself or with its group."""
    return {host.index for host in instance.cluster.hosts if host.name in names or host.group.name in names}


def label(instance: Instance, node: int) -> Label | None:
    """Everything that restrictions say about one node; ``None`` where it must stay idle."""
    asked = instance.restrictions
    if node in meant(instance, asked.idle_nodes):
        return None
    pinned: dict[int, bool] = {}
    for pin in asked.node_pins:
        pinned[pin.stage] = pinned.get(pin.stage, False) or node in meant(instance, pin.nodes)
    chosen = [stage.nodes is None or node in meant(instance, stage.nodes) for stage in asked.plan.stages]
    return tuple(pinned.values()), tuple(chosen)


def restricted(instance: Instance, seed: int, kinds: tuple[str, ...] = KINDS) -> Instance:
    """Return the instance with one or two random restrictions."""
    random = Random(seed)
    result = instance
    for _ in range(random.randint(1, 2)):
        document = _document(random.choice(kinds), random, instance)
        merged = result.restrictions.merged(msgspec.convert(document, Restrictions))
        result = msgspec.structs.replace(result, restrictions=merged)
    return result


def _document(kind: str, random: Random, instance: Instance) -> Document:
    """Return one restriction as JSON has it."""
    stage = random.choice((0, 0, 1, 2, -1, -1, -2))
    if kind in COUNTS:
        return {kind: _limits(random)}
    if kind == "layer_pins":
        return {kind: [{"layers": _interval(random, instance), "stage": stage}]}
    if kind == "node_pins":
        return {kind: [{"nodes": _nodes(random, instance), "stage": stage}]}
    if kind == "idle_nodes":
        return {kind: _nodes(random, instance)}
    if kind == "plan.stages":
        nodes = {"nodes": _nodes(random, instance)} if random.random() < 0.6 else {}
        return {"plan": {"stages": [{"layers": _interval(random, instance), **nodes}]}}
    if kind == "plan":
        return {kind: {random.choice(("microbatch_size", "data_parallel")): random.choice((1, 1, 2, 3))}}
    return {kind: True}


def _limits(random: Random) -> Document:
    value = random.choice((1, 1, 2, 2, 3, 4, 6))
    limits: list[Document] = [
        {"at_most": value},
        {"at_least": min(value, 3)},
        {"exactly": min(value, 2)},
        {"one_of": random.sample(range(1, 7), 3)},
    ]
    return random.choice(limits)


def _interval(random: Random, instance: Instance) -> list[int]:
    start = random.randrange(instance.model.num_layers)
    return [start, min(start + random.choice((1, 1, 2, 3)), instance.model.num_layers)]


def _nodes(random: Random, instance: Instance) -> list[str]:
    names = [host.name for host in instance.cluster.hosts] + [group.name for group in instance.cluster.nodes]
    return random.sample(names, min(len(names), random.choice((1, 1, 2))))
