"""AMP's strategy space: uniform degrees, devices in rank order (NeurIPS 2022).

``M`` devices per node, ``N`` nodes, tensor degree ``t``, data degree ``d``, so ``p = M N / (t d)`` stages.
Tensor index ``k`` of replica ``r`` of stage ``s`` is rank ``k + t r + t d s``, which is device
``rank mod M`` of node ``rank div M``. Only the partition of the layers is left to decide.
What restrictions forbid is left out of it.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.errors import FormulationError
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees, divisors
from milp_amp.space.restriction import (
    BoolArray,
    allows_configuration,
    allows_stage,
    mark,
    stage_counts,
    stage_mask,
)


def devices_per_node(cluster: Cluster) -> int:
    """Return the devices of every node.

    Raises
    ------
    FormulationError
        If the nodes differ: a rank's node would no longer be ``rank div M``.
    """
    sizes = sorted({group.devices for group in cluster.nodes})
    if len(sizes) > 1:
        raise FormulationError(f"cluster.nodes: {sizes} devices per node, AMP's rank order needs equal nodes")
    return sizes[0]


def candidates(tables: LayerTables) -> Iterator[Degrees]:
    """Yield AMP's (t, d, b): t divides M, d divides M N / t, b divides B / d, at most one stage per layer.

    Tensor degrees without a profile on every device type of the cluster are left out.

    Raises
    ------
    FormulationError
        If nodes must stay idle: rank order uses every device.
    """
    instance = tables.costs.instance
    if instance.restrictions.idle_nodes:
        raise FormulationError("restrictions.idle_nodes: AMP's rank order uses every node, expected none")
    batch = instance.workload.global_batch_size
    for t in divisors(devices_per_node(instance.cluster)):
        if any(tables.costs.layer_seconds(g.device, t, 1) is None for g in instance.cluster.nodes):
            continue
        groups = instance.cluster.num_devices // t
        for d in divisors(groups):
            if batch % d == 0 and groups // d <= tables.num_layers:
                every = (Degrees(t, d, b, batch // (d * b)) for b in divisors(batch // d))
                yield from (degrees for degrees in every if _allowed(instance.restrictions, degrees, groups // d))


def _allowed(restrictions: Restrictions, degrees: Degrees, stages: int) -> bool:
    t, d = degrees.tensor_parallel, degrees.data_parallel
    return (
        allows_configuration(restrictions, d, degrees.microbatch_size, degrees.num_microbatches)
        and allows_stage(restrictions, t, t * d)
        and stages in stage_counts(restrictions, stages)
    )


@dataclass(frozen=True)
class Price:
    """What a partition's step time is put together from: ``Σ τ + Σ κ``, ``W`` and ``S`` in seconds."""

    seconds: float
    bottleneck: float
    synchronisation: float


class RankOrder:
    """Leaf costs of one candidate, per stage: everything its partition's step time is made of.

    ``boundaries`` of a partition are ``p + 1`` rising layer numbers from 0 to the number of layers.
    """

    def __init__(self, tables: LayerTables, degrees: Degrees) -> None:
        self._tables = tables
        self._costs = tables.costs
        self._cluster = tables.costs.instance.cluster
        self.degrees = degrees
        self.num_layers = tables.num_layers
        devices = self._cluster.num_devices
        self.pipeline_parallel = devices // (degrees.tensor_parallel * degrees.data_parallel)

    @property
    def weight(self) -> int:
        """``m − 1``: microbatches after the first one."""
        return self.degrees.num_microbatches - 1

    @property
    def links_are_stations(self) -> bool:
        """Whether the pipeline pays a boundary once per microbatch."""
        return self._costs.links_are_stations

    @property
    def device_types(self) -> tuple[str, ...]:
        """Device types of the cluster; rank order uses every device."""
        return tuple(sorted({group.device for group in self._cluster.nodes}))

    def layer_seconds(self, device_type: str) -> FloatArray:
        """Return the seconds of every layer for one microbatch ``(layers,)``."""
        t, b = self.degrees.tensor_parallel, self.degrees.microbatch_size
        seconds = self._costs.layer_seconds(device_type, t, b)
        return np.full(self.num_layers, math.inf) if seconds is None else seconds

    @cached_property
    def _hosts(self) -> tuple[tuple[Node, ...], ...]:
        """Node of every replica of every stage."""
        M = devices_per_node(self._cluster)
        t, d = self.degrees.tensor_parallel, self.degrees.data_parallel
        hosts = self._cluster.hosts
        return tuple(tuple(hosts[(t * r + t * d * s) // M] for r in range(d)) for s in range(self.pipeline_parallel))

    @cached_property
    def stage_seconds(self) -> tuple[FloatArray, ...]:
        """``τ`` per stage: slowest replica on layers ``[i, j)``, ``(layers, layers + 1)``; ``inf`` where j <= i."""
        kinds = [tuple(sorted({host.group.device for host in hosts})) for hosts in self._hosts]
        by_type = {name: self._tables.stage_seconds(self.degrees, name) for name in self.device_types}
        empty = np.tri(self.num_layers, self.num_layers + 1, 0, dtype=bool)
        slowest = {kind: np.where(empty, math.inf, np.max([by_type[n] for n in kind], axis=0)) for kind in set(kinds)}
        return tuple(slowest[kind] for kind in kinds)

    @cached_property
    def boundary_seconds(self) -> tuple[FloatArray, ...]:
        """``κ`` between stages s and s + 1 that meet before layer ``j``: ``(layers + 1,)`` each."""
        size = self._tables.boundary_bytes(self.degrees)
        places = [[host.index for host in hosts] for hosts in self._hosts]
        return tuple(
            self._costs.transfer_latency(v, w) + size * self._costs.transfer_seconds_per_byte(v, w)
            for v, w in itertools.pairwise(places)
        )

    @cached_property
    def synchronisation_seconds(self) -> tuple[FloatArray, ...]:
        """``σ`` per stage that holds layers ``[i, j)``: ``(layers, layers + 1)`` each."""
        size, t = self._tables.gradient_bytes, self.degrees.tensor_parallel
        places = [[host.index for host in hosts] for hosts in self._hosts]
        return tuple(
            self._costs.synchronisation_latency(nodes, t)
            + size * self._costs.synchronisation_seconds_per_byte(nodes, t)
            for nodes in places
        )

    @cached_property
    def memory_allows(self) -> tuple[BoolArray, ...]:
        """Whether every device of the stage has room for layers ``[i, j)``: ``(layers, layers + 1)`` each."""
        types = self._cluster.device_types
        rooms = [min(types[host.group.device].memory for host in hosts) for hosts in self._hosts]
        most = {room: self._tables.stages_to_end(self.degrees, room) for room in set(rooms)}
        return tuple(most[room] >= self.pipeline_parallel - s for s, room in enumerate(rooms))

    @cached_property
    def allowed(self) -> tuple[BoolArray, ...]:
        """Whether the stage may hold layers ``[i, j)``, by memory and restrictions: ``(layers, layers + 1)`` each."""
        asked = self._costs.instance.restrictions
        return tuple(
            fits & stage_mask(asked, self.num_layers, [mark(asked, host) for host in hosts], s, self.pipeline_parallel)
            for s, (fits, hosts) in enumerate(zip(self.memory_allows, self._hosts, strict=True))
        )

    def fits(self, boundaries: Sequence[int]) -> bool:
        """Whether the partition fits the devices, or the cost model does not ask, and keeps the restrictions."""
        return all(_along(self.allowed, boundaries))

    def price(self, boundaries: Sequence[int]) -> Price:
        """Return what a partition costs; the bottleneck has κ too where links are stations."""
        tau = _along(self.stage_seconds, boundaries)
        kappa = [float(seconds[j]) for seconds, j in zip(self.boundary_seconds, boundaries[1:-1], strict=True)]
        sigma = _along(self.synchronisation_seconds, boundaries)
        stations = tau + kappa if self.links_are_stations else tau
        return Price(seconds=sum(tau) + sum(kappa), bottleneck=max(stations), synchronisation=max(sigma))

    def step_time(self, boundaries: Sequence[int]) -> float:
        """Return ``Σ τ + Σ κ + (m − 1) W + S`` in seconds."""
        price = self.price(boundaries)
        return price.seconds + self.weight * price.bottleneck + price.synchronisation

    def strategy(self, boundaries: Sequence[int]) -> Strategy:
        """Return the plan down to the devices."""
        d, t, b = self.degrees.data_parallel, self.degrees.tensor_parallel, self.degrees.microbatch_size
        schedule = self._costs.instance.workload.schedule
        return Strategy(
            microbatch_size=b, data_parallel=d, schedule=schedule, stages=stages(self._cluster, t, d, boundaries)
        )


def stages(cluster: Cluster, tensor_parallel: int, data_parallel: int, boundaries: Sequence[int]) -> tuple[Stage, ...]:
    """Place the stages between boundaries: tensor ranks side by side, then replicas, then stages.

    Ranks fill the nodes in the order of the cluster's hosts; the cluster must have enough devices.
    """
    t, d = tensor_parallel, data_parallel
    devices = list(cluster.host_of_device)
    groups = [tuple(devices[rank : rank + t]) for rank in range(0, t * d * (len(boundaries) - 1), t)]
    return tuple(
        Stage(layers=layers, tensor_parallel=t, replicas=tuple(groups[s * d : (s + 1) * d]))
        for s, layers in enumerate(itertools.pairwise(boundaries))
    )


def _along(tables: Sequence[FloatArray] | Sequence[BoolArray], boundaries: Sequence[int]) -> list[float]:
    """Read the entry of every stage of a partition."""
    intervals = itertools.pairwise(boundaries)
    return [float(table[i, j]) for table, (i, j) in zip(tables, intervals, strict=True)]
