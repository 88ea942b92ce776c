"""The whole question."""

from typing import Annotated, Literal

import msgspec

from milp_amp.problem.cluster import Cluster
from milp_amp.problem.model import Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.types import Title
from milp_amp.problem.workload import Workload


class Instance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model to train on a cluster, with what is known about their speed.

    Every mistake that can be seen without solving raises ``ValueError`` here, and so cannot
    enter the package by any door.
    """

    schema_version: Literal[1]
    name: Title
    source: str
    model: Model
    cluster: Cluster
    profile: Annotated[tuple[LayerTimes, ...], msgspec.Meta(min_length=1)]
    workload: Workload

    def __post_init__(self) -> None:
        seen = set()
        for position, times in enumerate(self.profile):
            where = f"profile[{position}]"
            if times.device not in self.cluster.device_types:
                raise ValueError(
                    f"{where}.device: {times.device!r} is unknown, "
                    f"expected one of {', '.join(self.cluster.device_types)}"
                )
            for field in ("forward_ms", "backward_ms"):
                values = getattr(times, field)
                if values is not None and len(values) != self.model.num_layers:
                    raise ValueError(
                        f"{where}.{field}: {len(values)} values, expected {self.model.num_layers} (one per layer)"
                    )
            key = (times.device, times.tensor_parallel, times.microbatch_size)
            if key in seen:
                raise ValueError(
                    f"{where}: device, tensor_parallel and microbatch_size {key} stand twice, expected once"
                )
            seen.add(key)
            if sum(times.forward_ms) <= 0:
                raise ValueError(f"{where}.forward_ms: all zero, expected measured milliseconds")
