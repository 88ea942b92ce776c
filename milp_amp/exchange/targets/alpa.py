"""Alpa: our layers as they are, a tensor and a data degree per stage, on equal hosts.

A submesh is a part of one host or several whole ones, and all devices of the hosts are in one
(``alpa/pipeline_parallel/stage_construction.py``). Alpa itself says where submeshes are: the largest first, later
stages before earlier ones of their size, host after host (``get_sliced_virtual_submeshes``). No restriction says that:
a plan that keeps them may be refused.
"""

from collections.abc import Iterator

from milp_amp.errors import InputError
from milp_amp.exchange.targets.rules import merged, partial_batches, require_schedule, whole_batches
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Node
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "Alpa"
_REMATERIALIZED = {
    "none": "",
    "selective": " and layers that compute the scores of their attention again by themselves",
    "full": " and layer_option=ManualLayerOption(remat_layer=True)",
}
_ZERO = {0: {}, 2: {"prefer_reduce_scatter": True}, 3: {"force_zero_stage_3": True}}


def restrictions(instance: Instance) -> Restrictions:
    """Return what every submesh is: a part of a node, or whole nodes."""
    _require(instance)
    return merged(Restrictions(compact_stages=True), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    if scattered := tuple(_scattered(instance, strategy)):
        return scattered
    hosts = _order(instance, strategy)
    size, used = hosts[0].group.devices, sum(_devices(stage) for stage in strategy.stages)
    if used != len(hosts) * size:
        return (f"stages: {used} devices of {len(hosts)} nodes, expected all {len(hosts) * size}",)
    return (*_displaced(instance, strategy, hosts), *partial_batches(instance, strategy))


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the options of ``PipeshardParallel`` as a module and its numbers."""
    hosts = _order(instance, strategy)
    size = hosts[0].group.devices
    shapes = [_shape(_devices(stage), size) for stage in strategy.stages]
    batch = instance.workload.global_batch_size // (strategy.data_parallel * strategy.microbatch_size)
    options = {"force_batch_dim_to_mesh_dim": 0} | _ZERO[instance.workload.zero_stage]
    stages = {
        "forward_stage_layer_ids": [list(range(*stage.layers)) for stage in strategy.stages],
        "submesh_physical_shapes": shapes,
        "submesh_logical_shapes": [(len(stage.replicas), stage.tensor_parallel) for stage in strategy.stages],
        "submesh_autosharding_option_dicts": [options] * len(shapes),
        "hosts": [f"{{host {host.name}}}" for host in hosts],
        "devices_per_host": size,
    }
    notes = (
        "Start Ray on the hosts of hostfile, all their devices, and the training program on one of them; "
        f"alpa_stages.py has the options of PipeshardParallel, with num_micro_batches={batch}"
        f"{_REMATERIALIZED[instance.workload.recomputation]}.",
    )
    return Launch(
        files={"stages.json": to_json(stages).decode()}, scripts=("alpa_stages.py",), notes=notes, ranked=False
    )


def _scattered(instance: Instance, strategy: Strategy) -> Iterator[str]:
    """Yield a sentence for every stage that is neither on one node nor on whole ones."""
    for s, stage in enumerate(strategy.stages):
        nodes = _nodes(instance, stage)
        if len(nodes) > 1 and _devices(stage) != len(nodes) * nodes[0].group.devices:
            taken = f"{_devices(stage)} devices of {len(nodes)} nodes"
            yield f"stages[{s}].replicas: {taken}, expected devices of one node or whole nodes"


def _order(instance: Instance, strategy: Strategy) -> list[Node]:
    """Return the nodes in the order in which Alpa has to be told them."""
    return list(dict.fromkeys(node for s in _sliced(strategy) for node in _nodes(instance, strategy.stages[s])))


def _sliced(strategy: Strategy) -> list[int]:
    """Return the stages in the order in which Alpa slices them off."""
    return sorted(range(len(strategy.stages)), key=lambda s: _devices(strategy.stages[s]))[::-1]


def _displaced(instance: Instance, strategy: Strategy, hosts: list[Node]) -> Iterator[str]:
    """Yield a sentence for the first stage that Alpa would put elsewhere."""
    size, first = hosts[0].group.devices, 0
    for s in _sliced(strategy):
        stage = strategy.stages[s]
        there = {hosts[place // size] for place in range(first, first + _devices(stage))}
        if there != set(_nodes(instance, stage)):
            told = ", ".join(node.name for node in _nodes(instance, stage))
            yield f"stages[{s}].replicas: on {told}, where {NAME} would not put it, expected larger stages first"
            return
        first += _devices(stage)


def _shape(devices: int, size: int) -> tuple[int, int]:
    return (1, devices) if devices < size else (devices // size, size)


def _devices(stage: Stage) -> int:
    return sum(map(len, stage.replicas))


def _nodes(instance: Instance, stage: Stage) -> list[Node]:
    hosts = instance.cluster.host_of_device
    return list(dict.fromkeys(hosts[device] for group in stage.replicas for device in group))


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, "1f1b", "gpipe")
    workload, idle = instance.workload, instance.restrictions.idle_nodes
    if workload.optimizer == "distributed" or workload.zero_stage not in _ZERO:
        raise InputError(
            f"workload: optimizer {workload.optimizer!r}, zero_stage {workload.zero_stage}, expected 'replicated' and "
            f"0, 2 or 3 for {NAME}"
        )
    groups = [host.group for host in instance.cluster.hosts if host.name not in idle and host.group.name not in idle]
    kinds = sorted({f"{group.devices} × {group.device}" for group in groups})
    if len(kinds) != 1:
        raise InputError(
            f"cluster.nodes: of {', '.join(kinds) or 'no kind'}, expected equal ones for {NAME} (idle_nodes)"
        )


ALPA = Target("alpa", NAME, restrictions, refusals, launch)
