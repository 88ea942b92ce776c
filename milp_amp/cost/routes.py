"""What the way from one node to another costs: the cheapest one in the cluster graph."""

import heapq
import math
from functools import cached_property

from milp_amp.problem.cluster import Cluster, NodeGroup
from milp_amp.units import GB


class Routes:
    """Prices of bytes between nodes.

    A byte takes the cheapest way through switches, and through other nodes where those forward, as max flows may.
    Nodes of a group are alike, so a way between groups is one between their nodes.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, dict[str, float]] = {}

    def price_per_byte(self, source: NodeGroup, target: NodeGroup, same_node: bool) -> float:
        """Price of a byte from a node to another one, or to itself."""
        if same_node or not self._priced:
            return 0.0
        if source.name not in self._known:
            self._known[source.name] = self._cheapest(source.name)
        return self._known[source.name][target.name] / GB

    @cached_property
    def _priced(self) -> bool:
        return any(link.price_per_GB > 0 for link in self._cluster.links)

    @cached_property
    def _forwarding(self) -> set[str]:
        nodes = {group.name for group in self._cluster.nodes} if self._cluster.hosts_forward else set()
        return {*self._cluster.switches, *nodes}

    @cached_property
    def _edges(self) -> dict[str, list[tuple[str, float]]]:
        edges: dict[str, list[tuple[str, float]]] = {}
        for link in self._cluster.links:
            edges.setdefault(link.source, []).append((link.target, link.price_per_GB))
            if not link.one_way:
                edges.setdefault(link.target, []).append((link.source, link.price_per_GB))
        return edges

    def _cheapest(self, start: str) -> dict[str, float]:
        """Return the least price per gigabyte of a way of at least one link from ``start`` to every name.

        To ``start`` itself: from a node of a group to another one of the same group.
        """
        least: dict[str, float] = {}
        waiting = [(price, name) for name, price in self._edges.get(start, ())]
        heapq.heapify(waiting)
        while waiting:
            price, name = heapq.heappop(waiting)
            if price >= least.get(name, math.inf):
                continue
            least[name] = price
            if name not in self._forwarding:
                continue
            for target, more in self._edges.get(name, ()):
                heapq.heappush(waiting, (price + more, target))
        return least
