"""Classes of nodes where costs depend on site and device type alone, and how tensor groups fill their nodes.

Packing. A path fits the nodes if it fits the classes' numbers of devices, provided that every tensor degree of a
class divides the next one, and the largest divides the node. Proof: hand out a class's devices in the order of its
nodes, the largest tensor degrees first. Whenever a group of ``t`` is due, all handed out before are groups of multiples
of ``t``, so the position is a multiple of ``t``; so is every end of a node; the group crosses none.
"""

import itertools

from milp_amp.errors import FormulationError
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.space.classes import NodeClass


def site_classes(cluster: Cluster) -> tuple[NodeClass, ...]:
    """Partition the nodes by site, device type and size, in the order of the cluster's hosts.

    Where links have prices, nodes of one class are also of one group: prices are those of groups.
    """
    priced = any(link.price_per_GB > 0 for link in cluster.links)
    members: dict[tuple[str | None, str, int, str], list[Node]] = {}
    for host in cluster.hosts:
        group = host.group
        key = (group.site, group.device, group.devices, group.name if priced else "")
        members.setdefault(key, []).append(host)
    return tuple(
        NodeClass(device, devices, cluster.device_types[device].memory, tuple(nodes))
        for (_, device, devices, _), nodes in members.items()
    )


def check_packing(kind: NodeClass, degrees: list[int]) -> None:
    """Refuse a class whose tensor groups might not fill its nodes without a gap."""
    chain = [*degrees, kind.devices_per_node]
    if any(larger % smaller for smaller, larger in itertools.pairwise(chain)):
        raise FormulationError(
            f"cluster.nodes: {kind.devices_per_node} devices per node on {kind.nodes[0].name}, profiled tensor degrees "
            f"{', '.join(map(str, degrees))}; expected every degree to divide the next one, and the last the node"
        )
