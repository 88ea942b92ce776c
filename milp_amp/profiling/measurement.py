"""What was measured, as it is written to a file."""

import msgspec

from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.types import Name, NonNegativeFloat, PositiveInt
from milp_amp.profiling.request import Precision


class Circumstances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On what, and how, it was measured.

    Attributes
    ----------
    machine
        What the device calls itself.
    software
        What computed: PyTorch and its version.
    sequence
        Tokens of a sequence.
    repetitions
        Passes behind every median.
    """

    machine: str
    software: str
    precision: Precision
    sequence: PositiveInt
    repetitions: PositiveInt

    def sentence(self, device: str) -> str:
        """Return where the times of a device come from, for the source of an instance."""
        return f"Layer times of {device} at tensor degree 1: {self.software} on {self.machine}, {self.precision}."


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times and sizes of every layer of the chain on one device.

    Attributes
    ----------
    device
        Name of the device type, as instances have it.
    model
        Name of the model.
    profile
        One entry for every microbatch size that fits, the smallest first.
    stored_MB
        Of every layer: bytes kept until the backward pass, per sequence, its input included and its output not.
    peak_MB
        Of every layer: most bytes allocated at once in both passes, per sequence; ``None`` where the device does not
        count.
    """

    device: Name
    model: str
    profile: tuple[LayerTimes, ...]
    stored_MB: tuple[NonNegativeFloat, ...]
    peak_MB: tuple[NonNegativeFloat, ...] | None
    measured: Circumstances
