"""The cluster as a capacitated graph: maximum flows, minimum cuts, least latencies.

A switch is one vertex. A host is up to four, in this order:

    enter ─ card ─> end        what arrives passes the card, and ends here
    begin ─ card ─> leave      what begins here passes the card on its way out

A host that forwards begins where others end; a host without a card of its own enters where it ends and
leaves where it begins. So an ordinary host is one vertex, and a card limits whatever is relayed twice.
"""

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from milp_amp.problem.cluster import Cluster, Link, Node

_UNLIMITED = 2**60
"""Capacity of an artificial edge in bytes per second: above all links together (``MAX_LINKS_GBPS``)."""


@dataclass(frozen=True)
class Cut:
    """A minimum cut: what limits a flow.

    Attributes
    ----------
    bandwidth
        Bytes per second: the capacity of the cut, and the maximum flow.
    links
        Links that the cut crosses, by the names of their ends.
    cards
        Nodes whose network cards it crosses.
    """

    bandwidth: float
    links: tuple[tuple[str, str], ...]
    cards: tuple[str, ...] = ()


class _Ports(NamedTuple):
    """Vertices of a host or a switch."""

    enter: int
    end: int
    begin: int
    leave: int


class _Arc(NamedTuple):
    """Bytes per second and seconds between two vertices, and the names of a link's ends (of a card: the same)."""

    tail: int
    head: int
    capacity: int
    names: tuple[str, str]
    latency: float = 0.0


class ClusterGraph:
    """The cluster as a capacitated directed graph over hosts and switches."""

    def __init__(self, cluster: Cluster) -> None:
        self._hosts = cluster.hosts
        self._arcs: list[_Arc] = []
        self._size = 0
        self._names: list[str] = []
        self._ports: list[_Ports] = []
        self._ends: dict[str, list[int]] = {}
        for host in cluster.hosts:
            self._ends.setdefault(host.group.name, []).append(len(self._names))
            self._add(host.name, self._host_ports(host, cluster.hosts_forward))
        for switch in cluster.switches:
            self._ends[switch] = [len(self._names)]
            self._add(switch, _Ports(*[self._vertex()] * 4))
        for link in cluster.links:
            self._arcs += self._directed(link)

    def _vertex(self) -> int:
        self._size += 1
        return self._size - 1

    def _add(self, name: str, ports: _Ports) -> None:
        self._names.append(name)
        self._ports.append(ports)

    def _host_ports(self, host: Node, forwards: bool) -> _Ports:
        end = self._vertex()
        begin = end if forwards else self._vertex()
        card = host.group.card
        if card is None:
            return _Ports(end, end, begin, begin)
        enter, leave = self._vertex(), self._vertex()
        names = (host.name, host.name)
        self._arcs += [_Arc(enter, end, _whole(card), names), _Arc(begin, leave, _whole(card), names)]
        return _Ports(enter, end, begin, leave)

    def _directed(self, link: Link) -> list[_Arc]:
        capacity = _whole(link.bandwidth)
        pairs = {(v, w) for v in self._ends[link.source] for w in self._ends[link.target] if v != w}
        if not link.one_way:
            pairs |= {(w, v) for v, w in pairs}
        names, ports = self._names, self._ports
        return [
            _Arc(ports[v].leave, ports[w].enter, capacity, (names[v], names[w]), link.latency) for v, w in sorted(pairs)
        ]

    def cut(self, source: Node, target: Node) -> Cut:
        """Return the minimum cut between two nodes; its bandwidth is the maximum flow."""
        return self._solve(self._ports[source.index].begin, self._ports[target.index].end, [])

    def outbound(self, node: Node) -> float:
        """Return what a node can send to all others together, in bytes per second."""
        others = [self._ports[h.index].end for h in self._hosts if h.index != node.index]
        sink = self._size
        extra = [_Arc(v, sink, _UNLIMITED, ("", "")) for v in others]
        return self._solve(self._ports[node.index].begin, sink, extra).bandwidth if others else np.inf

    def inbound(self, node: Node) -> float:
        """Return what a node can receive from all others together, in bytes per second."""
        others = [self._ports[h.index].begin for h in self._hosts if h.index != node.index]
        root = self._size
        extra = [_Arc(root, v, _UNLIMITED, ("", "")) for v in others]
        return self._solve(root, self._ports[node.index].end, extra).bandwidth if others else np.inf

    def latencies(self, source: Node) -> list[float]:
        """Return the least seconds from a node to every host over any way: a message takes the shortest one.

        Dijkstra's algorithm; what a flow needs several ways for may take longer to begin.
        """
        distance = {self._ports[source.index].begin: 0.0}
        frontier = [(0.0, self._ports[source.index].begin)]
        while frontier:
            seconds, vertex = heapq.heappop(frontier)
            if seconds > distance[vertex]:
                continue
            for head, latency in self._leaving[vertex]:
                if seconds + latency < distance.get(head, math.inf):
                    distance[head] = seconds + latency
                    heapq.heappush(frontier, (seconds + latency, head))
        return [distance.get(self._ports[host.index].end, math.inf) for host in self._hosts]

    @cached_property
    def _leaving(self) -> defaultdict[int, list[tuple[int, float]]]:
        leaving: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        for arc in self._arcs:
            leaving[arc.tail].append((arc.head, arc.latency))
        return leaving

    def _solve(self, source: int, target: int, extra: list[_Arc]) -> Cut:
        from ortools.graph.python import max_flow  # loads a solver: only when a flow is asked for

        flow = max_flow.SimpleMaxFlow()
        tails, heads, capacities, *_ = zip(*self._arcs, *extra, strict=True)
        flow.add_arcs_with_capacity(np.array(tails), np.array(heads), np.array(capacities))
        status = flow.solve(source, target)
        if status != flow.OPTIMAL:
            raise ArithmeticError(f"max flow ended with {status}")
        side = set(flow.get_source_side_min_cut())
        crossing = [arc.names for arc in self._arcs if arc.tail in side and arc.head not in side]
        return Cut(
            float(flow.optimal_flow()),
            links=tuple((v, w) for v, w in crossing if v != w),
            cards=tuple(v for v, w in crossing if v == w),
        )


def _whole(bandwidth: float) -> int:
    """Return bytes per second as a whole number: flows are computed in integers, and a slow link is not absent."""
    return max(1, round(bandwidth))
