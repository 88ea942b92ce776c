"""What the user chooses in a plan, and how to forbid it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Range, Restrictions
from milp_amp.solving.explaining.loosening import counts_of
from milp_amp.space.configuration import divisors

TYPE = "device type"
"""The choice of the machines; the others are counts, by their restrictions."""


class Choice(NamedTuple):
    """One choice of a plan.

    Attributes
    ----------
    kind
        A count such as ``data_parallel``, or ``TYPE``.
    text
        What is chosen.
    forbidden
        Restrictions that leave everything else.
    """

    kind: str
    text: str
    forbidden: Restrictions


def choices_of(instance: Instance, plan: Strategy, cost_model: str) -> Iterator[Choice]:
    """Yield the choices of a plan beside which there is anything else.

    A tensor degree is forbidden in all stages, a device type by leaving all its nodes idle.
    """
    taken = counts_of(instance, plan)
    for field, values in _values(instance, cost_model).items():
        for value in sorted(taken[field]):
            if rest := tuple(other for other in values if other != value):
                forbidding: dict[str, Any] = {field: Range(one_of=rest)}
                yield Choice(field, f"{field}={value}", Restrictions(**forbidding))
    hosts, groups = instance.cluster.host_of_device, instance.cluster.nodes
    used = {hosts[device].group.device for stage in plan.stages for group in stage.replicas for device in group}
    for kind in sorted(used):
        idle = tuple(group.name for group in groups if group.device == kind)
        if len(idle) < len(groups):
            yield Choice(TYPE, f"{kind} devices", Restrictions(idle_nodes=idle))


def _values(instance: Instance, cost_model: str) -> dict[str, tuple[int, ...]]:
    """Return the values that every choice has."""
    batch, devices = instance.workload.global_batch_size, instance.cluster.num_devices
    # Per byte, replicas and microbatches divide the batch; elsewhere the last microbatch may be a smaller one.
    shares = divisors(batch) if cost_model in PER_BYTE_COST_MODELS else range(1, batch + 1)
    sizes = sorted({entry.microbatch_size for entry in instance.profile} | set(shares))
    return {
        "tensor_parallel": tuple(sorted({entry.tensor_parallel for entry in instance.profile})),
        "data_parallel": tuple(share for share in shares if share <= devices),
        "pipeline_parallel": tuple(range(1, min(devices, instance.model.num_layers) + 1)),
        "microbatch_size": tuple(sizes),
    }
