"""The rules a strategy must keep, each with the sentence it earns when broken."""

from collections import Counter
from collections.abc import Iterator

from milp_amp.cost.memory import microbatches_in_flight, stage_bytes
from milp_amp.cost.model import CostModel
from milp_amp.cost.sailor import SailorCost
from milp_amp.judge.evaluation import StageMemory
from milp_amp.judge.restrictions import broken_restrictions
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.units import GiB


def broken_structure(instance: Instance, strategy: Strategy, costs: CostModel) -> tuple[str, ...]:
    """Return a sentence for every broken rule without which a step has no meaning, so no time either."""
    return (
        *_coverage(instance, strategy),
        *_devices(instance, strategy),
        *_groups(instance, strategy),
        *_degrees(strategy),
        *_batch(instance, strategy, costs),
        *_profile(instance, strategy, costs),
    )


def broken_limits(
    instance: Instance, strategy: Strategy, costs: CostModel, memory: tuple[StageMemory, ...]
) -> tuple[str, ...]:
    """Return a sentence for every broken rule of a strategy that has a time, but does not answer the question."""
    return (
        *_schedule(instance, strategy),
        *(_memory(memory) if costs.limits_memory else ()),
        *broken_restrictions(instance, strategy, num_microbatches(instance, strategy)),
    )


def stage_memory(instance: Instance, strategy: Strategy, costs: CostModel) -> tuple[StageMemory, ...]:
    """Return what every stage needs, for a strategy with a sound structure."""
    return tuple(_memory_of(instance, strategy, s, costs) for s in range(len(strategy.stages)))


def num_microbatches(instance: Instance, strategy: Strategy) -> int:
    """Microbatches of one replica in one step; the last one is smaller where the batch does not divide evenly."""
    return -(-instance.workload.global_batch_size // (strategy.data_parallel * strategy.microbatch_size))


def _coverage(instance: Instance, strategy: Strategy) -> Iterator[str]:
    expected = 0
    for s, stage in enumerate(strategy.stages):
        field = f"stages[{s}].layers: [{stage.start}, {stage.stop}]"
        if stage.start != expected:
            yield f"{field} starts at {stage.start}, expected {expected}, so that every layer runs once and in order"
        if stage.stop <= stage.start:
            yield f"{field} holds no layer, expected stop > start"
        expected = stage.stop
    if expected != (layers := instance.model.num_layers):
        yield f"stages[{len(strategy.stages) - 1}].layers: ends at {expected}, expected {layers}, the model's end"


def _devices(instance: Instance, strategy: Strategy) -> Iterator[str]:
    known = instance.cluster.host_of_device
    uses = Counter(device for stage in strategy.stages for group in stage.replicas for device in group)
    for field, _, group in _tensor_groups(strategy):
        for device in dict.fromkeys(group):
            if device not in known:
                yield f"{field}: device {device!r} is unknown, expected an address like {next(iter(known))!r}"
            if uses[device] > 1:
                yield f"{field}: device {device!r} is used {uses[device]} times, expected once"


def _groups(instance: Instance, strategy: Strategy) -> Iterator[str]:
    known = instance.cluster.host_of_device
    for field, stage, group in _tensor_groups(strategy):
        # Only files are validated: a strategy built in code may hold an empty group, or a degree of zero.
        if not group or len(group) != stage.tensor_parallel:
            yield f"{field}: {len(group)} devices, expected tensor_parallel = {stage.tensor_parallel}, at least 1"
        nodes = dict.fromkeys(known[device].name for device in group if device in known)
        if len(nodes) > 1:
            yield f"{field}: a tensor group on nodes {', '.join(nodes)}, expected one node"


def _tensor_groups(strategy: Strategy) -> Iterator[tuple[str, Stage, tuple[str, ...]]]:
    for s, stage in enumerate(strategy.stages):
        for r, group in enumerate(stage.replicas):
            yield f"stages[{s}].replicas[{r}]", stage, group


def _degrees(strategy: Strategy) -> Iterator[str]:
    for s, stage in enumerate(strategy.stages):
        if len(stage.replicas) != strategy.data_parallel:
            yield f"stages[{s}].replicas: {len(stage.replicas)}, expected {strategy.data_parallel} (data_parallel)"


def _batch(instance: Instance, strategy: Strategy, costs: CostModel) -> Iterator[str]:
    size = strategy.data_parallel * strategy.microbatch_size
    batch = instance.workload.global_batch_size
    if isinstance(costs, SailorCost):  # its last microbatch may be a smaller one
        if size < 1:
            yield f"data_parallel × microbatch_size: {size}, expected at least 1"
    elif size < 1 or batch % size:
        yield f"data_parallel × microbatch_size: {size}, expected a divisor of the global batch size {batch}"


def _profile(instance: Instance, strategy: Strategy, costs: CostModel) -> Iterator[str]:
    b = strategy.microbatch_size
    degrees = sorted({entry.tensor_parallel for entry in instance.profile})
    for s, stage in enumerate(strategy.stages):
        for device_type in _device_types(instance, stage):
            known = [t for t in degrees if costs.layer_seconds(device_type, t, b) is not None]
            if stage.tensor_parallel not in known:
                field = f"stages[{s}].tensor_parallel: {stage.tensor_parallel}"
                expected = ", ".join(map(str, known)) or "a profiled device type"
                size = f" at microbatch_size {b}" if isinstance(costs, SailorCost) else ""
                yield f"{field} is not profiled on {device_type}{size}, expected one of {expected}"


def _schedule(instance: Instance, strategy: Strategy) -> Iterator[str]:
    asked = instance.workload.schedule
    if strategy.schedule != asked:
        yield f"schedule: {strategy.schedule!r}, expected {asked!r} (the workload's)"


def _memory(memory: tuple[StageMemory, ...]) -> Iterator[str]:
    for s, stage in enumerate(memory):
        if not stage.fits:
            yield (
                f"stages[{s}]: needs {stage.memory_GiB:.6g} GiB per device, "
                f"expected at most {stage.capacity_GiB:.6g} GiB ({stage.device_type} {stage.device})"
            )


def _memory_of(instance: Instance, strategy: Strategy, s: int, costs: CostModel) -> StageMemory:
    stage = strategy.stages[s]
    need = _bytes_of(instance, strategy, s, costs)
    types, hosts = instance.cluster.device_types, instance.cluster.host_of_device
    devices = (device for group in stage.replicas for device in group)
    device = min(devices, key=lambda address: types[hosts[address].group.device].memory_GiB)
    device_type = hosts[device].group.device
    return StageMemory(
        device=device,
        device_type=device_type,
        memory_GiB=need / GiB,
        capacity_GiB=types[device_type].memory_GiB,
    )


def _bytes_of(instance: Instance, strategy: Strategy, s: int, costs: CostModel) -> float:
    """Bytes on every device of a stage."""
    stage, stages_to_end, b = strategy.stages[s], len(strategy.stages) - s, strategy.microbatch_size
    if isinstance(costs, SailorCost):
        return costs.stage_bytes(range(stage.start, stage.stop), stage.tensor_parallel, b, stages_to_end)
    in_flight = microbatches_in_flight(strategy.schedule, num_microbatches(instance, strategy), stages_to_end)
    layers = instance.model.chain[stage.start : stage.stop]
    return stage_bytes(instance, layers, stage.tensor_parallel, strategy.data_parallel, b, in_flight)


def _device_types(instance: Instance, stage: Stage) -> list[str]:
    known = instance.cluster.host_of_device
    devices = (device for group in stage.replicas for device in group if device in known)
    return list(dict.fromkeys(known[device].group.device for device in devices))
