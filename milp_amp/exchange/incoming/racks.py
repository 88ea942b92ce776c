"""Equal machines, how they are joined, and the cluster they make: every node hangs on one switch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import shown
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.curves import Curve

SWITCH = "switch"

_LISTED = 20
"""Most hosts of which an instance says how they were renamed."""

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_+ -]")


@dataclass(frozen=True, kw_only=True)
class Rack:
    """Equal nodes.

    Attributes
    ----------
    hosts
        Their names; ``None`` for nodes nobody named. A name stands for as many of the ``count`` nodes as any other.
    grouped
        Whether they are one group of nodes in spite of their names: large clusters are solved faster so.
    inside_GBps, network_GBps
        What two devices of a node exchange, and what a node exchanges with the switch, per direction.
    """

    device: str
    memory_GiB: float
    devices: int
    count: int
    inside_GBps: float
    network_GBps: float
    hosts: tuple[str, ...] | None = None
    grouped: bool = False
    inside_latency_us: float = 0.0
    network_latency_us: float = 0.0
    price_per_hour: float = 0.0

    @property
    def title(self) -> str:
        """Name of the group where the hosts have none."""
        return f"{self.devices}x{node_name(self.device)}"


def cluster_of(racks: Sequence[Rack], curves: Sequence[Curve] = ()) -> Cluster:
    """Return the cluster: a node for every host, by its name, or a group of nodes nobody named.

    Raises
    ------
    ValueError
        If it is larger than a cluster may be, or two nodes have one name.
    """
    groups = [(name, count, rack) for rack in racks for name, count in _groups(rack)]
    return Cluster(
        device_types={
            rack.device: DeviceType(memory_GiB=rack.memory_GiB, price_per_hour=rack.price_per_hour) for rack in racks
        },
        nodes=tuple(
            NodeGroup(
                name=name,
                count=count,
                device=rack.device,
                devices=rack.devices,
                bandwidth_GBps=rack.inside_GBps,
                latency_us=rack.inside_latency_us,
            )
            for name, count, rack in groups
        ),
        switches=(SWITCH,),
        links=tuple(
            Link(
                source=name,
                target=SWITCH,
                bandwidth_GBps=rack.network_GBps,
                latency_us=rack.network_latency_us / 2,  # on the way to the switch, and again from it
            )
            for name, _, rack in groups
        ),
        curves=tuple(curves),
    )


def _groups(rack: Rack) -> list[tuple[str, int]]:
    """Return the name and the size of every group of nodes."""
    if rack.hosts is None or rack.grouped:
        return [(rack.title, rack.count)]
    return [(node_name(host), rack.count // len(rack.hosts)) for host in rack.hosts]


def node_name(host: str) -> str:
    """Return a host's name as a device address may begin with it: without dots, which count nodes there."""
    return _FORBIDDEN.sub("-", host)


def host_of_node(racks: Sequence[Rack]) -> dict[str, str]:
    """Return the host of every node whose host has a name."""
    hosts: dict[str, str] = {}
    for rack in racks:
        if rack.hosts is None:
            continue
        nodes = [f"{name}.{k}" for name, count in _groups(rack) for k in range(count)]
        each = rack.count // len(rack.hosts)
        hosts |= {node: rack.hosts[k // each] for k, node in enumerate(nodes)}
    return hosts


def renamed(racks: Sequence[Rack]) -> str:
    """Return what an instance says of hosts whose names it had to change.

    Raises
    ------
    InputError
        If two of them would have one name, or one the switch's.
    """
    names: dict[str, str] = {SWITCH: SWITCH}
    for host in (host for rack in racks if not rack.grouped for host in rack.hosts or ()):
        other = names.setdefault(node_name(host), host)
        if other != host or host == SWITCH:
            raise InputError(
                f"hosts {shown(other)} and {shown(host)} both become node {node_name(host)!r}, expected one"
            )
    changed = [f"{name} is {host}" for name, host in names.items() if name != host]
    more = f" and {len(changed) - _LISTED} more so" if len(changed) > _LISTED else ""
    return f" Nodes: {', '.join(changed[:_LISTED])}{more}." if changed else ""
