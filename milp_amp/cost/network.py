"""What nodes can exchange, and how soon: max flow and shortest ways on the cluster graph.

Whatever a plan does, two nodes exchange at most the maximum flow between them. It is a property of
the cluster alone, computed once; equal nodes of a group have equal flows, so it is computed once per
pair of groups. Relays, oversubscribed switches and parallel routes need no special case.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from milp_amp.cost.graph import ClusterGraph
from milp_amp.problem.cluster import Cluster, Node, NodeGroup

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """Bandwidths of a cluster in bytes per second, latencies in seconds.

    Attributes
    ----------
    between
        ``(nodes, nodes)``: max flow from one node to another; on the diagonal, between two devices
        of the node.
    outbound, inbound
        ``(nodes,)``: max flow from a node to all others together, and to it; ``inf`` for a single node.
    latency
        ``(nodes, nodes)``: least latency over all ways from one node to another; on the diagonal, between two
        devices of the node.
    """

    between: FloatArray
    outbound: FloatArray
    inbound: FloatArray
    latency: FloatArray

    @cached_property
    def fastest(self) -> float:
        """Largest bandwidth between any two devices."""
        return float(self.between.max())

    @cached_property
    def fastest_between_nodes(self) -> float:
        """Largest bandwidth between two different nodes; 0 where there is only one node."""
        return float(self.between[self._apart].max(initial=0.0))

    @cached_property
    def least_latency(self) -> float:
        """Least latency between any two devices."""
        return float(self.latency.min())

    @cached_property
    def least_latency_between_nodes(self) -> float:
        """Least latency between two different nodes; ``inf`` where there is only one node."""
        return float(self.latency[self._apart].min(initial=np.inf))

    @property
    def nearest_latency(self) -> float:
        """Latency to a coordinator: that of the two nearest nodes, which it stands beside; 0 for a single node."""
        least = self.least_latency_between_nodes
        return least if least < np.inf else 0.0

    @property
    def _apart(self) -> npt.NDArray[np.bool_]:
        return ~np.eye(len(self.between), dtype=bool)


def measure(cluster: Cluster) -> Network:
    """Compute all bandwidths and latencies of a cluster, once per pair of groups."""
    graph = ClusterGraph(cluster)
    hosts = cluster.hosts
    first = _first_of_group(hosts)
    size = len(hosts)
    between = np.full((size, size), np.inf)
    latency = np.zeros((size, size))
    group_of = np.array([list(first).index(host.group.name) for host in hosts])
    groups = cluster.nodes
    for a, source in enumerate(groups):
        soonest = graph.latencies(first[source.name])
        for b, target in enumerate(groups):
            if peer := _peer(first, source, target):
                block = np.ix_(group_of == a, group_of == b)
                between[block] = graph.cut(first[source.name], peer).bandwidth
                latency[block] = soonest[peer.index]
    np.fill_diagonal(between, [host.group.bandwidth for host in hosts])
    np.fill_diagonal(latency, [host.group.latency for host in hosts])
    outbound = np.array([graph.outbound(first[g.name]) for g in groups])[group_of]
    inbound = np.array([graph.inbound(first[g.name]) for g in groups])[group_of]
    return Network(between, outbound, inbound, latency)


def _first_of_group(hosts: tuple[Node, ...]) -> dict[str, Node]:
    first: dict[str, Node] = {}
    for host in hosts:
        first.setdefault(host.group.name, host)
    return first


def _peer(first: dict[str, Node], source: NodeGroup, target: NodeGroup) -> Node | None:
    """Return the node of the target group that stands for what the source group's first node sends to it."""
    peer = first[target.name]
    if source.name != target.name:
        return peer
    return Node(peer.group, 1, peer.index + 1) if source.count > 1 else None
