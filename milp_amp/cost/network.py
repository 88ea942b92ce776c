"""What nodes can exchange: max flow on the cluster graph.

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
    """Bandwidths of a cluster in bytes per second.

    Attributes
    ----------
    between
        ``(nodes, nodes)``: max flow from one node to another; on the diagonal, between two devices
        of the node.
    outbound, inbound
        ``(nodes,)``: max flow from a node to all others together, and to it; ``inf`` for a single node.
    """

    between: FloatArray
    outbound: FloatArray
    inbound: FloatArray

    @cached_property
    def fastest(self) -> float:
        """Largest bandwidth between any two devices."""
        return float(self.between.max())

    @cached_property
    def fastest_between_nodes(self) -> float:
        """Largest bandwidth between two different nodes; 0 where there is only one node."""
        apart = self.between[~np.eye(len(self.between), dtype=bool)]
        return float(apart.max(initial=0.0))


def measure(cluster: Cluster) -> Network:
    """Compute all bandwidths of a cluster by max flow, once per pair of groups."""
    graph = ClusterGraph(cluster)
    hosts = cluster.hosts
    first = _first_of_group(hosts)
    size = len(hosts)
    between = np.full((size, size), np.inf)
    group_of = np.array([list(first).index(host.group.name) for host in hosts])
    groups = cluster.nodes
    for a, source in enumerate(groups):
        for b, target in enumerate(groups):
            block = np.ix_(group_of == a, group_of == b)
            between[block] = _group_flow(graph, first, source, target)
    np.fill_diagonal(between, [host.group.bandwidth for host in hosts])
    outbound = np.array([graph.outbound(first[g.name]) for g in groups])[group_of]
    inbound = np.array([graph.inbound(first[g.name]) for g in groups])[group_of]
    return Network(between, outbound, inbound)


def _first_of_group(hosts: tuple[Node, ...]) -> dict[str, Node]:
    first: dict[str, Node] = {}
    for host in hosts:
        first.setdefault(host.group.name, host)
    return first


def _group_flow(graph: ClusterGraph, first: dict[str, Node], source: NodeGroup, target: NodeGroup) -> float:
    origin = first[source.name]
    if source.name != target.name:
        return graph.cut(origin, first[target.name]).bandwidth
    if source.count == 1:
        return float("inf")
    return graph.cut(origin, Node(origin.group, 1, origin.index + 1)).bandwidth
