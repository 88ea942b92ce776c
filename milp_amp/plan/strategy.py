"""A training strategy: which devices run which layers, in which microbatches."""

from typing import Annotated

import msgspec

from milp_amp.problem.types import PositiveInt
from milp_amp.problem.workload import Schedule

Devices = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consecutive layers ``[start, stop)`` run by ``replicas``, each a tensor-parallel group of devices."""

    layers: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=1)]]
    tensor_parallel: PositiveInt
    replicas: Annotated[tuple[Devices, ...], msgspec.Meta(min_length=1)]

    @property
    def start(self) -> int:
        """First layer of the stage."""
        return self.layers[0]

    @property
    def stop(self) -> int:
        """First layer after the stage."""
        return self.layers[1]


class Strategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A path of stages from the first layer to the last."""

    microbatch_size: PositiveInt
    data_parallel: PositiveInt
    schedule: Schedule = "1f1b"
    stages: Annotated[tuple[Stage, ...], msgspec.Meta(min_length=1)]

    @property
    def pipeline_parallel(self) -> int:
        """Number of stages."""
        return len(self.stages)

    @property
    def tensor_parallel(self) -> int:
        """Largest tensor degree of any stage."""
        return max(stage.tensor_parallel for stage in self.stages)
