"""What a profile was counted from where nobody measured it."""

import msgspec

from milp_amp.problem.shape import ModelShape
from milp_amp.problem.types import NonNegativeFloat, PositiveFloat


class Efficiency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is reached of a device's published figures, and what the host adds.

    The defaults are fitted to 60 of vTrain's 576 runs of GPT models on eight A100 (``benchmarks/predictions.py``).

    Attributes
    ----------
    compute, memory, link
        Parts of the peak of matrix products, of the memory's bandwidth, and of the bandwidth between two devices.
    launch_ms
        Milliseconds in which the host launches the forward pass of one transformer layer.
    reduction_us
        Microseconds that every all-reduce takes per device beyond the first, however small it is.
    """

    compute: PositiveFloat = 0.64
    memory: PositiveFloat = 0.58
    link: PositiveFloat = 0.77
    launch_ms: NonNegativeFloat = 1.05
    reduction_us: NonNegativeFloat = 34.0


class Counted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model that was counted, and what its devices were taken to reach."""

    shape: ModelShape
    efficiency: Efficiency
