"""Which process runs on which device: ranks in the order that launchers number them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec

from milp_amp.errors import InputError
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process.

    Attributes
    ----------
    node, host
        The node by the instance's name, and by the name that the network knows.
    device
        Number of its device in the node.
    local_rank
        Its place among the node's processes; ``devices`` are all of theirs, in that order.
    label
        A word that the launcher wants to hear of it, if any.
    """

    rank: int
    node: str
    host: str
    device: int
    local_rank: int
    devices: tuple[int, ...]
    stage: int
    replica: int
    tensor_rank: int
    label: str = ""


def processes(
    cluster: Cluster, strategy: Strategy, hosts: Mapping[str, str], labels: tuple[str, ...] = ()
) -> tuple[Process, ...]:
    """Return every process by rank: stage by stage, in each replica by replica, tensor groups innermost.

    Parameters
    ----------
    hosts
        Names of hosts by those of nodes; a node that is not named has its own name.

    Raises
    ------
    InputError
        If a host's name is none that a network knows, or two nodes would be one host.
    """
    places = [
        (address, s, r, k)
        for s, stage in enumerate(strategy.stages)
        for r, group in enumerate(stage.replicas)
        for k, address in enumerate(group)
    ]
    nodes = [cluster.host_of_device[address].name for address, *_ in places]
    devices: dict[str, tuple[int, ...]] = {}
    for node, (address, *_) in zip(nodes, places, strict=True):
        devices[node] = (*devices.get(node, ()), _number(address))
    named = named_hosts(nodes, hosts)
    return tuple(
        Process(
            rank=rank,
            node=node,
            host=named[node],
            device=_number(address),
            local_rank=devices[node].index(_number(address)),
            devices=devices[node],
            stage=s,
            replica=r,
            tensor_rank=k,
            label=labels[s] if labels else "",
        )
        for rank, (node, (address, s, r, k)) in enumerate(zip(nodes, places, strict=True))
    )


def contiguous(ranks: tuple[Process, ...]) -> bool:
    """Whether every node's ranks follow each other, so that one launcher per node can number them."""
    changes = sum(before.node != after.node for before, after in pairwise(ranks))
    return changes == len({process.node for process in ranks}) - 1


def by_node(ranks: tuple[Process, ...]) -> dict[str, list[Process]]:
    """Return the processes of every node, in the order of its first rank."""
    nodes: dict[str, list[Process]] = {}
    for process in ranks:
        nodes.setdefault(process.node, []).append(process)
    return nodes


def own_hosts(cluster: Cluster) -> dict[str, str]:
    """Return the names of hosts where every group is one node: then a group is a host, by its own name."""
    return {host.name: host.group.name for host in cluster.hosts} if len(cluster.hosts) == len(cluster.nodes) else {}


def read_hosts(text: str, where: str, cluster: Cluster) -> dict[str, str]:
    """Read lines of a node's name and its host's, separated by blanks; ``#`` begins a comment.

    Nodes that are not named are what ``own_hosts`` calls them.

    Raises
    ------
    InputError
        If a line is something else, or names no node, or a node or a host stands twice.
    """
    hosts: dict[str, str] = {}
    for number, node, host in _pairs(text, where):
        if node not in cluster.host_of_name:
            known = next(iter(cluster.host_of_name))
            raise InputError(f"{where}:{number}: {node!r} is no node of the instance, expected one such as {known!r}")
        if node in hosts or host in hosts.values():
            raise InputError(f"{where}:{number}: {node!r} or {host!r} stands twice, expected once")
        hosts[node] = host
    return own_hosts(cluster) | hosts


def _pairs(text: str, where: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].rsplit(maxsplit=1)  # a node's name may hold blanks, a host's does not
        if len(words) == 1:
            raise InputError(f"{where}:{number}: {line.strip()!r}, expected a node and its host")
        if words:
            yield number, words[0].strip(), words[1]


def named_hosts(nodes: Iterable[str], hosts: Mapping[str, str]) -> dict[str, str]:
    """Return the name by which the network knows each of the nodes.

    Raises
    ------
    InputError
        If a node has none, or two have the same.
    """
    node_of: dict[str, str] = {}
    named: dict[str, str] = {}
    for node in dict.fromkeys(nodes):
        host = host_of(node, hosts)
        if (other := node_of.setdefault(host.lower(), node)) != node:  # networks know no capitals
            raise InputError(f"nodes {other!r} and {node!r}: both are host {host!r}, expected two in --hosts FILE")
        named[node] = host
    return named


def host_of(node: str, hosts: Mapping[str, str]) -> str:
    """Return the name by which the network knows a node.

    Raises
    ------
    InputError
        If there is none.
    """
    host = hosts.get(node, node)
    if not _HOST.fullmatch(host):
        raise InputError(f"node {node!r}: {host!r} is no name of a host, expected one in --hosts FILE")
    return host


def _number(address: str) -> int:
    return int(address.rpartition("/")[2])
