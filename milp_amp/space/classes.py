"""Node classes: nodes that can be exchanged without anybody noticing."""

from dataclasses import dataclass

import numpy as np

from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.restriction import Mark, mark
from milp_amp.units import hour

UNRESTRICTED = Restrictions()

FREE = Mark(idle=False, pins=frozenset(), fixed=frozenset())
"""A node that no restriction names."""


@dataclass(frozen=True)
class NodeClass:
    """Nodes of one device type and size, connected identically to each other and to all others, restricted alike."""

    device_type: str
    devices_per_node: int
    memory: float
    nodes: tuple[Node, ...]
    mark: Mark = FREE

    @property
    def name(self) -> str:
        """Device type and the first node, for tables."""
        return f"{self.device_type}@{self.nodes[0].group.name}"

    def slots_per_node(self, tensor_parallel: int) -> int:
        """Tensor groups that fit into one node."""
        return self.devices_per_node // tensor_parallel

    def slots(self, tensor_parallel: int) -> int:
        """Tensor groups that fit into the class."""
        return len(self.nodes) * self.slots_per_node(tensor_parallel)


def node_classes(
    cluster: Cluster, network: Network, restrictions: Restrictions = UNRESTRICTED
) -> tuple[NodeClass, ...]:
    """Partition the nodes into classes, in the order of the cluster's hosts; nodes that stay idle are in none.

    Two nodes belong together if swapping them changes no bandwidth and no latency. That relation is transitive, since
    swapping v and x is swapping v and w, then w and x, then v and w; so comparing with the first node
    of a class is enough.
    """
    members: list[tuple[Mark, list[Node]]] = []
    for host in cluster.hosts:
        label = mark(restrictions, host)
        homes = (group for known, group in members if known == label and _exchangeable(group[0], host, network))
        if label.idle:
            continue
        if (home := next(homes, None)) is None:
            members.append((label, [host]))
        else:
            home.append(host)
    return tuple(_node_class(cluster, *each) for each in members)


def _node_class(cluster: Cluster, label: Mark, group: list[Node]) -> NodeClass:
    kind = group[0].group
    return NodeClass(kind.device, kind.devices, cluster.device_types[kind.device].memory, tuple(group), label)


def _exchangeable(v: Node, w: Node, network: Network) -> bool:
    if (v.group.device, v.group.devices) != (w.group.device, w.group.devices):
        return False
    if v.group.name == w.group.name:
        return True
    a, b = v.index, w.index
    order = np.arange(len(network.outbound))
    order[[a, b]] = [b, a]
    between = network.between
    return (
        bool(np.array_equal(between, between[np.ix_(order, order)]))
        and bool(np.array_equal(network.latency, network.latency[np.ix_(order, order)]))
        and network.outbound[a] == network.outbound[b]
        and network.inbound[a] == network.inbound[b]
    )


def rates(cluster: Cluster, classes: tuple[NodeClass, ...]) -> FloatArray:
    """Return the price per second of one device of every class."""
    return np.array([cluster.device_types[kind.device_type].price_per_hour / hour for kind in classes])
