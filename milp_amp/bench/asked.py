"""The question that a trial answered: the instance, with what the trial has of its own."""

from msgspec.structs import replace

from milp_amp.bench.trials import Gpt, Trial
from milp_amp.errors import PlanError
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.instance import Instance
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Workload
from milp_amp.roofline.catalogue import accelerator
from milp_amp.roofline.instance import layer_times
from milp_amp.roofline.model import model_of


def instance_of(instance: Instance, trial: Trial) -> Instance:
    """Return the instance with the trial's batch and model, where it has its own.

    Raises
    ------
    PlanError
        If the trial has a model of its own, and the instance does not say what its profile was counted from.
    """
    batch = trial.global_batch_size or instance.workload.global_batch_size
    workload = replace(instance.workload, global_batch_size=batch)
    if trial.model is None:
        return replace(instance, workload=workload)
    return _counted(instance, trial, trial.model, replace(workload, sequence_length=trial.model.sequence_length))


def _counted(instance: Instance, trial: Trial, model: Gpt, workload: Workload) -> Instance:
    """Return the instance with another model, and layers counted at the trial's degrees."""
    if instance.counted is None:
        raise PlanError("a model of its own, expected an instance with 'counted', as milp-amp profile writes them")
    shape = shape_of(instance.counted.shape, model)
    t, b = trial.tensor_parallel, trial.microbatch_size
    devices = [accelerator(name) for name in instance.cluster.device_types]
    return replace(
        instance,
        model=model_of(shape, workload),
        cluster=widened(instance.cluster, t),
        profile=tuple(layer_times(shape, workload, each, t, b, instance.counted.efficiency) for each in devices),
        workload=workload,
    )


def shape_of(like: ModelShape, model: Gpt) -> ModelShape:
    """Return a GPT of other sizes, with the vocabulary and the ties of the model it is like."""
    h, heads = model.hidden_size, model.heads
    if h % heads:
        raise PlanError(f"{heads} heads, expected a divisor of the hidden size {h}")
    sizes = {"layers": model.layers, "hidden_size": h, "heads": heads, "key_value_heads": heads}
    return replace(like, **sizes, head_size=h // heads, ffn_size=4 * h)


def widened(cluster: Cluster, tensor_parallel: int) -> Cluster:
    """Return a cluster whose nodes have room for a tensor group: as many nodes as that takes become one.

    Its devices then exchange data as devices of different nodes do: a device has its share of the link.
    """
    if all(group.devices >= tensor_parallel for group in cluster.nodes):
        return cluster
    link = {each.source: each.bandwidth_GBps for each in cluster.links}
    groups = []
    for group in cluster.nodes:
        joined = -(-tensor_parallel // group.devices)
        if group.count % joined or group.name not in link:
            raise PlanError(
                f"a tensor group of {tensor_parallel}, expected at most {group.devices} (devices of a node)"
            )
        share = link[group.name] / group.devices
        groups.append(replace(group, count=group.count // joined, devices=group.devices * joined, bandwidth_GBps=share))
    wide = {group.name: group.devices / before.devices for group, before in zip(groups, cluster.nodes, strict=True)}
    links = tuple(
        replace(each, bandwidth_GBps=each.bandwidth_GBps * wide.get(each.source, 1)) for each in cluster.links
    )
    return replace(cluster, nodes=tuple(groups), links=links)
