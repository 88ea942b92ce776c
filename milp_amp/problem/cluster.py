"""The machines: nodes with devices, switches, and the links between them."""

import itertools
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import msgspec

from milp_amp.problem.curves import Curve
from milp_amp.problem.reachability import cut_off
from milp_amp.problem.types import Bandwidth, Latency, Name, NonNegativeFloat, PositiveFloat, PositiveInt
from milp_amp.units import GBps, GiB, microsecond

MAX_NODES = 5_000
MAX_DEVICES = 100_000
MAX_EDGES = 1_000_000
"""Largest cluster that is read: beyond it a file is taken for a mistake (bandwidths are a matrix over the nodes)."""

MAX_LINKS_GBPS = 1e9
"""What all links carry together, at most: flows are computed in whole bytes per second, in 64 bits."""

Contention = Literal["shared", "slowest_pair"]


class DeviceType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of accelerator; ``price_per_hour`` is in dollars, or any other currency that all prices share."""

    memory_GiB: PositiveFloat
    price_per_hour: NonNegativeFloat = 0.0

    @property
    def memory(self) -> float:
        """Memory of one device in bytes."""
        return self.memory_GiB * GiB


class NodeGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``count`` equal hosts with ``devices`` accelerators each.

    Attributes
    ----------
    bandwidth_GBps
        What two devices of one such host exchange, per direction.
    nic_GBps
        What the network cards of one such host carry in each direction, all transfers together; absent:
        whatever its links carry.
    latency_us
        What a message between two devices of one such host takes before its first byte arrives.
    site
        Where such hosts stand, for bandwidth curves.
    """

    name: Name
    count: PositiveInt = 1
    device: str
    devices: PositiveInt
    bandwidth_GBps: Bandwidth
    nic_GBps: Bandwidth | None = None
    latency_us: Latency = 0.0
    site: Name | None = None

    @property
    def bandwidth(self) -> float:
        """Bytes per second between two devices of one node."""
        return self.bandwidth_GBps * GBps

    @property
    def latency(self) -> float:
        """Seconds between two devices of one node."""
        return self.latency_us * microsecond

    @property
    def card(self) -> float | None:
        """Bytes per second that the network cards of one node carry in each direction, if that is a limit."""
        return None if self.nic_GBps is None else self.nic_GBps * GBps


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge of the cluster graph; an end that names a group of nodes stands for each of them.

    The bandwidth holds in each direction at once unless ``one_way``; a message takes the latency before its first
    byte arrives; ``price_per_GB`` is for 10⁹ bytes that cross it.
    """

    source: str
    target: str
    bandwidth_GBps: Bandwidth
    one_way: bool = False
    latency_us: Latency = 0.0
    price_per_GB: NonNegativeFloat = 0.0

    @property
    def bandwidth(self) -> float:
        """Bytes per second in one direction."""
        return self.bandwidth_GBps * GBps

    @property
    def latency(self) -> float:
        """Seconds in one direction."""
        return self.latency_us * microsecond


@dataclass(frozen=True)
class Node:
    """One host: its group, its number in the group, and its place in the list of all hosts."""

    group: NodeGroup
    number: int
    index: int

    @property
    def name(self) -> str:
        """Name that a device address begins with: ``p3.0``."""
        return f"{self.group.name}.{self.number}"

    def device(self, number: int) -> str:
        """Address of one device: ``p3.0/2``."""
        return f"{self.name}/{number}"


class Cluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A capacitated graph of nodes and switches.

    Attributes
    ----------
    hosts_forward
        Whether hosts relay what other hosts exchange. Where they do not, only switches relay, and links between
        every two hosts are a measured bandwidth matrix as it stands.
    contention
        ``shared``: transfers at the same time share what they cross. ``slowest_pair``: every transfer has the
        bandwidth of its pair of nodes for itself, and a price holds whatever order a launcher gives the ranks:
        it is that of the slowest connection between any two of the nodes that take part.
    """

    device_types: dict[Name, DeviceType]
    nodes: Annotated[tuple[NodeGroup, ...], msgspec.Meta(min_length=1)]
    switches: tuple[Name, ...] = ()
    links: tuple[Link, ...] = ()
    hosts_forward: bool = True
    contention: Contention = "shared"
    curves: tuple[Curve, ...] = ()

    def __post_init__(self) -> None:
        self._check_names()
        self._check_curves()
        self._check_size()
        self._check_reachability()

    def _check_names(self) -> None:
        """Refuse names that stand twice, and names of nothing."""
        names = Counter([group.name for group in self.nodes] + list(self.switches))
        if duplicates := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"cluster: the name {duplicates[0]!r} stands twice, expected unique names")
        for position, group in enumerate(self.nodes):
            if group.device not in self.device_types:
                raise ValueError(
                    f"cluster.nodes[{position}].device: {group.device!r} is unknown, "
                    f"expected one of {', '.join(self.device_types) or 'cluster.device_types'}"
                )
        for position, link in enumerate(self.links):
            for end, name in (("source", link.source), ("target", link.target)):
                if name not in names:
                    raise ValueError(f"cluster.links[{position}].{end}: {name!r} is unknown, expected a node or switch")

    def _check_curves(self) -> None:
        """Refuse curves between what does not exist, and two curves for the same ends."""
        sites = dict.fromkeys(group.site for group in self.nodes)
        seen = set()
        for position, curve in enumerate(self.curves):
            where = f"cluster.curves[{position}]"
            for end in ("source", "target"):
                if (device := getattr(curve, f"{end}_device")) not in self.device_types:
                    expected = ", ".join(self.device_types) or "cluster.device_types"
                    raise ValueError(f"{where}.{end}_device: {device!r} is unknown, expected one of {expected}")
                if (site := getattr(curve, f"{end}_site")) not in sites:
                    expected = ", ".join(str(name) for name in sites)
                    raise ValueError(f"{where}.{end}_site: {site!r} is unknown, expected a node's: {expected}")
            if curve.coefficients[2] <= 0:
                raise ValueError(f"{where}.coefficients: {curve.coefficients[2]} GB/s for one megabyte, expected > 0")
            if curve.ends in seen:
                raise ValueError(f"{where}: the ends {curve.ends} stand twice, expected once")
            seen.add(curve.ends)

    def _check_size(self) -> None:
        """Refuse what would not fit into memory once counts are written out."""
        count = {group.name: group.count for group in self.nodes}
        edges = sum(self._edges(link, count) for link in self.links)
        for field, size, unit, most in (
            ("nodes", sum(count.values()), "nodes", MAX_NODES),
            ("nodes", self.num_devices, "devices", MAX_DEVICES),
            ("links", edges, "edges between single nodes", MAX_EDGES),
        ):
            if size > most:
                raise ValueError(f"cluster.{field}: {size} {unit}, expected at most {most}")
        together = sum(self._edges(link, count) * link.bandwidth_GBps for link in self.links)
        if together > MAX_LINKS_GBPS:
            raise ValueError(f"cluster.links: {together:.4g} GB/s together, expected at most {MAX_LINKS_GBPS:.4g}")

    @staticmethod
    def _edges(link: Link, count: dict[str, int]) -> int:
        """Return how many edges between single nodes and switches a link stands for."""
        return count.get(link.source, 1) * count.get(link.target, 1)

    def _check_reachability(self) -> None:
        """Refuse a cluster in which some node cannot send to some other one.

        Two nodes of a group stand for all of it: what enters a third one could have gone straight to either,
        and where hosts do not forward nothing enters it on its way.
        """
        spelled = {group.name: [f"{group.name}.{k}" for k in range(min(group.count, 2))] for group in self.nodes}
        edges = {
            (source, target)
            for link in self.links
            for ends in self._directions(link)
            for source, target in itertools.product(*(spelled.get(end, [end]) for end in ends))
            if source != target
        }
        nodes = list(itertools.chain.from_iterable(spelled.values()))
        if pair := cut_off(nodes, edges, self.hosts_forward):
            way = "a connected graph" if self.hosts_forward else "a way that no other host forwards (hosts_forward)"
            raise ValueError(f"cluster.links: node {pair[1]!r} cannot be reached from {pair[0]!r}, expected {way}")

    @staticmethod
    def _directions(link: Link) -> list[tuple[str, str]]:
        ends = [(link.source, link.target)]
        return ends if link.one_way else [*ends, (link.target, link.source)]

    @cached_property
    def hosts(self) -> tuple[Node, ...]:
        """Every node once, group by group, in the order of the file."""
        pairs = [(group, number) for group in self.nodes for number in range(group.count)]
        return tuple(Node(group, number, index) for index, (group, number) in enumerate(pairs))

    @cached_property
    def host_of_name(self) -> dict[str, Node]:
        """Node of every name such as ``p3.0``."""
        return {host.name: host for host in self.hosts}

    @cached_property
    def host_of_device(self) -> dict[str, Node]:
        """Node of every device address."""
        return {host.device(k): host for host in self.hosts for k in range(host.group.devices)}

    @property
    def num_devices(self) -> int:
        """Number of accelerators."""
        return sum(group.count * group.devices for group in self.nodes)

    @property
    def has_prices(self) -> bool:
        """Whether anything costs money."""
        priced_devices = any(kind.price_per_hour > 0 for kind in self.device_types.values())
        return priced_devices or any(link.price_per_GB > 0 for link in self.links)
