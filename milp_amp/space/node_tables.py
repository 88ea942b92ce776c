"""One configuration over single nodes, where the slowest pair of nodes decides and replicas form one ring."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milp_amp.cost.collectives import ring_rounds, ring_volume
from milp_amp.cost.network import FloatArray
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Node
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees
from milp_amp.space.restriction import BoolArray, allows_stage, mark, stage_mask
from milp_amp.space.worlds import Configuration


@dataclass(frozen=True)
class NodeStage:
    """Layers ``[start, stop)`` on ``replicas[v]`` replicas of every node, ``tensor_parallel`` devices each."""

    start: int
    stop: int
    tensor_parallel: int
    replicas: tuple[int, ...]


class NodeTables:
    """What stages of a configuration cost on nodes and between them.

    Attributes
    ----------
    nodes
        Those that may be used; they are numbered by their place in it.
    able
        Every (node, tensor degree) that a stage may have, with the kind of node that its tables are of.
    seconds, stages_to_end
        ``(layers, layers + 1)`` by kind and tensor degree: ``τ``, and the stages from this one to the last that memory
        allows.
    allowed
        ``(layers, layers + 1)`` by node: the intervals that restrictions leave to it.
    """

    def __init__(self, tables: LayerTables, classes: tuple[NodeClass, ...], configuration: Configuration) -> None:
        self._tables = tables
        self._restrictions = tables.costs.instance.restrictions
        self.configuration = configuration
        pairs = sorted((node.index, node, kind) for kind in classes for node in kind.nodes)
        self.nodes: tuple[Node, ...] = tuple(node for _, node, _ in pairs)
        self._kinds = tuple(kind for _, _, kind in pairs)
        self.able = {
            (v, t): (kind.device_type, kind.memory)
            for v, kind in enumerate(self._kinds)
            for t in configuration.tensor_degrees
            if self._may_hold(kind, t)
        }
        used = {(kind, t) for (_, t), kind in self.able.items()}
        self.seconds = {(kind, t): tables.stage_seconds(self._degrees(t), kind[0]) for kind, t in used}
        self.stages_to_end = {(kind, t): tables.stages_to_end(self._degrees(t), kind[1]) for kind, t in used}
        self.boundary_bytes = {t: tables.boundary_bytes(self._degrees(t)) for _, t in used}
        index = [node.index for node in self.nodes]
        self.between: FloatArray = tables.costs.network.between[np.ix_(index, index)]
        self.latency: FloatArray = tables.costs.network.latency[np.ix_(index, index)]
        self.allowed: list[BoolArray] = [
            stage_mask(self._restrictions, tables.num_layers, [mark(self._restrictions, node)]) for node in self.nodes
        ]

    def _may_hold(self, kind: NodeClass, t: int) -> bool:
        return (
            t <= kind.devices_per_node
            and allows_stage(self._restrictions, t, t * self.configuration.data_parallel)
            and self._tables.costs.layer_seconds(kind.device_type, t, 1) is not None
        )

    def _degrees(self, t: int) -> Degrees:
        c = self.configuration
        return Degrees(t, c.data_parallel, c.microbatch_size, c.num_microbatches)

    @property
    def num_layers(self) -> int:
        """Length of the chain."""
        return self._tables.num_layers

    @property
    def gradient_bytes(self) -> FloatArray:
        """Bytes the replicas of every interval reduce ``(layers, layers + 1)``."""
        return self._tables.gradient_bytes

    @property
    def devices(self) -> list[int]:
        """Devices of every node."""
        return [node.group.devices for node in self.nodes]

    @property
    def most_stages(self) -> int:
        """Longest path that there are devices for."""
        least = min((t for _, t in self.able), default=1)
        return min(self.num_layers, sum(self.devices) // (least * self.configuration.data_parallel))

    def transfer_seconds(self, t: int, v: int, w: int) -> FloatArray:
        """Return the seconds of one microbatch from node to node over every boundary, without latency."""
        return self.boundary_bytes[t] / float(self.between[v, w])

    def ring_seconds(self, t: int, v: int, w: int) -> FloatArray:
        """Return the seconds of every interval's ring over an edge from node to node, without latency."""
        volume = ring_volume(self.configuration.data_parallel) / t
        return volume * self.gradient_bytes / float(self.between[v, w])

    def rounds_seconds(self, v: int, w: int) -> float:
        """Return the latency of all rounds of a ring over an edge from node to node."""
        return ring_rounds(self.configuration.data_parallel) * float(self.latency[v, w])

    def update_seconds(self, t: int) -> FloatArray:
        """Return the seconds of every interval's update, and of every step's overhead."""
        costs = self._tables.costs
        rate = costs.update_seconds_per_byte(self.configuration.data_parallel, t)
        return costs.step_overhead + rate * self.gradient_bytes

    def neighbours(self, t: int, v: int, w: int) -> bool:
        """Whether an edge of a ring may lead from ``v`` to ``w``: inside a node only where two replicas have room."""
        return v != w or self.devices[v] >= 2 * t

    @property
    def longest(self) -> float:
        """Return seconds that no plan's step time exceeds: every part of it at its worst."""
        station = max((float(table[np.isfinite(table)].max()) for table in self.seconds.values()), default=0.0)
        volume = max((float(table.max()) for table in self.boundary_bytes.values()), default=0.0)
        link = 2 * (volume / float(self.between.min()) + float(self.latency.max()))
        volume = ring_volume(self.configuration.data_parallel) * float(self.gradient_bytes.max())
        ring = volume / float(self.between.min()) + self.rounds_seconds(*_largest(self.latency))
        update = max((float(self.update_seconds(t).max()) for _, t in self.able), default=0.0)
        paid = self.configuration.num_microbatches * max(station, link)
        return self.num_layers * (station + link) + paid + ring + update

    def step_time(self, path: Sequence[NodeStage]) -> float:
        """Return what a path costs in seconds."""
        costs, c = self._tables.costs, self.configuration
        tau = [
            max(
                float(self.seconds[self.able[v, s.tensor_parallel], s.tensor_parallel][s.start, s.stop])
                for v, n in enumerate(s.replicas)
                if n
            )
            for s in path
        ]
        seats = [self._seats(s) for s in path]
        kappa = [
            costs.transfer_latency(sources, targets)
            + float(self.boundary_bytes[s.tensor_parallel][s.stop]) * costs.transfer_seconds_per_byte(sources, targets)
            for s, (sources, targets) in zip(path, pairwise(seats), strict=False)
        ]
        sigma = [
            costs.synchronisation_latency(nodes, s.tensor_parallel)
            + float(self.gradient_bytes[s.start, s.stop])
            * costs.synchronisation_seconds_per_byte(nodes, s.tensor_parallel)
            for s, nodes in zip(path, seats, strict=True)
        ]
        return sum(tau) + sum(kappa) + (c.num_microbatches - 1) * max(tau + kappa) + max(sigma)

    def _seats(self, stage: NodeStage) -> list[int]:
        return [self.nodes[v].index for v, n in enumerate(stage.replicas) for _ in range(n)]

    def strategy(self, path: Sequence[NodeStage]) -> Strategy:
        """Return the plan of a path, down to the devices."""
        free = [0] * len(self.nodes)
        stages = []
        for stage in path:
            t, groups = stage.tensor_parallel, []
            for v, n in enumerate(stage.replicas):
                groups += [tuple(self.nodes[v].device(free[v] + r * t + k) for k in range(t)) for r in range(n)]
                free[v] += n * t
            stages.append(Stage(layers=(stage.start, stage.stop), tensor_parallel=t, replicas=tuple(groups)))
        return Strategy(
            microbatch_size=self.configuration.microbatch_size,
            data_parallel=self.configuration.data_parallel,
            schedule=self._tables.costs.instance.workload.schedule,
            stages=tuple(stages),
        )


def _largest(values: FloatArray) -> tuple[int, int]:
    v, w = np.unravel_index(int(values.argmax()), values.shape)
    return int(v), int(w)
