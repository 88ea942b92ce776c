"""Where a trial's plan stands: on the devices of an instance, as launchers place it."""

from collections.abc import Iterator
from itertools import pairwise

from milp_amp.bench.trials import Trial
from milp_amp.errors import PlanError
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.space.rank_order import stages


def strategy_of(instance: Instance, trial: Trial) -> Strategy:
    """Place a trial: by the device types it names, or else in rank order.

    Raises
    ------
    PlanError
        If the trial needs more devices than there are.
    """
    placed = rank_order if trial.replica_types is None else by_type
    return Strategy(
        microbatch_size=trial.microbatch_size,
        data_parallel=trial.data_parallel,
        schedule=instance.workload.schedule,
        stages=placed(instance, trial),
    )


def rank_order(instance: Instance, trial: Trial) -> tuple[Stage, ...]:
    """Place a trial as launchers do by default: tensor ranks side by side, then replicas, then stages.

    Rank ``k + t r + t d s`` is tensor index ``k`` of replica ``r`` of stage ``s``; ranks fill the nodes in the
    order of the file.
    """
    t, d, p = trial.tensor_parallel, trial.data_parallel, trial.pipeline_parallel
    if t * d * p > instance.cluster.num_devices:
        raise PlanError(f"{t * d * p} ranks, expected at most {instance.cluster.num_devices} (devices)")
    return stages(instance.cluster, t, d, trial.boundaries)


def by_type(instance: Instance, trial: Trial) -> tuple[Stage, ...]:
    """Give every replica the next devices of its type that stand in one node."""
    assert trial.replica_types is not None
    free = {kind: _groups(instance, kind, trial.tensor_parallel) for kind in instance.cluster.device_types}

    def next_of(kind: str) -> tuple[str, ...]:
        group = next(free.get(kind, iter(())), None)
        if group is None:
            raise PlanError(f"a replica on {kind!r}, expected {trial.tensor_parallel} more devices of it in one node")
        return group

    return tuple(
        Stage(layers=layers, tensor_parallel=trial.tensor_parallel, replicas=tuple(map(next_of, kinds)))
        for layers, kinds in zip(pairwise(trial.boundaries), trial.replica_types, strict=True)
    )


def _groups(instance: Instance, kind: str, tensor_parallel: int) -> Iterator[tuple[str, ...]]:
    """Yield tensor groups of a device type, node by node."""
    for host in instance.cluster.hosts:
        if host.group.device == kind:
            for first in range(0, host.group.devices - tensor_parallel + 1, tensor_parallel):
                yield tuple(host.device(first + k) for k in range(tensor_parallel))
