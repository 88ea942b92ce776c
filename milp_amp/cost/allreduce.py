"""Seconds of an all-reduce among the replicas of a stage.

*Ring*: the ``d`` replicas of every tensor rank form a ring; ``t`` rings at the same time, ``1 / t`` of the bytes each.

*Hierarchical*: where ``n`` nodes hold ``k = d / n`` replicas each, a node's ``k`` replicas first reduce and scatter
among themselves, then the ``n`` holders of each share form a ring across the nodes, ``t k`` rings at the same time
with ``1 / (t k)`` of the bytes each, and at last every node gathers what its replicas hold:

    seconds per byte = 2 (k − 1)/k / t · inside + 2 (n − 1)/n / (t k) · across

(Mikami et al., "Massively distributed SGD: ImageNet/ResNet-50 training in a flash", arXiv 1811.05233, section 2.2;
Horovod's hierarchical all-reduce.) Replicas that do not share their nodes evenly form one ring.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from milp_amp.cost.collectives import ring_rounds, ring_volume
from milp_amp.cost.traffic import Pairs, Traffic


class Rings(NamedTuple):
    """Rings of ``size`` members that run at the same time, over pairs of nodes; ``streams`` over each pair.

    ``share`` is the part of the bytes that each of them reduces.
    """

    pairs: Pairs
    size: int
    share: float
    streams: int


@dataclass(frozen=True, eq=False)
class AllReduce:
    """The all-reduce of a workload on the traffic of a cluster."""

    traffic: Traffic
    hierarchical: bool

    def seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Return the seconds per byte reduced when replica ``r`` sits on ``nodes[r]``."""
        return sum(
            rings.share * ring_volume(rings.size) * self.traffic.seconds_per_byte(rings.pairs, rings.streams)
            for rings in self.phases(nodes, tensor_parallel)
        )

    def latency(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Return the seconds on top of that: every round of a ring waits for its slowest hop."""
        return sum(
            ring_rounds(rings.size) * self.traffic.latency(rings.pairs) for rings in self.phases(nodes, tensor_parallel)
        )

    def phases(self, nodes: Sequence[int], tensor_parallel: int) -> list[Rings]:
        """Return the rings that run after each other when replica ``r`` sits on ``nodes[r]``."""
        t, counts = tensor_parallel, Counter(nodes)
        if not self.hierarchical or len(set(counts.values())) > 1:
            return [Rings(self.traffic.neighbours(nodes, t), len(nodes), 1 / t, t)]
        k = len(nodes) // len(counts)
        inside = Rings([(v, v) for v in counts], k, 1 / t, t)
        across = Rings(self.traffic.neighbours(list(counts), t), len(counts), 1 / (t * k), t * k)
        return [inside, across]

    def least_seconds_per_byte(self, replicas: int, tensor_parallel: int, edge: float = 0.0) -> float:
        """Return the seconds per byte below which no placement of the replicas lies.

        ``edge`` is what some edge between nodes needs at least, where the replicas are on several nodes.

        Proof: the slowest edge of a ring is no faster than the fastest connection; where the ring leaves a node,
        so does some edge, and where transfers share, it carries the rings of all tensor ranks (and of all shares).
        """
        t, inside = tensor_parallel, 1.0 / self.traffic.network.fastest
        leaves = edge > 0 or replicas > self._room(t)
        least = [ring_volume(replicas) / t * (max(inside, edge, self._edge(t)) if leaves else inside)]
        for n, k in self._shapes(replicas, t):
            across = max(edge, self._edge(t * k))
            least.append(ring_volume(k) / t * inside + ring_volume(n) / (t * k) * across)
        return min(least)

    def least_latency(self, replicas: int, tensor_parallel: int) -> float:
        """Return the seconds of latency below which no placement of the replicas lies.

        Proof: no hop is shorter than the shortest, and where a ring leaves a node its slowest hop does.
        """
        network = self.traffic.network
        inside, apart = network.least_latency, network.least_latency_between_nodes
        ring = ring_rounds(replicas) * (inside if replicas <= self._room(tensor_parallel) else apart)
        shapes = self._shapes(replicas, tensor_parallel)
        return min([ring, *(ring_rounds(k) * inside + ring_rounds(n) * apart for n, k in shapes)])

    def _room(self, tensor_parallel: int) -> int:
        """Return how many replicas one node has room for, at most."""
        return max(group.devices for group in self.traffic.cluster.nodes) // tensor_parallel

    def _shapes(self, replicas: int, tensor_parallel: int) -> list[tuple[int, int]]:
        """Return every (n, k): two or more nodes with the same number of replicas each, in a hierarchy."""
        most = min(replicas, len(self.traffic.cluster.hosts)) if self.hierarchical else 1
        shapes = [(n, replicas // n) for n in range(2, most + 1) if replicas % n == 0]
        return [(n, k) for n, k in shapes if k <= self._room(tensor_parallel)]

    def _edge(self, streams: int) -> float:
        """Return the least seconds per byte of an edge between two nodes that so many rings take."""
        return (streams if self.traffic.shared else 1) / self.traffic.network.fastest_between_nodes
