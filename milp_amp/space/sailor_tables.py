"""What the programs of all configurations share under the ``sailor`` cost model: tables over intervals of layers."""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.cost.sailor import SailorCost
from milp_amp.problem.cluster import NodeGroup
from milp_amp.space.chain import IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import MEMORY_ROUNDING, UNLIMITED_STAGES

Pairs = tuple[tuple[int, int], ...]
"""Pairs of classes, by number."""


class SailorTables:
    """Leaf costs of every interval; those of a stage on two classes are those of the worse one.

    Intervals are ``(layers, layers + 1)``: entry ``[i, j]`` is about the layers ``[i, j)``.
    """

    def __init__(self, costs: SailorCost, classes: tuple[NodeClass, ...]) -> None:
        self.costs = costs
        self.classes = classes
        self.num_layers = costs.instance.model.num_layers
        self.ring_seconds = lru_cache(maxsize=4096)(self._ring_seconds)
        self.most_stages = lru_cache(maxsize=4096)(self._most_stages)
        self._held = lru_cache(maxsize=64)(self._held_bytes)
        self._stored = lru_cache(maxsize=64)(self._stored_bytes)
        self._every_ring = lru_cache(maxsize=None)(self._all_rings)

    def stage_seconds(self, tensor_parallel: int, microbatch_size: int, members: Sequence[int]) -> FloatArray:
        """Return ``τ`` of every interval; ``inf`` where there is none."""
        seconds = [self._class_seconds(tensor_parallel, microbatch_size, g) for g in members]
        return np.asarray(np.max(seconds, axis=0))

    def update_seconds(self, tensor_parallel: int, microbatch_size: int, members: Sequence[int]) -> FloatArray:
        """Return the update of a stage by its first layer ``(layers,)``."""
        kinds = [self.classes[g].device_type for g in members]
        updates = [self.costs.update_seconds(kind, tensor_parallel, microbatch_size) for kind in kinds]
        return np.asarray(np.max(updates, axis=0))

    def messages(self, microbatch_size: int) -> tuple[FloatArray, IntArray]:
        """Return the different sizes of activations in bytes, and which one crosses each boundary ``(layers + 1,)``."""
        inner = [self.costs.boundary_bytes(i - 1, 1, microbatch_size) for i in range(1, self.num_layers)]
        sizes, which = np.unique(np.array(inner or [0.0]), return_inverse=True)
        of_boundary = np.zeros(self.num_layers + 1, np.int64)
        of_boundary[1 : self.num_layers] = which[: self.num_layers - 1]
        return sizes, of_boundary

    def transfers(self, sizes: FloatArray, ends: Sequence[tuple[int, int]]) -> FloatArray:
        """Return seconds ``(sizes, ends, ends)`` from one (class, tensor degree) to another."""
        table = np.empty((len(sizes), len(ends), len(ends)))
        for a, (g, t) in enumerate(ends):
            for b, (h, u) in enumerate(ends):
                table[:, a, b] = self.costs.transfer_seconds(sizes, self._group(g), self._group(h), t, u)
        return table

    def slower_with_more(self, fewer: int, more: int) -> bool:
        """Whether every ring of the ``fewer`` replicas is at least as fast as the same ring of more of them."""
        return bool((self._every_ring(fewer) <= self._every_ring(more)).all())

    @cached_property
    def gradient_bytes(self) -> FloatArray:
        """Bytes of the gradients of every interval."""
        return self._over_intervals(self.costs.stage_gradient_bytes)

    def _ring_seconds(self, tensor_parallel: int, replicas: int, pairs: Pairs) -> FloatArray:
        """Return the all-reduce of every interval at its slowest pair of neighbours; 0 for one replica."""
        sizes, which = self._ring_sizes[tensor_parallel]
        seconds = [self._ring(sizes, replicas, g, h) for g, h in pairs] or [np.zeros_like(sizes)]
        return np.asarray(np.max(seconds, axis=0)[which])

    def _all_rings(self, replicas: int) -> FloatArray:
        sizes = np.unique(np.concatenate([sizes for sizes, _ in self._ring_sizes.values()]))
        numbers = range(len(self.classes))
        return np.array([self._ring(sizes, replicas, g, h) for g in numbers for h in numbers])

    def _ring(self, sizes: FloatArray, replicas: int, g: int, h: int) -> FloatArray:
        return self.costs.all_reduce_seconds(sizes, replicas, self._group(g), self._group(h))

    @cached_property
    def _ring_sizes(self) -> dict[int, tuple[FloatArray, IntArray]]:
        """By tensor degree: the different sizes that rings reduce, and which of them is that of every interval."""
        degrees = {entry.tensor_parallel for entry in self.costs.instance.profile}
        tables = {t: self._over_intervals(partial(self.costs.ring_bytes, tensor_parallel=t)) for t in degrees}
        found = {t: np.unique(table, return_inverse=True) for t, table in tables.items()}
        return {t: (sizes, which.reshape(tables[t].shape)) for t, (sizes, which) in found.items()}

    def _most_stages(self, tensor_parallel: int, microbatch_size: int, members: tuple[int, ...]) -> IntArray:
        """Return the most stages from an interval to the end that memory allows; 0 where it fits nowhere."""
        memory = min(self.classes[g].memory for g in members) * (1 + MEMORY_ROUNDING)
        left = memory - self._held(tensor_parallel)
        stored = microbatch_size * self._stored(tensor_parallel)
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.where(stored > 0, np.floor(left / stored), UNLIMITED_STAGES)
        return np.where(left >= 0, np.clip(most, 0, UNLIMITED_STAGES), 0).astype(np.int64)

    def _held_bytes(self, tensor_parallel: int) -> FloatArray:
        return self._over_intervals(lambda i, j: self.costs.held_bytes(range(i, j), tensor_parallel))

    def _stored_bytes(self, tensor_parallel: int) -> FloatArray:
        """Bytes that one sequence leaves behind."""
        return self._over_intervals(lambda i, j: self.costs.stored_bytes(range(i, j), tensor_parallel, 1))

    def _class_seconds(self, tensor_parallel: int, microbatch_size: int, g: int) -> FloatArray:
        seconds = self.costs.layer_seconds(self.classes[g].device_type, tensor_parallel, microbatch_size)
        shape = (self.num_layers, self.num_layers + 1)
        if seconds is None:
            return np.full(shape, np.inf)
        prefix = np.concatenate([[0.0], np.cumsum(seconds)])
        return np.where(np.tri(*shape, 0, dtype=bool), np.inf, prefix[None, :] - prefix[:-1, None])

    def _over_intervals(self, value: Callable[[int, int], float]) -> FloatArray:
        table = np.zeros((self.num_layers, self.num_layers + 1))
        for i in range(self.num_layers):
            for j in range(i + 1, self.num_layers + 1):
                table[i, j] = value(i, j)
        return table

    def _group(self, g: int) -> NodeGroup:
        return self.classes[g].nodes[0].group
