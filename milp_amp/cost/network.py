"""What nodes can exchange: max flow on the cluster graph.

Whatever a plan does, two nodes exchange at most the maximum flow between them. It is a property of
the cluster alone, computed once; equal nodes of a group have equal flows, so it is computed once per
pair of groups. Relays, oversubscribed switches and parallel routes need no special case.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from milp_amp.problem.cluster import Cluster, Link, Node, NodeGroup

FloatArray = npt.NDArray[np.float64]

_UNLIMITED = 2**60
"""Capacity of an artificial edge in bytes per second: above all links together (``MAX_LINKS_GBPS``)."""


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


@dataclass(frozen=True)
class Cut:
    """A minimum cut: the links that limit a flow, by the names of their ends."""

    bandwidth: float
    links: tuple[tuple[str, str], ...]


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


def _group_flow(graph: "ClusterGraph", first: dict[str, Node], source: NodeGroup, target: NodeGroup) -> float:
    origin = first[source.name]
    if source.name != target.name:
        return graph.cut(origin, first[target.name]).bandwidth
    if source.count == 1:
        return float("inf")
    return graph.cut(origin, Node(origin.group, 1, origin.index + 1)).bandwidth


class ClusterGraph:
    """The cluster as a capacitated directed graph over hosts and switches."""

    def __init__(self, cluster: Cluster) -> None:
        self._hosts = cluster.hosts
        self._ends: dict[str, list[int]] = {}
        for host in cluster.hosts:
            self._ends.setdefault(host.group.name, []).append(host.index)
        for offset, switch in enumerate(cluster.switches):
            self._ends[switch] = [len(self._hosts) + offset]
        self._names = [host.name for host in self._hosts] + list(cluster.switches)
        self._arcs = [arc for link in cluster.links for arc in self._directed(link)]

    def _directed(self, link: Link) -> list[tuple[int, int, int]]:
        capacity = max(1, round(link.bandwidth))
        pairs = {(v, w) for v in self._ends[link.source] for w in self._ends[link.target] if v != w}
        if not link.one_way:
            pairs |= {(w, v) for v, w in pairs}
        return [(v, w, capacity) for v, w in sorted(pairs)]

    def cut(self, source: Node, target: Node) -> Cut:
        """Return the minimum cut between two nodes; its bandwidth is the maximum flow."""
        return self._solve(source.index, target.index, [])

    def outbound(self, node: Node) -> float:
        """Return what a node can send to all others together, in bytes per second."""
        others = [h.index for h in self._hosts if h.index != node.index]
        sink = len(self._names)
        return self._solve(node.index, sink, [(v, sink, _UNLIMITED) for v in others]).bandwidth if others else np.inf

    def inbound(self, node: Node) -> float:
        """Return what a node can receive from all others together, in bytes per second."""
        others = [h.index for h in self._hosts if h.index != node.index]
        root = len(self._names)
        return self._solve(root, node.index, [(root, v, _UNLIMITED) for v in others]).bandwidth if others else np.inf

    def _solve(self, source: int, target: int, extra: list[tuple[int, int, int]]) -> Cut:
        from ortools.graph.python import max_flow  # loads a solver: only when a flow is asked for

        arcs = self._arcs + extra
        flow = max_flow.SimpleMaxFlow()
        tails, heads, capacities = (np.array(column) for column in zip(*arcs, strict=True))
        flow.add_arcs_with_capacity(tails, heads, capacities)
        status = flow.solve(source, target)
        if status != flow.OPTIMAL:
            raise ArithmeticError(f"max flow ended with {status}")
        side = set(flow.get_source_side_min_cut())
        crossing = tuple((self._names[v], self._names[w]) for v, w, _ in self._arcs if v in side and w not in side)
        return Cut(float(flow.optimal_flow()), crossing)
