"""Which accelerators stand in which hosts: from ``--devices``, a host file, a matrix of links, or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import shown
from milp_amp.exchange.incoming.host import Host, Hosts
from milp_amp.exchange.incoming.products import candidates
from milp_amp.roofline.catalogue import ACCELERATORS, Accelerator, accelerator
from milp_amp.roofline.machines import read_machines


@dataclass(frozen=True)
class Stand:
    """Equal nodes with equal accelerators.

    Attributes
    ----------
    hosts
        Their names; ``None`` where nobody named them.
    """

    accelerator: Accelerator
    devices: int
    count: int
    hosts: tuple[str, ...] | None = None


def stands(devices: str | None, hosts: Hosts | None, gpus: int | None) -> tuple[Stand, ...]:
    """Return the machines, equal ones together.

    Parameters
    ----------
    devices
        ``NxMxTYPE,…`` as ``milp-amp profile`` has it, or a ``TYPE`` alone where a file says how many there are. The
        hosts of a file are taken in their order.
    hosts
        The hosts of a file.
    gpus
        What a matrix of links says about the devices of a node.

    Raises
    ------
    InputError
        If something is not said, or said in two ways.
    """
    if devices is None:
        return _together([_of_product(host, hosts, gpus) for host in _hosts_of(hosts)])
    if "," not in devices and _is_type(devices.strip()):
        kind = accelerator(devices.strip())
        if hosts is None:
            return (Stand(kind, _devices_of(None, gpus, "--devices"), 1),)
        return _together([_of_type(host, hosts, kind, gpus) for host in hosts.hosts])
    listed = [machines for part in devices.split(",") for machines in read_machines(part)]
    unnamed = [Stand(each.accelerator, each.devices, each.nodes) for each in listed]
    if hosts is None:
        return _merged(unnamed)
    return _together(_dealt(unnamed, hosts))


def _is_type(text: str) -> bool:
    return text in {each.name for each in ACCELERATORS}


def _hosts_of(hosts: Hosts | None) -> tuple[Host, ...]:
    if hosts is None:
        raise InputError("no devices are given, expected --devices TYPE or NxMxTYPE, or --hosts with their products")
    return hosts.hosts


def _of_product(host: Host, hosts: Hosts | None, gpus: int | None) -> Stand:
    """Return a host whose file says what its devices are."""
    where = f"{hosts.given.name if hosts else ''}: host {host.name!r}"
    if host.product is None:
        raise InputError(f"{where}: the type of its devices is missing, expected --devices to say it")
    found = candidates(host.product)
    if len(found) != 1:
        choice = " or ".join(each.name for each in found) or "none of the catalogue"
        raise InputError(f"{where}: {shown(host.product)} may be {choice}, expected --devices to say which")
    return Stand(found[0], _devices_of(host, gpus, where), 1, (host.name,))


def _of_type(host: Host, hosts: Hosts, kind: Accelerator, gpus: int | None) -> Stand:
    """Return a host with devices of a type that an option says."""
    where = f"{hosts.given.name}: host {host.name!r}"
    if host.product is not None and (may := candidates(host.product)) and kind not in may:
        raise InputError(f"{where}: {shown(host.product)} is no {kind.name}, expected the --devices of its product")
    return Stand(kind, _devices_of(host, gpus, where), 1, (host.name,))


def _devices_of(host: Host | None, gpus: int | None, where: str) -> int:
    slots = None if host is None else host.devices
    if slots is None and gpus is None:
        raise InputError(f"{where}: the number of devices is missing, expected NxMxTYPE, slots=M or --topology")
    if slots is not None and gpus is not None and slots != gpus:
        raise InputError(f"{where}: {slots} devices, expected the {gpus} GPUs of --topology")
    return slots or gpus or 0


def _dealt(listed: Sequence[Stand], hosts: Hosts) -> list[Stand]:
    """Return the listed nodes with the hosts' names, in both orders."""
    single = [replace(stand, count=1) for stand in listed for _ in range(min(stand.count, len(hosts.hosts) + 1))]
    if len(single) != len(hosts.hosts):
        nodes = sum(stand.count for stand in listed)
        raise InputError(f"{hosts.given.name}: {len(hosts.hosts)} hosts, expected the {nodes} nodes of --devices")
    return [
        _of_type(host, hosts, stand.accelerator, stand.devices) for stand, host in zip(single, hosts.hosts, strict=True)
    ]


def _together(single: Sequence[Stand]) -> tuple[Stand, ...]:
    """Return equal nodes as one stand, with all their names."""
    names: dict[tuple[Accelerator, int], list[str]] = {}
    for stand in single:
        names.setdefault((stand.accelerator, stand.devices), []).extend(stand.hosts or ())
    return tuple(Stand(kind, devices, len(found), tuple(found)) for (kind, devices), found in names.items())


def _merged(listed: Sequence[Stand]) -> tuple[Stand, ...]:
    """Return equal nodes as one stand, where nobody named them."""
    counts: dict[tuple[Accelerator, int], int] = {}
    for stand in listed:
        counts[stand.accelerator, stand.devices] = counts.get((stand.accelerator, stand.devices), 0) + stand.count
    return tuple(Stand(kind, devices, count) for (kind, devices), count in counts.items())
