"""Who exchanges something with whom at the same time, and how long that takes.

Where contention is *shared*, transfers that happen at the same time share what they cross: the flow between two
nodes, and each node's way out and in. Where the *slowest pair* decides, every pair of nodes has its bandwidth for
itself, and what takes part is a set of nodes: any two of them may have to exchange something, in whatever order
a launcher numbers the replicas. Such a cost is a function of node sets that never falls as a set grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.cost.collectives import all_pairs, concurrent_seconds_per_byte, ring_pairs, slowest_seconds_per_byte
from milp_amp.cost.network import Network
from milp_amp.problem.cluster import Cluster

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Traffic:
    """Pairs of nodes and their seconds, as the cluster's contention says."""

    network: Network
    cluster: Cluster

    @property
    def shared(self) -> bool:
        """Whether transfers at the same time share what they cross."""
        return self.cluster.contention == "shared"

    def exchanges(self, sources: Sequence[int], targets: Sequence[int]) -> Pairs:
        """Return the pairs that exchange something when replica ``r`` sits on ``sources[r]`` and ``targets[r]``."""
        return list(zip(sources, targets, strict=True)) if self.shared else all_pairs(sources, targets)

    def neighbours(self, nodes: Sequence[int], tensor_parallel: int) -> Pairs:
        """Return the neighbours in the ring through the replicas.

        Where the slowest pair decides, any two nodes, and both replicas inside a node that has room for two.
        """
        if self.shared:
            return ring_pairs(nodes)
        hosts = self.cluster.hosts
        return [(v, w) for v, w in all_pairs(nodes, nodes) if v != w or hosts[v].group.devices >= 2 * tensor_parallel]

    def seconds_per_byte(self, pairs: Pairs, streams: int = 1) -> float:
        """Return the seconds until every pair has moved a byte in each of ``streams`` streams at the same time."""
        if self.shared:
            return concurrent_seconds_per_byte(self.network, pairs, streams)
        return slowest_seconds_per_byte(self.network, pairs)

    def latency(self, pairs: Pairs) -> float:
        """Return the seconds before the first byte of the last pair arrives."""
        return max((float(self.network.latency[pair]) for pair in pairs), default=0.0)
