"""The machines of Metis: a host file with slots, and a cluster file that says what stands behind every host.

Metis's program divides bytes by ``bandwidth · 2²⁰`` to get milliseconds; its README's example is in bytes per second.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.hosts import listed_hosts
from milp_amp.exchange.incoming.racks import Rack
from milp_amp.problem.types import PositiveFloat
from milp_amp.units import GBps

BandwidthUnit = Literal["MiB/ms", "bytes/s"]
BANDWIDTH_UNITS = get_args(BandwidthUnit)

_GBPS = {"MiB/ms": 2**20 * 1e3 / GBps, "bytes/s": 1 / GBps}


class _Machine(msgspec.Struct, frozen=True):
    instance_type: str
    inter_bandwidth: float
    intra_bandwidth: float
    memory: PositiveFloat


def metis_racks(clusterfile: Given, hostfile: Given, unit: BandwidthUnit) -> list[Rack]:
    """Return a rack for every host; a host that stands in several lines is as many nodes, as Metis counts them.

    Raises
    ------
    InputError
        If a host or its number of slots is missing, or a bandwidth is none.
    """
    machines = clusterfile.json(dict[str, _Machine])
    lines: dict[str, list[int]] = {}
    for host in listed_hosts(hostfile):
        if host.devices is None:
            raise hostfile.refusal(f"host {host.name!r}: the number of devices is missing", "slots=N")
        lines.setdefault(host.name, []).append(host.devices)
    if not lines:
        raise hostfile.refusal("no host", "at least one")
    racks = [_rack(clusterfile, machines, name, slots, unit) for name, slots in lines.items()]
    memory: dict[str, float] = {}
    for rack in racks:
        if memory.setdefault(rack.device, rack.memory_GiB) != rack.memory_GiB:
            sizes = f"{memory[rack.device]:g} and {rack.memory_GiB:g} GiB"
            raise clusterfile.refusal(f"instance_type {shown(rack.device)} has {sizes}", "one memory for a type")
    return racks


def _rack(given: Given, machines: dict[str, _Machine], host: str, slots: Sequence[int], unit: BandwidthUnit) -> Rack:
    machine = machines.get(host)
    if machine is None:
        raise given.refusal(f"host {host!r} is missing", "every host of the host file")
    if len(set(slots)) > 1:
        raise given.refusal(f"host {host!r} has {slots[0]} and {max(slots)} slots", "one number")
    return Rack(
        device=machine.instance_type,
        memory_GiB=machine.memory,
        devices=slots[0],
        count=len(slots),
        hosts=(host,),
        inside_GBps=_bandwidth(given, f"{host}.intra_bandwidth", machine.intra_bandwidth, unit),
        network_GBps=_bandwidth(given, f"{host}.inter_bandwidth", machine.inter_bandwidth, unit),
    )


def _bandwidth(given: Given, where: str, value: float, unit: BandwidthUnit) -> float:
    found = value * _GBPS[unit]
    if not 1e-3 <= found <= 1e5:
        raise given.refusal(
            f"{where} {value:g} is {found:.3g} GB/s in {unit}", f"0.001 to 100000 GB/s, in {' or '.join(_GBPS)}"
        )
    return round(found, 6)
