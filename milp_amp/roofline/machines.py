"""Clusters in a few words: ``4x8xA100-80,2x4xV100-16`` is nodes, devices of each, and what they are."""

import re
from collections import Counter
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.roofline.catalogue import Accelerator, accelerator

NETWORK_GBPS = 12.5
"""100 Gb/s from a node to the switch, unless said otherwise."""

_MACHINES = re.compile(r"(?:([1-9][0-9]{0,8})x)?([1-9][0-9]{0,8})x(\S+)")
_SWITCH = "switch"


@dataclass(frozen=True)
class Machines:
    """``nodes`` equal hosts with ``devices`` accelerators each."""

    nodes: int
    devices: int
    accelerator: Accelerator


def read_machines(text: str) -> tuple[Machines, ...]:
    """Read machines, separated by commas; equal ones that stand apart are put together.

    Raises
    ------
    InputError
        If a part is not ``NODESxDEVICESxTYPE`` or ``DEVICESxTYPE``, or the type is unknown.
    """
    nodes: Counter[tuple[int, str]] = Counter()
    for part in text.split(","):
        found = _MACHINES.fullmatch(part.strip())
        if found is None:
            raise InputError(f"devices {part.strip()!r}, expected NODESxDEVICESxTYPE, such as 4x8xA100-80")
        count, devices, name = found.groups()
        nodes[int(devices), accelerator(name).name] += int(count or 1)
    return tuple(Machines(count, devices, accelerator(name)) for (devices, name), count in nodes.items())


def cluster_of(machines: tuple[Machines, ...], network_GBps: float = NETWORK_GBPS) -> Cluster:
    """Return the cluster in which every node hangs on one switch.

    Raises
    ------
    ValueError
        If it is larger than a cluster may be.
    """
    groups = tuple(
        NodeGroup(
            name=f"{each.devices}x{each.accelerator.name}",
            count=each.nodes,
            device=each.accelerator.name,
            devices=each.devices,
            bandwidth_GBps=each.accelerator.link_GBps,
        )
        for each in machines
    )
    return Cluster(
        device_types={each.name: DeviceType(memory_GiB=each.memory_GiB) for each in accelerators(machines)},
        nodes=groups,
        switches=(_SWITCH,),
        links=tuple(Link(source=group.name, target=_SWITCH, bandwidth_GBps=network_GBps) for group in groups),
    )


def accelerators(machines: tuple[Machines, ...]) -> tuple[Accelerator, ...]:
    """Return every kind of accelerator once."""
    return tuple(dict.fromkeys(each.accelerator for each in machines))
