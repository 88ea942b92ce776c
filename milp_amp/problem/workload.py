"""What is to be computed in one training step, and how numbers are stored."""

from typing import Literal

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveFloat, PositiveInt
from milp_amp.units import GiB

Schedule = Literal["1f1b", "gpipe"]


class Workload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training step.

    Attributes
    ----------
    global_batch_size
        Sequences per step, over all replicas.
    element_bytes
        Bytes of one activation element on a link.
    gradient_bytes
        Bytes exchanged per parameter when replicas synchronise.
    state_bytes
        Bytes kept per parameter: weight, gradient and optimizer state (18 in mixed precision
        with Adam, 16 in single precision; Korthikanti et al., arXiv 2205.05198).
    reserve_GiB
        Memory of every device that no stage may use: context, buffers, fragmentation.
    """

    global_batch_size: PositiveInt
    sequence_length: PositiveInt
    schedule: Schedule = "1f1b"
    element_bytes: PositiveFloat = 2.0
    gradient_bytes: PositiveFloat = 4.0
    state_bytes: PositiveFloat = 18.0
    reserve_GiB: NonNegativeFloat = 0.0

    @property
    def reserve(self) -> float:
        """Reserved bytes of every device."""
        return self.reserve_GiB * GiB
