"""What the user asked for: a sentence for every restriction that a strategy breaks."""

from collections import Counter
from collections.abc import Iterator

from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Range


def broken_restrictions(instance: Instance, strategy: Strategy, num_microbatches: int) -> Iterator[str]:
    """Yield a sentence for every broken restriction of a strategy with a sound structure."""
    yield from _counts(instance, strategy, num_microbatches)
    yield from _uniform(instance, strategy)
    yield from _equal_ends(instance, strategy)
    yield from _one_type(instance, strategy)
    yield from _compact(instance, strategy)
    yield from _even(instance, strategy)
    yield from _layer_pins(instance, strategy)
    yield from _node_pins(instance, strategy)
    yield from _idle(instance, strategy)
    yield from _plan(instance, strategy)


def _counts(instance: Instance, strategy: Strategy, num_microbatches: int) -> Iterator[str]:
    asked = instance.restrictions
    for field, value, allowed in (
        ("data_parallel", strategy.data_parallel, asked.data_parallel),
        ("microbatch_size", strategy.microbatch_size, asked.microbatch_size),
        ("num_microbatches", num_microbatches, asked.num_microbatches),
        ("pipeline_parallel", len(strategy.stages), asked.pipeline_parallel),
    ):
        yield from _outside(field, value, allowed)
    for s, stage in enumerate(strategy.stages):
        yield from _outside(f"stages[{s}].tensor_parallel", stage.tensor_parallel, asked.tensor_parallel)
        devices = sum(len(group) for group in stage.replicas)
        yield from _outside(f"stages[{s}].replicas: devices", devices, asked.stage_devices)


def _outside(field: str, value: int, allowed: Range) -> Iterator[str]:
    if allowed.at_most is not None and value > allowed.at_most:
        yield f"{field}: {value}, expected at most {allowed.at_most} (restricted)"
    if allowed.at_least is not None and value < allowed.at_least:
        yield f"{field}: {value}, expected at least {allowed.at_least} (restricted)"
    if allowed.exactly is not None and value != allowed.exactly:
        yield f"{field}: {value}, expected {allowed.exactly} (restricted)"
    if allowed.one_of is not None and value not in allowed.one_of:
        yield f"{field}: {value}, expected one of {', '.join(map(str, allowed.one_of)) or 'nothing'} (restricted)"


def _uniform(instance: Instance, strategy: Strategy) -> Iterator[str]:
    degrees = sorted({stage.tensor_parallel for stage in strategy.stages})
    if instance.restrictions.uniform_tensor_parallel and len(degrees) > 1:
        yield f"stages: tensor degrees {', '.join(map(str, degrees))}, expected one for all (restricted)"


def _equal_ends(instance: Instance, strategy: Strategy) -> Iterator[str]:
    first, last = strategy.stages[0].tensor_parallel, strategy.stages[-1].tensor_parallel
    if instance.restrictions.equal_end_tensor_parallel and first != last:
        yield f"stages: tensor degrees {first} first and {last} last, expected one for both (restricted)"


def _one_type(instance: Instance, strategy: Strategy) -> Iterator[str]:
    if not instance.restrictions.one_type_stages:
        return
    hosts = instance.cluster.host_of_device
    for s, stage in enumerate(strategy.stages):
        types = sorted({hosts[device].group.device for group in stage.replicas for device in group})
        if len(types) > 1:
            yield f"stages[{s}].replicas: devices {', '.join(types)}, expected one type (restricted)"


def _compact(instance: Instance, strategy: Strategy) -> Iterator[str]:
    if not instance.restrictions.compact_stages:
        return
    hosts = instance.cluster.host_of_device
    for s, stage in enumerate(strategy.stages):
        used = Counter(hosts[device] for group in stage.replicas for device in group)
        part = next((node for node, devices in used.items() if devices < node.group.devices), None)
        if len(used) > 1 and part is not None:
            taken = f"{used[part]} of {part.group.devices} devices of {part.name}"
            yield f"stages[{s}].replicas: {taken} and others, expected one node or whole ones (restricted)"


def _even(instance: Instance, strategy: Strategy) -> Iterator[str]:
    sizes = [stage.stop - stage.start for stage in strategy.stages]
    if instance.restrictions.even_layers and max(sizes) - min(sizes) > 1:
        yield f"stages: from {min(sizes)} to {max(sizes)} layers, expected to differ by at most one (restricted)"


def _layer_pins(instance: Instance, strategy: Strategy) -> Iterator[str]:
    for pin in instance.restrictions.layer_pins:
        for s, stage in enumerate(strategy.stages):
            held = sorted(set(range(*pin.layers)) & set(range(*stage.layers)))
            if held and not _is_stage(pin.stage, s, strategy):
                yield f"stages[{s}].layers: holds layer {held[0]}, expected in stage {pin.stage} (restricted)"


def _node_pins(instance: Instance, strategy: Strategy) -> Iterator[str]:
    for pin in instance.restrictions.node_pins:
        for s, stage in enumerate(strategy.stages):
            used = [node for node in _nodes(instance, stage) if _named(node, pin.nodes)]
            if used and not _is_stage(pin.stage, s, strategy):
                yield f"stages[{s}].replicas: uses node {used[0]}, expected in stage {pin.stage} only (restricted)"


def _idle(instance: Instance, strategy: Strategy) -> Iterator[str]:
    for s, stage in enumerate(strategy.stages):
        if used := [node for node in _nodes(instance, stage) if _named(node, instance.restrictions.idle_nodes)]:
            yield f"stages[{s}].replicas: uses node {used[0]}, expected it idle (restricted)"


def _plan(instance: Instance, strategy: Strategy) -> Iterator[str]:
    plan = instance.restrictions.plan
    yield from _outside("data_parallel", strategy.data_parallel, Range(exactly=plan.data_parallel))
    yield from _outside("microbatch_size", strategy.microbatch_size, Range(exactly=plan.microbatch_size))
    for fixed in plan.stages:
        s = next((s for s, stage in enumerate(strategy.stages) if stage.layers == fixed.layers), None)
        if s is None:
            yield f"stages: none holds layers {list(fixed.layers)}, expected one (restricted)"
        elif fixed.nodes is not None:
            others = [node for node in _nodes(instance, strategy.stages[s]) if not _named(node, fixed.nodes)]
            if others:
                expected = ", ".join(fixed.nodes)
                yield f"stages[{s}].replicas: uses node {others[0]}, expected only {expected} (restricted)"


def _is_stage(asked: int, s: int, strategy: Strategy) -> bool:
    """Whether stage ``s`` is the one that was asked for, counted from either end."""
    return asked in (s, s - len(strategy.stages))


def _nodes(instance: Instance, stage: Stage) -> list[str]:
    hosts = instance.cluster.host_of_device
    return list(dict.fromkeys(hosts[device].name for group in stage.replicas for device in group))


def _named(node: str, names: tuple[str, ...]) -> bool:
    """Whether a node is meant by its own name, or by that of its group: a name holds no dot before the number."""
    return node in names or node.rpartition(".")[0] in names
