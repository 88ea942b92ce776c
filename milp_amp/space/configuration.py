"""Configurations: everything that is decided before the path."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from milp_amp.cost.model import PerByteCost
from milp_amp.space.classes import NodeClass
from milp_amp.space.restriction import allows_configuration, allows_stage, stage_counts


class Layout(Enum):
    """How consecutive stages of a class are laid onto its nodes."""

    STAGE_BY_STAGE = "stage by stage"
    """The replicas of a stage fill a node first: cheap synchronisation (Megatron's tp-dp-pp)."""

    REPLICA_BY_REPLICA = "replica by replica"
    """The stages of a replica fill a node first: cheap transfers (Megatron's tp-pp-dp)."""


@dataclass(frozen=True, order=True)
class Degrees:
    """Tensor and data degree, microbatch size, and the microbatches each replica runs per step."""

    tensor_parallel: int
    data_parallel: int
    microbatch_size: int
    num_microbatches: int

    def __str__(self) -> str:
        return f"t={self.tensor_parallel} d={self.data_parallel} b={self.microbatch_size}"


def all_degrees(costs: PerByteCost, classes: tuple[NodeClass, ...]) -> Iterator[Degrees]:
    """Yield every allowed (t, d, b) some class is profiled for, whose replicas fit and whose batch divides evenly."""
    instance = costs.instance
    batch, asked = instance.workload.global_batch_size, instance.restrictions
    for t in sorted({entry.tensor_parallel for entry in instance.profile}):
        slots = sum(g.slots(t) for g in classes if costs.layer_seconds(g.device_type, t, 1) is not None)
        for d in (d for d in divisors(batch) if d <= slots and allows_stage(asked, t, t * d)):
            if not stage_counts(asked, min(slots // d, instance.model.num_layers)):
                continue
            for b in divisors(batch // d):
                if allows_configuration(asked, d, b, batch // (d * b)):
                    yield Degrees(t, d, b, batch // (d * b))


def divisors(number: int) -> list[int]:
    """Return the divisors of a positive number in rising order."""
    small = [k for k in range(1, int(number**0.5) + 1) if number % k == 0]
    return sorted({*small, *(number // k for k in small)})


def layouts(degrees: Degrees) -> tuple[Layout, ...]:
    """Return the layouts that differ: with one replica they are the same."""
    return tuple(Layout) if degrees.data_parallel > 1 else (Layout.STAGE_BY_STAGE,)
