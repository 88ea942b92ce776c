"""Seconds of single layers, from the profile."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from milp_amp.units import millisecond

AMP_BACKWARD_RATIO = 2.0
"""Backward over forward seconds where the profile has only the forward pass (AMP, section 3.2)."""


@dataclass(frozen=True)
class LayerSeconds:
    """Forward and backward seconds of every layer for one microbatch: two arrays ``(layers,)``."""

    forward: FloatArray
    backward: FloatArray

    @cached_property
    def both(self) -> FloatArray:
        """Forward plus backward seconds of every layer."""
        return self.forward + self.backward


def layer_seconds(
    instance: Instance, device_type: str, tensor_parallel: int, microbatch_size: int
) -> LayerSeconds | None:
    """Return the seconds of every layer, or ``None`` where the profile has no entry for the degree.

    Between two profiled microbatch sizes, and beyond them, seconds are affine in the microbatch size
    (the two nearest points); from a single point they are proportional to it. Below the smallest profiled
    microbatch they never fall short of its proportional share, so no layer becomes free; beyond the largest
    they never fall below its seconds. Under full recomputation a backward pass begins with a forward pass.
    """
    points = sorted(
        (
            entry
            for entry in instance.profile
            if entry.device == device_type and entry.tensor_parallel == tensor_parallel
        ),
        key=lambda entry: entry.microbatch_size,
    )
    if not points:
        return None
    sizes = [entry.microbatch_size for entry in points]
    again = 1.0 if instance.workload.recomputation == "full" else 0.0
    passes = [entry_seconds(entry, again) for entry in points]
    return LayerSeconds(
        forward=_interpolate(sizes, [forward for forward, _ in passes], microbatch_size),
        backward=_interpolate(sizes, [backward for _, backward in passes], microbatch_size),
    )


def entry_seconds(entry: LayerTimes, again: float) -> tuple[FloatArray, FloatArray]:
    """Return both passes of every layer ``(layers,)``, the forward pass ``again`` times more in the backward pass."""
    forward = np.array(entry.forward_ms) * millisecond
    if entry.backward_ms is None:
        return forward, (AMP_BACKWARD_RATIO + again) * forward
    return forward, np.array(entry.backward_ms) * millisecond + again * forward


def _interpolate(sizes: list[int], values: list[FloatArray], size: int) -> FloatArray:
    if size in sizes:
        return values[sizes.index(size)]
    if len(sizes) == 1:
        return values[0] * (size / sizes[0])
    right = min(max(int(np.searchsorted(sizes, size)), 1), len(sizes) - 1)
    low, high = sizes[right - 1], sizes[right]
    slope = (values[right] - values[right - 1]) / (high - low)
    affine = values[right - 1] + slope * (size - low)
    nearest = 0 if size < sizes[0] else len(sizes) - 1
    floor = values[nearest] * min(1.0, size / sizes[nearest])
    return affine if sizes[0] < size < sizes[-1] else np.maximum(affine, floor)
