"""Classes of nodes where costs depend on site and device type alone, and how tensor groups fill their nodes.

Packing. A path fits the nodes if it fits the classes' numbers of devices, provided that every tensor degree of a
class divides the next one, and the largest divides the node. Proof: hand out a class's devices in the order of its
nodes, the largest tensor degrees first. Whenever a group of ``t`` is due, all handed out before are groups of multiples
of ``t``, so the position is a multiple of ``t``; so is every end of a node; the group crosses none.
"""

import itertools

from milp_amp.cost.sailor import SailorCost
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


def ring_order(costs: SailorCost, classes: tuple[NodeClass, ...]) -> tuple[NodeClass, ...]:
    """Return the classes in an order in which neighbours reduce fast: the fastest pair joins two chains, over and over.

    The message is the whole model's gradients over all devices. Slow pairs are left for the end, so that a stage
    that avoids them has a good order too.
    """
    groups = [kind.nodes[0].group for kind in classes]
    size = costs.stage_gradient_bytes(0, costs.instance.model.num_layers) / costs.instance.cluster.num_devices
    numbers = range(len(classes))
    pairs = [(float(costs.transfer_seconds(size, groups[v], groups[w])), v, w) for v in numbers for w in numbers]
    chains = {g: [g] for g in numbers}  # by both of their ends
    for _, v, w in sorted(pairs):
        left, right = chains.get(v), chains.get(w)
        if left and right and left is not right and left[-1] == v and right[0] == w:
            joined = left + right
            for inner in (v, w):
                chains.pop(inner)
            chains[joined[0]] = chains[joined[-1]] = joined
    (order,) = {tuple(chain) for chain in chains.values()}
    return tuple(classes[g] for g in order)


def check_packing(kind: NodeClass, degrees: list[int]) -> None:
    """Refuse a class whose tensor groups might not fill its nodes without a gap."""
    chain = [*degrees, kind.devices_per_node]
    if any(larger % smaller for smaller, larger in itertools.pairwise(chain)):
        raise FormulationError(
            f"cluster.nodes: {kind.devices_per_node} devices per node on {kind.nodes[0].name}, profiled tensor degrees "
            f"{', '.join(map(str, degrees))}; expected every degree to divide the next one, and the last the node"
        )
