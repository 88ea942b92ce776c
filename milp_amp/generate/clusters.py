"""The clusters of generated instances, and the speed of every device type in them."""

from dataclasses import dataclass
from itertools import combinations
from random import Random

from milp_amp.generate.devices import ACCELERATORS, Accelerator
from milp_amp.generate.request import NETWORKS, Request
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup

NIC_GBPS = 12.5
"""100 Gb/s from a node to its switch."""

ISLAND_LINK_GBPS = 2.5
"""20 Gb/s from an island to the others."""

SPEED_OF_A_NODE = (0.4, 1.6)
"""Least and largest speed of a node of a matrix, over that of its accelerators."""


@dataclass(frozen=True)
class Speed:
    """Operations per second of a device type, and GB/s between two of them in a node."""

    operations: float
    inside_GBps: float


@dataclass(frozen=True)
class Machines:
    """A cluster, and how fast its device types are, by their names."""

    cluster: Cluster
    speeds: dict[str, Speed]


def fat_tree(request: Request, random: Random) -> Machines:
    """Return pods of equal nodes under one switch each; the pods' switches hang on one core."""
    pods = _groups(request, "pod")
    links = [Link(source=pod.name, target=f"{pod.name}-switch", bandwidth_GBps=NIC_GBPS) for pod in pods]
    links += [
        Link(
            source=f"{pod.name}-switch",
            target="core",
            bandwidth_GBps=_digits(pod.count * NIC_GBPS / request.oversubscription),
        )
        for pod in pods
    ]
    return _machines(request, pods, links)


def islands(request: Request, random: Random) -> Machines:
    """Return islands that are fast inside and joined by slow links, however many nodes they have."""
    sites = _groups(request, "island")
    links = [Link(source=site.name, target=f"{site.name}-switch", bandwidth_GBps=NIC_GBPS) for site in sites]
    links += [Link(source=f"{site.name}-switch", target="core", bandwidth_GBps=ISLAND_LINK_GBPS) for site in sites]
    return _machines(request, sites, links)


def matrix(request: Request, random: Random) -> Machines:
    """Return nodes each with a speed of its own, and a bandwidth of its own between any two of them."""
    network = NETWORKS[request.network]
    kinds: dict[str, DeviceType] = {}
    speeds: dict[str, Speed] = {}
    nodes = []
    for k in range(request.num_nodes):
        accelerator = ACCELERATORS[k % request.types]
        name = f"{accelerator.name}-{k}"
        kinds[name] = accelerator.device_type()
        factor = random.uniform(*SPEED_OF_A_NODE)
        speeds[name] = Speed(factor * accelerator.peak, network.inside)
        nodes.append(
            NodeGroup(
                name=f"n{k}",
                device=name,
                devices=request.node_size,
                bandwidth_GBps=network.inside,
                nic_GBps=_digits(random.uniform(network.least, network.most)) if request.shared_nic else None,
            )
        )
    links = [
        Link(source=v.name, target=w.name, bandwidth_GBps=_digits(random.uniform(network.least, network.most)))
        for v, w in combinations(nodes, 2)
    ]
    cluster = Cluster(
        device_types=kinds,
        nodes=tuple(nodes),
        links=tuple(links),
        hosts_forward=False,
        contention="shared" if request.shared_nic else "slowest_pair",
    )
    return Machines(cluster, speeds)


def _groups(request: Request, word: str) -> list[NodeGroup]:
    """Return the nodes in groups of about equal size, the types in turn."""
    size, larger = divmod(request.num_nodes, request.num_groups)
    return [
        NodeGroup(
            name=f"{word}{g}",
            count=size + (g < larger),
            device=_accelerator(request, g).name,
            devices=request.node_size,
            bandwidth_GBps=_accelerator(request, g).inside_GBps,
        )
        for g in range(request.num_groups)
    ]


def _accelerator(request: Request, group: int) -> Accelerator:
    return ACCELERATORS[group % request.types]


def _machines(request: Request, groups: list[NodeGroup], links: list[Link]) -> Machines:
    used = ACCELERATORS[: request.types]
    cluster = Cluster(
        device_types={each.name: each.device_type() for each in used},
        nodes=tuple(groups),
        switches=(*(f"{group.name}-switch" for group in groups), "core"),
        links=tuple(links),
    )
    return Machines(cluster, {each.name: Speed(each.peak, each.inside_GBps) for each in used})


def _digits(value: float) -> float:
    """Round to four digits: files are read by people too."""
    return float(f"{value:.4g}")
