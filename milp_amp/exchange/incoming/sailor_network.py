"""Sailor's bandwidth curves: inside nodes, and between nodes of every two zones and device types.

intra    {device type: {devices: [[c0, c1, c2], peak]}}                           GB/s; the peak in bytes per second
inter    {zone: {device type: {devices: {zone: {device type: {devices: [[c0, c1, c2], peak]}}}}}}
"""

import itertools
from collections.abc import Sequence

from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.zones import Zone
from milp_amp.problem.curves import Coefficient, Curve
from milp_amp.problem.types import PositiveFloat, PositiveInt
from milp_amp.units import GBps

_Fit = tuple[tuple[Coefficient, Coefficient, Coefficient], PositiveFloat]
_ByStreams = dict[PositiveInt, _Fit]
Intra = dict[str, _ByStreams]
Inter = dict[str, dict[str, dict[PositiveInt, dict[str, dict[str, _ByStreams]]]]]


def inside(given: Given, network: Intra, zone: Zone) -> float:
    """Return the gigabytes per second that the devices of a node exchange, all of them at once.

    Raises
    ------
    InputError
        If there is no curve of so many devices.
    """
    streams = network.get(zone.accelerator, {})
    if zone.devices == 1 and not streams:
        streams = {1: ((0.0, 0.0, 1.0), GBps)}  # a device alone exchanges nothing inside its node
    if zone.devices not in streams:
        raise given.refusal(f"no curve of {zone.devices} {shown(zone.accelerator)}", f"one of {shown(sorted(streams))}")
    return round(streams[zone.devices][1] / GBps, 4)


def _between(network: Inter, source: Zone, target: Zone) -> dict[int, _ByStreams]:
    """Return the curves from one zone's devices to another's, by the numbers of devices at both ends."""
    from_zone = network.get(source.name, {}).get(source.accelerator, {})
    return {
        streams: ends[target.name][target.accelerator]
        for streams, ends in from_zone.items()
        if target.accelerator in ends.get(target.name, {})
    }


def curves(network: Inter, zones: Sequence[Zone]) -> list[Curve]:
    """Return every curve between the zones' devices."""
    found = []
    for source, target in itertools.product(zones, zones):
        for source_streams, ends in _between(network, source, target).items():
            for target_streams, (coefficients, _) in ends.items():
                found.append(
                    Curve(
                        source_site=source.name,
                        source_device=source.accelerator,
                        source_streams=source_streams,
                        target_site=target.name,
                        target_device=target.accelerator,
                        target_streams=target_streams,
                        coefficients=coefficients,
                    )
                )
    return found


def peaks(network: Inter, zones: Sequence[Zone]) -> dict[tuple[int, int], float]:
    """Return gigabytes per second between whole nodes of every two entries, the slower way of both."""
    slower: dict[tuple[int, int], float] = {}
    for (i, here), (j, there) in itertools.combinations_with_replacement(enumerate(zones), 2):
        ways = [
            _between(network, source, target).get(source.devices, {}).get(target.devices)
            for source, target in ((here, there), (there, here))
        ]
        found = [way[1] for way in ways if way is not None]
        if found:
            slower[i, j] = round(min(found) / GBps, 4)
    return slower
