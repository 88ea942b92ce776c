"""The columns of one configuration: every interval of layers on every composition, with its leaf costs."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from milp_amp.cost.memory import activation_bytes
from milp_amp.cost.model import PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.errors import FormulationError
from milp_amp.space.classes import NodeClass
from milp_amp.space.configuration import Degrees
from milp_amp.space.grid import Grid, Vector
from milp_amp.space.order import Order
from milp_amp.space.restriction import stage_mask

IntArray = npt.NDArray[np.int64]

UNLIMITED_STAGES = 10**6
"""Stages to the end that a column tolerates when memory does not bind: more than any path has."""

MEMORY_ROUNDING = 1e-9
"""Relative: a device that is full to the last byte must not count as overfull. The judge allows the same."""

MAX_COLUMNS = 10_000_000
"""Columns of one configuration above which its tables would need most of a gigabyte."""


class LayerTables:
    """What the columns of all configurations share: prefix sums over the chain of layers."""

    def __init__(self, costs: PerByteCost) -> None:
        self.costs = costs
        self.chain = costs.instance.model.chain
        self.num_layers = len(self.chain)

    @cached_property
    def parameters(self) -> FloatArray:
        """Parameters of every interval ``(layers, layers + 1)``; shared ones count once."""
        own = np.array([layer.parameters for layer in self.chain])
        total = self.interval_sums(own)
        for shared in {s.name: s for layer in self.chain if (s := layer.shared_parameters)}.values():
            holds = [float(bool(x.shared_parameters and x.shared_parameters.name == shared.name)) for x in self.chain]
            total = total + shared.parameters * (self.interval_sums(np.array(holds)) > 0)
        return total

    @cached_property
    def gradient_bytes(self) -> FloatArray:
        """Bytes the replicas of every interval reduce ``(layers, layers + 1)``."""
        return self.costs.gradient_bytes * self.parameters

    @cached_property
    def all_gradient_bytes(self) -> float:
        """Bytes that the replicas of the whole chain reduce."""
        return self.costs.stage_gradient_bytes(0, self.num_layers)

    def boundary_bytes(self, degrees: Degrees) -> FloatArray:
        """Bytes of one microbatch over every boundary ``(layers + 1,)``; zero at both ends."""
        t, b = degrees.tensor_parallel, degrees.microbatch_size
        inner = [self.costs.boundary_bytes(i - 1, t, b) for i in range(1, self.num_layers)]
        return np.array([0.0, *inner, 0.0])

    def stage_seconds(self, degrees: Degrees, device_type: str) -> FloatArray:
        """Seconds of every interval on one device type ``(layers, layers + 1)``, overhead of stages included."""
        times = self.costs.layer_seconds(device_type, degrees.tensor_parallel, degrees.microbatch_size)
        if times is None:
            return np.full((self.num_layers, self.num_layers + 1), np.inf)
        sums = self.interval_sums(times)
        overhead = self.costs.stage_overhead(degrees.tensor_parallel, degrees.microbatch_size)
        parts = np.triu(np.ones_like(sums, dtype=bool), 1)
        parts[0, -1] = False  # the whole model is no stage among others
        return np.where(parts, sums + overhead, sums)

    def stages_to_end(self, degrees: Degrees, memory: float) -> IntArray:
        """Return the most stages from an interval to the end of the path that its memory allows.

        ``(layers, layers + 1)``; 0 where the interval fits nowhere, ``UNLIMITED_STAGES`` where it always fits.
        """
        shape = (self.num_layers, self.num_layers + 1)
        if not self.costs.limits_memory:
            return np.full(shape, UNLIMITED_STAGES)
        instance, t = self.costs.instance, degrees.tensor_parallel
        workload = instance.workload
        memory *= 1 + MEMORY_ROUNDING
        per_parameter = workload.state_bytes_per_parameter(degrees.data_parallel)
        state = per_parameter * self.parameters / t + workload.reserve
        kept = np.array([activation_bytes(instance, layer, t) for layer in self.chain])
        each = degrees.microbatch_size * self.interval_sums(kept)
        if workload.schedule == "gpipe":
            return np.where(state + degrees.num_microbatches * each <= memory, UNLIMITED_STAGES, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.where(each > 0, np.floor((memory - state) / each), np.where(state <= memory, np.inf, 0.0))
        most = np.where(most >= degrees.num_microbatches, UNLIMITED_STAGES, np.maximum(most, 0))
        return most.astype(np.int64)

    @staticmethod
    def interval_sums(values: FloatArray) -> FloatArray:
        """Return ``sum(values[i:j])`` for all ``i < j`` as ``(n, n + 1)``; 0 elsewhere."""
        prefix = np.concatenate([[0.0], np.cumsum(values)])
        sums: FloatArray = np.maximum(np.triu(prefix[None, :] - prefix[:-1, None], 1), 0.0)
        return sums


@dataclass(frozen=True, eq=False)
class Columns:
    """All columns of one configuration.

    Attributes
    ----------
    weight
        ``m − 1``: how often the pipeline pays its bottleneck.
    stage_seconds
        ``τ``: ``(compositions, layers, layers + 1)``, ``inf`` where ``j <= i`` or not profiled.
    stages_to_end
        Most stages from the column to the end of the path, the column included; same shape.
    gradient_bytes
        ``(layers, layers + 1)``.
    boundary_bytes
        ``(layers + 1,)``.
    order
        Which columns may be which stage; ``None`` where all may be any.
    """

    degrees: Degrees
    grid: Grid
    links_are_stations: bool
    stage_seconds: FloatArray
    stages_to_end: IntArray
    gradient_bytes: FloatArray
    boundary_bytes: FloatArray
    order: Order | None = None

    @property
    def weight(self) -> int:
        """Microbatches after the first one."""
        return self.degrees.num_microbatches - 1

    @property
    def num_layers(self) -> int:
        """Length of the chain."""
        return int(self.stage_seconds.shape[1])

    @property
    def compositions(self) -> tuple[Vector, ...]:
        """What a stage may take of every class."""
        return self.grid.compositions

    def kappa(self, boundary: int, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Return ``κ`` in seconds from a stage at ``phase + later`` to the later stage at ``phase``."""
        size, grid = float(self.boundary_bytes[boundary]), self.grid
        return grid.transfer_latency(phase, earlier, later) + size * grid.transfer(phase, earlier, later)

    def sigma(self, start: int, stop: int, phase: Vector, composition: Vector) -> float:
        """Return ``σ`` in seconds of the layers ``[start, stop)`` placed at a phase."""
        size, grid = float(self.gradient_bytes[start, stop]), self.grid
        return grid.ring_latency(phase, composition) + size * grid.ring(phase, composition)

    def ordered(self, order: Order | None) -> "Columns":
        """Return the columns of the paths that keep an order."""
        if order is None or order.anywhere is None:
            return replace(self, order=order)
        return replace(self, order=order, stage_seconds=np.where(order.anywhere, self.stage_seconds, math.inf))


def build_columns(tables: LayerTables, classes: tuple[NodeClass, ...], degrees: Degrees, grid: Grid) -> Columns:
    """Return the columns of one configuration; a mixed stage is as slow and as small as its worst class.

    What restrictions forbid wherever the stage stands in its path is not there.

    Raises
    ------
    FormulationError
        If there would be more than ``MAX_COLUMNS``.
    """
    entries = len(grid.compositions) * tables.num_layers**2
    if entries > MAX_COLUMNS:
        raise FormulationError(
            f"model.layers: {tables.num_layers} layers and {len(grid.compositions)} kinds of stages make {entries} "
            f"columns, expected at most {MAX_COLUMNS}"
        )
    by_type = {g.device_type: tables.stage_seconds(degrees, g.device_type) for g in classes}
    seconds = [by_type[g.device_type] for g in classes]
    limits = [tables.stages_to_end(degrees, g.memory) for g in classes]
    size = tables.num_layers
    below = np.tri(size, size + 1, 0, dtype=bool)
    compositions, restrictions = grid.compositions, tables.costs.instance.restrictions
    tau = np.full((len(compositions), size, size + 1), math.inf)
    most = np.zeros((len(compositions), size, size + 1), dtype=np.int64)
    for c, composition in enumerate(compositions):
        members = [g for g, n in enumerate(composition) if n > 0]
        most[c] = np.min([limits[g] for g in members], axis=0)
        allowed = stage_mask(restrictions, size, [classes[g].mark for g in members])
        tau[c] = np.where(allowed, np.max([seconds[g] for g in members], axis=0), math.inf)
    tau[:, below] = math.inf
    tau[most == 0] = math.inf
    return Columns(
        degrees=degrees,
        grid=grid,
        links_are_stations=tables.costs.links_are_stations,
        stage_seconds=tau,
        stages_to_end=most,
        gradient_bytes=tables.gradient_bytes,
        boundary_bytes=tables.boundary_bytes(degrees),
    )
