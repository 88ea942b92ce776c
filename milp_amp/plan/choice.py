"""What a user chooses: by this, plans are alternatives to each other rather than variations of one."""

from collections.abc import Iterable

import msgspec

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster


class StageKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tensor degree of a stage, and the types of its devices in alphabetical order."""

    tensor_parallel: int
    device_types: tuple[str, ...]


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data degree, microbatch size, and the kind of every stage from the first to the last.

    Which layers a stage holds and which nodes of its device types it uses is not part of it: that follows.
    """

    data_parallel: int
    microbatch_size: int
    stages: tuple[StageKind, ...]


def stage_kind(tensor_parallel: int, device_types: Iterable[str]) -> StageKind:
    """Return the kind of a stage on devices of these types, in any order and as often as they come."""
    return StageKind(tensor_parallel, tuple(sorted(set(device_types))))


def choice_of(cluster: Cluster, strategy: Strategy) -> Choice:
    """Return the choice that a plan is one way to carry out."""
    return Choice(
        data_parallel=strategy.data_parallel,
        microbatch_size=strategy.microbatch_size,
        stages=tuple(
            stage_kind(
                stage.tensor_parallel,
                (cluster.host_of_device[device].group.device for group in stage.replicas for device in group),
            )
            for stage in strategy.stages
        ),
    )
