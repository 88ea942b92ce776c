"""What is to be computed in one training step, and how numbers are stored."""

from typing import Literal

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveFloat, PositiveInt
from milp_amp.units import GiB, millisecond, nanosecond

Schedule = Literal["1f1b", "gpipe"]
Optimizer = Literal["replicated", "distributed"]
Recomputation = Literal["none", "selective", "full"]
AllReduce = Literal["ring", "hierarchical"]
ZeroStage = Literal[0, 1, 2, 3]

_MIXED_PRECISION = 18.0
"""Weight 2, gradient 4, and Adam's copy of the weight and two moments 12 (Korthikanti et al., arXiv 2205.05198)."""

_ZERO_MIXED_PRECISION = 16.0
"""The same with a gradient of 2 bytes (Rajbhandari et al., "ZeRO", SC 2020, section 3.1)."""

_ADAM = 12.0
"""Optimizer state in mixed precision: weight and two moments in single precision."""


class StageOverhead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a stage that is not the whole model takes for every microbatch on top of its layers and links.

    Messages that are waited for, and whatever else every stage does once per microbatch. It holds for one tensor
    degree and up to a microbatch size, or for all where they are absent; overheads that hold at once add up.
    """

    ms: NonNegativeFloat
    tensor_parallel: PositiveInt | None = None
    largest_microbatch: PositiveInt | None = None

    def holds(self, tensor_parallel: int, microbatch_size: int) -> bool:
        """Whether a stage of this tensor degree takes it for a microbatch of this size."""
        return (self.tensor_parallel is None or self.tensor_parallel == tensor_parallel) and (
            self.largest_microbatch is None or microbatch_size <= self.largest_microbatch
        )


class Workload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training step.

    Attributes
    ----------
    global_batch_size
        Sequences per step, over all replicas.
    element_bytes
        Bytes of one activation element.
    gradient_bytes
        Bytes exchanged per parameter when replicas synchronise.
    all_reduce
        How replicas synchronise: in one ring, or first inside every node and then across the nodes that share them
        evenly (``cost.allreduce``).
    state_bytes
        Bytes kept per parameter: weight, gradient and optimizer state, before anything is divided (18 in mixed
        precision with Adam, the default; 16 under ZeRO, its default, and in single precision).
    optimizer
        Whether every replica keeps the whole optimizer state, or only its share (Megatron-LM's distributed
        optimizer: 6 + 12/d bytes per parameter).
    zero_stage
        What else the replicas divide among themselves: 1 the optimizer state (4 + 12/d), 2 gradients too
        (2 + 14/d), 3 weights too (16/d); Rajbhandari et al., "ZeRO", SC 2020, figure 1.
    sharded_state_bytes
        The part of ``state_bytes`` that the replicas divide. Only for another precision than mixed: unless
        given it is 12 (distributed optimizer, ZeRO 1), 14 (ZeRO 2) or all of it (ZeRO 3). Adam in single
        precision has 8, 12 and 16.
    recomputation
        What the backward pass computes again instead of keeping it: nothing, the attention's scores, or all but
        the input of every layer. ``full`` runs each forward pass twice.
    sequence_parallel
        Whether a tensor group also divides what it otherwise keeps whole: dropouts and normalisations.
    reserve_GiB
        Memory of every device that no stage may use: context, buffers, fragmentation, and the one layer that is
        being computed again.
    stage_overheads
        What every stage takes per microbatch beside its layers.
    update_ns_per_parameter
        Nanoseconds in which a device updates one of its parameters, once per step; the replicas share them where they
        divide the optimizer state.
    step_overhead_ms
        What every step takes on top of all else.
    """

    global_batch_size: PositiveInt
    sequence_length: PositiveInt
    schedule: Schedule = "1f1b"
    element_bytes: PositiveFloat = 2.0
    gradient_bytes: PositiveFloat = 4.0
    all_reduce: AllReduce = "ring"
    state_bytes: PositiveFloat | None = None
    optimizer: Optimizer = "replicated"
    zero_stage: ZeroStage = 0
    sharded_state_bytes: NonNegativeFloat | None = None
    recomputation: Recomputation = "none"
    sequence_parallel: bool = False
    reserve_GiB: NonNegativeFloat = 0.0
    stage_overheads: tuple[StageOverhead, ...] = ()
    update_ns_per_parameter: NonNegativeFloat = 0.0
    step_overhead_ms: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        if self.zero_stage > 0 and self.optimizer == "distributed":
            raise ValueError(
                f"workload.zero_stage: {self.zero_stage} with a distributed optimizer, expected one of the two"
            )
        if self.sharded_state_bytes is not None and not self._divides_state:
            raise ValueError(
                f"workload.sharded_state_bytes: {self.sharded_state_bytes:g}, but nothing is divided, "
                "expected optimizer 'distributed' or a zero_stage above 0"
            )
        if self.shared_bytes > self.kept_bytes:
            raise ValueError(
                f"workload.sharded_state_bytes: {self.shared_bytes:g} of {self.kept_bytes:g} bytes are divided, "
                f"expected at most state_bytes"
            )

    @property
    def _divides_state(self) -> bool:
        return self.optimizer == "distributed" or self.zero_stage > 0

    @property
    def kept_bytes(self) -> float:
        """Bytes of state per parameter that one replica's devices keep where nothing is divided."""
        if self.state_bytes is not None:
            return self.state_bytes
        return _ZERO_MIXED_PRECISION if self.zero_stage > 0 else _MIXED_PRECISION

    @property
    def shared_bytes(self) -> float:
        """Bytes of state per parameter that the replicas divide among themselves."""
        if self.sharded_state_bytes is not None:
            return self.sharded_state_bytes
        if not self._divides_state:
            return 0.0
        return {2: _ADAM + 2.0, 3: self.kept_bytes}.get(self.zero_stage, _ADAM)

    def state_bytes_per_parameter(self, data_parallel: int) -> float:
        """Bytes of weight, gradient and optimizer state per parameter in each of ``data_parallel`` replicas."""
        shared = self.shared_bytes
        return self.kept_bytes - shared + shared / data_parallel

    def stage_overhead(self, tensor_parallel: int, microbatch_size: int) -> float:
        """Seconds a stage that is not the whole model takes per microbatch beside its layers and links."""
        held = (entry.ms for entry in self.stage_overheads if entry.holds(tensor_parallel, microbatch_size))
        return sum(held) * millisecond

    def update_seconds(self, data_parallel: int) -> float:
        """Seconds in which a device of one of ``data_parallel`` replicas updates one parameter that it holds."""
        return self.update_ns_per_parameter * nanosecond * self.update_share(data_parallel)

    def update_share(self, data_parallel: int) -> float:
        """Part of its parameters that a device of one of ``data_parallel`` replicas updates."""
        return 1 / data_parallel if self._divides_state else 1.0

    @property
    def step_overhead(self) -> float:
        """Seconds that every step takes on top of all else."""
        return self.step_overhead_ms * millisecond

    @property
    def reserve(self) -> float:
        """Reserved bytes of every device."""
        return self.reserve_GiB * GiB
