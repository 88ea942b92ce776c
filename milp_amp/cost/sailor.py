"""The ``sailor`` cost model: Sailor's published simulator (SOSP 2025), for comparison with the best peer.

A stage moves its own data, bandwidth depends on the size of a message, and stages may have different tensor
degrees. With ``m = ceil(B / (b d))`` microbatches:

    step_time = (m − 1) · max busy + Σ busy + update + sync

What a stage is ``busy`` with, and which replicas face each other, is left to those who compose; here are the
seconds of one message, one bucket, one layer, and the bytes of one device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from milp_amp.cost.layers import entry_seconds
from milp_amp.cost.memory import activation_bytes, parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.cluster import NodeGroup
from milp_amp.problem.curves import Curve
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, MeasuredSize
from milp_amp.problem.profile import LayerTimes
from milp_amp.units import MB, GBps, GiB, millisecond

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
        self,
        sizes: npt.ArrayLike,
        source: NodeGroup,
        target: NodeGroup,
        source_streams: int = 1,
        target_streams: int = 1,
    ) -> FloatArray:
        """Seconds of messages of so many bytes between nodes of two groups; ``inf`` where nothing was measured.

        Nothing was measured where there is no curve, or where the curve, a parabola, is not positive at a size.
        """
        moved = np.asarray(sizes, dtype=np.float64)
        streams = self._curve_streams(source_streams), self._curve_streams(target_streams)
        ends = (source.site, source.device, streams[0], target.site, target.device, streams[1])
        curve = self._curves.get(ends)
        if curve is None:
            return np.where(moved > 0, np.inf, 0.0)
        c0, c1, c2 = curve.coefficients
        x = np.log2(np.where(moved > 0, moved, MB) / MB)
        bandwidth = (c0 * x * x + c1 * x + c2) * GBps
        measured = bandwidth > 0
        return np.where(measured, moved / np.where(measured, bandwidth, 1.0), np.inf)

    @staticmethod
    def _curve_streams(streams: int) -> int:
        """Return the streams of the curve that so many streams are as fast as."""
        return streams

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters; shared parameters count once."""
        return ELEMENT_BYTES * parameters(self.instance.model.chain[start:stop])

    def ring_bytes(self, start: int, stop: int, tensor_parallel: int) -> float:
        """Gradient bytes that one device of every replica of the stage reduces."""
        return self.stage_gradient_bytes(start, stop) / min(MOST_RINGS, tensor_parallel)

    def all_reduce_seconds(
        self, sizes: npt.ArrayLike, replicas: int, source: NodeGroup, target: NodeGroup
    ) -> FloatArray:
        """Seconds of a ring of ``replicas`` that reduces so many bytes, if all its edges are as this one.

        Every bucket goes round twice, a ``replicas``-th of it at a time; the last one holds what is left.
        """
        reduced = np.asarray(sizes, dtype=np.float64)
        if replicas == 1:
            return np.zeros_like(reduced)
        full = np.floor(reduced / BUCKET_BYTES)
        rest = self.transfer_seconds((reduced - full * BUCKET_BYTES) / replicas, source, target)
        whole = self.transfer_seconds(BUCKET_BYTES / replicas, source, target)
        buckets = np.where(full > 0, np.maximum(full, 1.0) * whole, 0.0)
        return np.asarray(2 * (replicas - 1) * (buckets + rest))

    def held_bytes(self, layers: Sequence[int], tensor_parallel: int) -> float:
        """Bytes one device of a stage of ``layers`` needs whatever runs: its state and the reserve."""
        held = [self.instance.model.chain[layer] for layer in layers]
        shared = {s.name: s.parameters / tensor_parallel for layer in held if (s := layer.shared_parameters)}
        own = sum(self._size(layer, tensor_parallel).parameters for layer in held)
        return self._state_bytes * (own + sum(shared.values())) + self._reserve(tensor_parallel)

    def stored_bytes(self, layers: Sequence[int], tensor_parallel: int, microbatch_size: int) -> float:
        """Bytes one device of a stage of ``layers`` keeps of one microbatch until its backward pass."""
        sizes = [self._size(self.instance.model.chain[layer], tensor_parallel) for layer in layers]
        return MB * microbatch_size * sum(size.stored_MB for size in sizes)

    def stage_bytes(
        self, layers: Sequence[int], tensor_parallel: int, microbatch_size: int, stages_to_end: int
    ) -> float:
        """Bytes one device of a stage of ``layers`` needs with as many microbatches as stages to the end."""
        stored = self.stored_bytes(layers, tensor_parallel, microbatch_size)
        return self.held_bytes(layers, tensor_parallel) + stored * stages_to_end

    @property
    def _state_bytes(self) -> float:
        """Bytes per parameter."""
        return STATE_BYTES

    def _reserve(self, tensor_parallel: int) -> float:
        """Bytes of a device that no stage may use."""
        return RESERVE.get(tensor_parallel, LARGER_RESERVE)

    def _size(self, layer: Layer, tensor_parallel: int) -> MeasuredSize:
        """Sizes on one device of a tensor group: measured, or else divided."""
        return layer.measured_at(tensor_parallel) or MeasuredSize(
            tensor_parallel=tensor_parallel,
            parameters=layer.parameters / tensor_parallel,
            stored_MB=activation_bytes(self.instance, layer, tensor_parallel) / MB,
        )
