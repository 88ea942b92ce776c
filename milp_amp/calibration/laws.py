"""Seconds of a stage's layers as a function of the numbers: measured layers are scaled, counted ones counted anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from milp_amp.calibration.factors import EFFICIENCIES, Numbers, layer_seconds, layer_time
from milp_amp.problem.counted import Efficiency
from milp_amp.roofline.catalogue import Accelerator
from milp_amp.roofline.instance import BACKWARD
from milp_amp.roofline.seconds import seconds
from milp_amp.roofline.work import Work


class Law(Protocol):
    """Seconds of the layers of one stage on one device type."""

    def seconds(self, numbers: Numbers) -> float:
        """Return forward and backward seconds of one microbatch."""


@dataclass(frozen=True)
class Measured:
    """Layers of a profile: ``base`` seconds, and how many of them are transformer layers."""

    device: str
    tensor_parallel: int
    base: float
    transformers: int

    def seconds(self, numbers: Numbers) -> float:
        """Scale what was measured, and add what does not grow with the microbatch."""
        t = self.tensor_parallel
        return layer_time(numbers, self.device, t) * self.base + self.transformers * layer_seconds(numbers, t)


@dataclass(frozen=True)
class CountedLayers:
    """Layers that were counted: forward passes of different work, how often each is there, and how often it runs."""

    device: Accelerator
    tensor_parallel: int
    efficiency: Efficiency
    passes: Sequence[tuple[Work, int]]
    forward_runs: int = 1

    def seconds(self, numbers: Numbers) -> float:
        """Count them at the efficiencies that the numbers say."""
        t, reached = self.tensor_parallel, efficiency(self.efficiency, numbers)
        return sum(
            count
            * (
                self.forward_runs * seconds(work, self.device, t, reached)
                + seconds(work.times(BACKWARD), self.device, t, reached)
            )
            for work, count in self.passes
        )


def efficiency(given: Efficiency, numbers: Numbers) -> Efficiency:
    """Return efficiencies times the numbers."""
    changed = {field: getattr(given, field) * numbers.get(name, 1.0) for name, field in EFFICIENCIES.items()}
    return replace(given, **changed)
