"""Machines in zones, as ``zone:NxMxTYPE,…`` says: every zone has a switch, and zones are joined by these."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import shown
from milp_amp.exchange.incoming.racks import node_name
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.curves import Curve
from milp_amp.roofline.catalogue import ACCELERATORS

_ZONE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,99}):([1-9][0-9]{0,5})x([1-9][0-9]{0,5})x([A-Za-z0-9][A-Za-z0-9_+-]{0,99})"
)


@dataclass(frozen=True)
class Zone:
    """Equal nodes in one zone."""

    name: str
    nodes: int
    devices: int
    accelerator: str
    memory_GiB: float

    @property
    def group(self) -> str:
        """Name of the nodes."""
        return f"{node_name(self.accelerator)}-{self.name}"


def read_zones(text: str, memory_GiB: Mapping[str, float]) -> tuple[Zone, ...]:
    """Read ``us-central1-a:4x4xA100-40,…``.

    Parameters
    ----------
    memory_GiB
        Of device types that the catalogue does not have.

    Raises
    ------
    InputError
        If a part cannot be read, stands twice, or its device type's memory is not known.
    """
    known = {each.name: each.memory_GiB for each in ACCELERATORS} | dict(memory_GiB)
    zones = []
    for part in text.split(","):
        found = _ZONE.fullmatch(part.strip())
        if found is None:
            raise InputError(f"--devices {shown(part)}, expected ZONE:NxMxTYPE, such as us-central1-a:4x4xA100-40")
        name, nodes, devices, kind = found.groups()
        if kind not in known:
            raise InputError(f"--devices: the memory of {shown(kind)} is not known, expected --memory {kind}=GIB")
        zones.append(Zone(name, int(nodes), int(devices), kind, known[kind]))
    if len({zone.group for zone in zones}) < len(zones):
        raise InputError(f"--devices {shown(text)}: a device type stands twice in a zone, expected once")
    return tuple(zones)


def zoned_cluster(
    zones: Sequence[Zone],
    inside: Mapping[str, float],
    peaks: Mapping[tuple[int, int], float],
    curves: Sequence[Curve],
) -> Cluster:
    """Return the cluster.

    Parameters
    ----------
    inside
        Gigabytes per second inside a node, by the device type.
    peaks
        Gigabytes per second between nodes of every two entries; the fastest of two zones joins their switches.

    Raises
    ------
    InputError
        If nothing is known between nodes that must be joined.
    ValueError
        If it is larger than a cluster may be.
    """
    names = list(dict.fromkeys(zone.name for zone in zones))
    return Cluster(
        device_types={zone.accelerator: DeviceType(memory_GiB=zone.memory_GiB) for zone in zones},
        nodes=tuple(
            NodeGroup(
                name=zone.group,
                count=zone.nodes,
                device=zone.accelerator,
                devices=zone.devices,
                bandwidth_GBps=inside[zone.accelerator],
                site=zone.name,
            )
            for zone in zones
        ),
        switches=tuple(names),
        links=(*_to_switches(zones, peaks), *_between_switches(zones, names, peaks)),
        curves=tuple(curves),
    )


def _to_switches(zones: Sequence[Zone], peaks: Mapping[tuple[int, int], float]) -> list[Link]:
    """Return the links into every zone: a node alone is as fast as its fastest way to any other."""
    links = []
    for k, zone in enumerate(zones):
        known = peaks.get((k, k)) or max((peak for ends, peak in peaks.items() if k in ends), default=None)
        if known is None:
            if len(zones) == 1 and zone.nodes == 1:
                continue
            raise InputError(
                f"{zone.group}: no curve between {zone.devices} devices of two nodes, expected one in --inter"
            )
        links.append(Link(source=zone.group, target=zone.name, bandwidth_GBps=known))
    return links


def _between_switches(
    zones: Sequence[Zone], names: Sequence[str], peaks: Mapping[tuple[int, int], float]
) -> list[Link]:
    links = []
    for position, here in enumerate(names):
        for there in names[position + 1 :]:
            ends = {here, there}
            found = [peak for (i, j), peak in peaks.items() if {zones[i].name, zones[j].name} == ends]
            if not found:
                raise InputError(f"zones {here} and {there}: no curve between whole nodes, expected one in --inter")
            links.append(Link(source=here, target=there, bandwidth_GBps=max(found)))
    return links
