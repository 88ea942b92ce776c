"""What joins devices inside a node, and nodes with each other: matrices of links, measured bandwidths, options.

What is measured goes before what an option says, and that before a matrix of links, and that before the data sheet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from milp_amp.exchange.incoming.fit import fitted
from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.links import joined
from milp_amp.exchange.incoming.machines import Stand
from milp_amp.exchange.incoming.nccl import Measured, read_nccl
from milp_amp.exchange.incoming.products import candidates
from milp_amp.exchange.incoming.racks import Rack
from milp_amp.exchange.incoming.topology import Topology
from milp_amp.problem.curves import Curve
from milp_amp.roofline.catalogue import Accelerator

INSIDE, NETWORK = "inside", "network"
SLOWEST = "slowest"


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What is known about links.

    Attributes
    ----------
    topologies
        Matrices, by the device type they are of; ``None`` for the only one.
    runs
        Runs of nccl-tests, by ``inside``, ``network``, ``inside/TYPE``, ``network/TYPE``, or ``None`` where the run
        itself says on which hosts it ran.
    network_GBps
        From a node to the switch, where nothing is measured.
    inside
        What two devices of a node exchange, where nothing is measured: a number, ``"slowest"`` of unequal links, or
        ``None``.
    reached
        Part of a data sheet's bandwidth that is reached: measured ones are reached already.
    """

    topologies: tuple[tuple[str | None, Topology], ...] = ()
    runs: tuple[tuple[str | None, Given], ...] = ()
    network_GBps: float
    inside: float | str | None = None
    reached: float = 1.0


@dataclass(frozen=True)
class Wired:
    """The nodes with their links, the accelerators with theirs, measured curves, and where all of it comes from."""

    racks: tuple[Rack, ...]
    accelerators: tuple[Accelerator, ...]
    curves: tuple[Curve, ...]
    said: tuple[str, ...]


@dataclass
class _Found:
    """What is known of the nodes of one stand."""

    stand: Stand
    inside_GBps: float
    link_GBps: float
    network_GBps: float
    inside_latency_us: float = 0.0
    network_latency_us: float = 0.0
    runs: list[Measured] = field(default_factory=list)


def wired(stands: Sequence[Stand], wiring: Wiring) -> Wired:
    """Return how the machines are joined.

    Raises
    ------
    InputError
        If a file is about devices that are not there, says nothing about where it was measured, or is ambiguous.
    """
    said: list[str] = []
    topologies = _topologies(stands, wiring.topologies)
    found = [_unmeasured(stand, wiring, topologies.get(stand.accelerator.name), said) for stand in stands]
    for where, given in wiring.runs:
        _apply(where, read_nccl(given), found, wiring, said)
    if sum(stand.count for stand in stands) > 1 and not all(each.runs for each in found):
        said.append(f"{wiring.network_GBps:g} GB/s from a node to the switch, as asked or assumed")
    curves = tuple(_curves(found, said))
    return Wired(
        racks=tuple(_rack(each) for each in found),
        accelerators=tuple(replace(each.stand.accelerator, link_GBps=each.link_GBps) for each in found),
        curves=curves,
        said=tuple(said),
    )


def _rack(found: _Found) -> Rack:
    stand = found.stand
    return Rack(
        device=stand.accelerator.name,
        memory_GiB=stand.accelerator.memory_GiB,
        devices=stand.devices,
        count=stand.count,
        hosts=stand.hosts,
        inside_GBps=found.inside_GBps,
        network_GBps=found.network_GBps,
        inside_latency_us=found.inside_latency_us,
        network_latency_us=found.network_latency_us,
    )


def _topologies(stands: Sequence[Stand], named: Iterable[tuple[str | None, Topology]]) -> dict[str, Topology]:
    """Return the matrix of every device type that has one."""
    types = list(dict.fromkeys(stand.accelerator.name for stand in stands))
    found: dict[str, Topology] = {}
    for name, topology in named:
        kind = _only(types, topology.given, "--topology") if name is None else name
        if kind not in types or kind in found:
            problem = "has two matrices" if kind in found else "is no device of the cluster"
            raise topology.given.refusal(f"{shown(kind)} {problem}", f"one for each of {', '.join(types)}")
        for stand in stands:
            if stand.accelerator.name == kind and stand.devices != topology.gpus:
                raise topology.given.refusal(f"{topology.gpus} GPUs", f"the {stand.devices} devices of a node")
        found[kind] = topology
    return found


def _only(types: Sequence[str], given: Given, option: str) -> str:
    if len(types) > 1:
        raise given.refusal(f"{option} does not say which of {', '.join(types)} it is of", f"{option} TYPE=FILE")
    return types[0]


def _unmeasured(stand: Stand, wiring: Wiring, topology: Topology | None, said: list[str]) -> _Found:
    kind = stand.accelerator
    pair, total = kind.link_GBps, kind.link_GBps
    if isinstance(wiring.inside, float):
        pair = total = wiring.inside
        said.append(f"{kind.name}: {pair:g} GB/s inside a node, as asked")
    elif topology is not None:
        links = joined(topology, kind, SLOWEST if wiring.inside == SLOWEST else "refuse")
        pair, total = links.pair_GBps, links.total_GBps
        said.append(f"{topology.given.cited}: {links.said}")
    return _Found(stand, pair, total, wiring.network_GBps)


def _apply(where: str | None, run: Measured, found: Sequence[_Found], wiring: Wiring, said: list[str]) -> None:
    """Take what a run has measured."""
    place, separator, kind = (_place(run) if where is None else where).partition("/")
    if place not in (INSIDE, NETWORK):
        raise run.given.refusal(f"--bandwidth {shown(where)}", f"{INSIDE}, {NETWORK}, {INSIDE}/TYPE or {NETWORK}/TYPE")
    concerned = [each for each in found if not separator or each.stand.accelerator.name == kind]
    if not concerned:
        raise run.given.refusal(f"--bandwidth {shown(where)}", "the type of a device of the cluster")
    if place == INSIDE:
        _only(
            list(dict.fromkeys(each.stand.accelerator.name for each in concerned)), run.given, f"--bandwidth {INSIDE}"
        )
    if place == NETWORK and run.of_one_device:
        raise run.given.refusal(f"{run.program}: a busbw of one device of several", "all_reduce_perf or sendrecv_perf")
    _check_products(run, concerned)
    said.append(f"{run.given.cited}: {run.peak_GBps:g} GB/s measured, {where or place}, over {len(run.points)} sizes")
    for each in concerned:
        _measured(each, place, run, wiring.reached)


def _measured(each: _Found, place: str, run: Measured, reached: float) -> None:
    if place == INSIDE:
        each.inside_GBps, each.inside_latency_us = run.peak_GBps, run.latency_us
        # What is counted takes a part of the data sheet's bandwidth; this is what was reached.
        each.link_GBps = run.peak_GBps / reached
        return
    before = max((earlier.peak_GBps for earlier in each.runs), default=0.0)
    each.network_GBps = max(before, run.peak_GBps)
    each.network_latency_us = max(each.network_latency_us, run.latency_us)
    each.runs.append(run)


def _place(run: Measured) -> str:
    """Return where a run took place, by the hosts that it names."""
    if not run.hosts:
        raise run.given.refusal("no lines about the devices", f"--bandwidth {INSIDE}=FILE or {NETWORK}=FILE")
    return INSIDE if len(set(run.hosts)) == 1 else NETWORK


def _check_products(run: Measured, concerned: Sequence[_Found]) -> None:
    types = {each.stand.accelerator.name for each in concerned}
    for product in run.products:
        may = {each.name for each in candidates(product)}
        if may and not may & types:
            raise run.given.refusal(
                f"measured on {shown(product)}", f"devices of the cluster: {', '.join(sorted(types))}"
            )


def _curves(found: Sequence[_Found], said: list[str]) -> Iterable[Curve]:
    """Yield a curve for every type of device and number of streams that was measured between nodes."""
    seen: dict[tuple[str, int], str] = {}
    for each in found:
        for run in each.runs:
            name, streams = each.stand.accelerator.name, run.streams
            if seen.get((name, streams)) == run.given.name:
                continue  # nodes of another size with the same devices
            if (name, streams) in seen:
                raise run.given.refusal(f"{streams} devices of a node, measured before", "one run for each number")
            seen[name, streams] = run.given.name
            if (curve := fitted(run)) is None:
                said.append(f"{run.given.short}: no curve goes through its sizes")
                continue
            said.append(f"{run.given.short}: a curve for streams of {streams}, {curve.worst:.0%} off at worst")
            yield Curve(
                source_device=name,
                source_streams=streams,
                target_device=name,
                target_streams=streams,
                coefficients=curve.coefficients,
            )
