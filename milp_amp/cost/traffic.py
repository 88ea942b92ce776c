"""Who exchanges something with whom at the same time, and how long that takes.

Where contention is *shared*, transfers that happen at the same time share what they cross: the flow between two
nodes, and each node's way out and in. Where the *slowest pair* decides, every pair of nodes has its bandwidth for
itself, and what takes part is a set of nodes: any two of them may have to exchange something, in whatever order
a launcher numbers the replicas. Such a cost is a function of node sets that never falls as a set grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from milp_amp.cost.collectives import all_pairs, concurrent_seconds_per_byte, ring_pairs, slowest_seconds_per_byte
from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.cluster import Cluster

IntArray = npt.NDArray[np.int64]

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

    def exchange_tables(self, sources: IntArray, targets: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return seconds per byte and latency ``(A, B)`` of transfers that share, there and back.

        From every row of ``sources`` to every row of ``targets``: rows ``(A, d)`` and ``(B, d)`` are the
        nodes of ``d`` replicas. The rows of either repeat their nodes in one pattern, and what two rows share tells
        nothing: it is as if their nodes were different.
        """
        there, latency = self._one_way(sources, targets)
        back, latency_back = self._one_way(targets, sources)
        return there + back.T, latency + latency_back.T

    def _one_way(self, sources: IntArray, targets: IntArray) -> tuple[FloatArray, FloatArray]:
        network = self.network
        mine, theirs = (rows[0][:, None] == rows[0][None, :] for rows in (sources, targets))
        sent = (mine.sum(axis=1) / network.outbound[sources]).max(axis=1)
        received = (theirs.sum(axis=1) / network.inbound[targets]).max(axis=1)
        seconds, latency = np.maximum(sent[:, None], received[None, :]), np.zeros((len(sources), len(targets)))
        for r, count in enumerate((mine & theirs).sum(axis=1)):
            pairs = np.ix_(sources[:, r], targets[:, r])
            np.maximum(seconds, count / network.between[pairs], out=seconds)
            np.maximum(latency, network.latency[pairs], out=latency)
        return seconds, latency
