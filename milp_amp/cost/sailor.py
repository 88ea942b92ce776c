"""The ``sailor`` cost model: Sailor's published simulator (SOSP 2025), for comparison with the best peer.

A stage moves its own data, bandwidth depends on the size of a message, and stages may have different tensor
degrees. With ``m = ceil(B / (b d))`` microbatches:

    step_time = (m − 1) · max busy + Σ busy + update + sync

What a stage is ``busy`` with, and which replicas face each other, is left to those who compose; here are the
seconds of one message, one bucket, one layer, and the bytes of one device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.cost.layers import entry_seconds
from milp_amp.cost.memory import activation_bytes, parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.cluster import NodeGroup
from milp_amp.problem.curves import Curve
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, MeasuredSize
from milp_amp.problem.profile import LayerTimes
from milp_amp.units import MB, GiB, millisecond

ELEMENT_BYTES = 4.0
"""Sailor trains in single precision."""

STATE_BYTES = 24.0
"""Bytes per parameter: weights, gradients, optimizer state and copies of them."""

BUCKET_BYTES = 500e6
"""Gradients are reduced in buckets of this size."""

MOST_RINGS = 4
"""Gradients are divided among at most this many devices of a tensor group."""

RESERVE = {1: 2 * GiB}
LARGER_RESERVE = 3 * GiB
"""Bytes of every device that no stage may use: at tensor degree 1, and above."""


@dataclass(frozen=True, eq=False)
class SailorCost:
    """Sailor's seconds, bytes and messages. Between sites and device types, only measured bandwidth curves exist."""

    instance: Instance
    network: Network
    name: str = "sailor"
    limits_memory: bool = True

    @cached_property
    def _curves(self) -> dict[tuple[object, ...], Curve]:
        return {curve.ends: curve for curve in self.instance.cluster.curves}

    @cached_property
    def _profile(self) -> dict[tuple[str, int, int], LayerTimes]:
        return {(x.device, x.tensor_parallel, x.microbatch_size): x for x in self.instance.profile}

    def layer_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray | None:
        """Forward plus backward seconds of every layer ``(layers,)``; ``None`` unless measured at just this size."""
        entry = self._profile.get((device_type, tensor_parallel, microbatch_size))
        return None if entry is None else np.add(*entry_seconds(entry, again=0.0))

    def update_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray:
        """Seconds of the optimizer's update of every layer ``(layers,)``; 0 where not measured."""
        entry = self._profile[device_type, tensor_parallel, microbatch_size]
        if entry.update_ms is None:
            return np.zeros(self.instance.model.num_layers)
        return np.array(entry.update_ms) * millisecond

    def boundary_bytes(self, layer: int, tensor_parallel: int, microbatch_size: int) -> float:
        """Bytes of one microbatch of one replica that leave a layer, whatever the tensor degree."""
        return ELEMENT_BYTES * microbatch_size * self.instance.model.chain[layer].output_elements

    def transfer_seconds(
        self, size: float, source: NodeGroup, target: NodeGroup, source_streams: int = 1, target_streams: int = 1
    ) -> float:
        """Seconds of one message of ``size`` bytes between nodes of two groups; ``inf`` where nothing was measured.

        Nothing was measured where there is no curve, or where the curve, a parabola, is not positive at this size.
        """
        if size == 0:
            return 0.0
        ends = (source.site, source.device, source_streams, target.site, target.device, target_streams)
        curve = self._curves.get(ends)
        bandwidth = 0.0 if curve is None else curve.bandwidth(size)
        return size / bandwidth if bandwidth > 0 else math.inf

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters; shared parameters count once."""
        return ELEMENT_BYTES * parameters(self.instance.model.chain[start:stop])

    def ring_bytes(self, start: int, stop: int, tensor_parallel: int) -> float:
        """Gradient bytes that one device of every replica of the stage reduces."""
        return self.stage_gradient_bytes(start, stop) / min(MOST_RINGS, tensor_parallel)

    def all_reduce_seconds(self, size: float, replicas: int, source: NodeGroup, target: NodeGroup) -> float:
        """Seconds of a ring of ``replicas`` that reduces ``size`` bytes, if all its edges are as this one.

        Every bucket goes round twice, a ``replicas``-th of it at a time; the last one holds what is left.
        """
        if replicas == 1:
            return 0.0
        full = math.floor(size / BUCKET_BYTES)
        seconds = 0.0
        for count, bucket in ((full, BUCKET_BYTES), (1, size - full * BUCKET_BYTES)):
            if count > 0:
                seconds += count * 2 * (replicas - 1) * self.transfer_seconds(bucket / replicas, source, target)
        return seconds

    def _size(self, layer: Layer, tensor_parallel: int) -> MeasuredSize:
        """Sizes on one device of a tensor group: measured, or else divided."""
        return layer.measured_at(tensor_parallel) or MeasuredSize(
            tensor_parallel=tensor_parallel,
            parameters=layer.parameters / tensor_parallel,
            stored_MB=activation_bytes(self.instance, layer, tensor_parallel) / MB,
        )

    def stage_bytes(
        self, layers: Sequence[int], tensor_parallel: int, microbatch_size: int, stages_to_end: int
    ) -> float:
        """Bytes one device of a stage of ``layers`` needs with as many microbatches as stages to the end."""
        held = [self.instance.model.chain[layer] for layer in layers]
        sizes = [self._size(layer, tensor_parallel) for layer in held]
        shared = {s.name: s.parameters / tensor_parallel for layer in held if (s := layer.shared_parameters)}
        state = STATE_BYTES * (sum(size.parameters for size in sizes) + sum(shared.values()))
        stored = MB * microbatch_size * sum(size.stored_MB for size in sizes)
        return state + stored * stages_to_end + RESERVE.get(tensor_parallel, LARGER_RESERVE)
