"""Galvatron's profiles (Miao et al., VLDB 2023): forward times of a few layers, and bus bandwidths of nccl-tests.

    computation_profiling_*.json    {"layernum[2]_bsz4_seq4096": ms, "layernum[4]_bsz4_seq4096": ms, …}
    allreduce_bandwidth_*.json      {"allreduce_size_8_consec_1": GB/s, …}
    p2p_bandwidth_*.json            {"pp_size_2": GB/s, …}

A layer takes the difference of two numbers of layers, over the layers between them; what is left of the smaller one is
the embedding's, the head's and the loss's, and stands at the head here. As Galvatron does, a tensor group divides the
computation, reduces a layer's output twice per pass at its bus bandwidth, and the backward pass computes twice as much
as the forward pass.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.hosts import read_hosts
from milp_amp.exchange.incoming.imported import Imported, contradictions_refused
from milp_amp.exchange.incoming.machines import Stand, stands
from milp_amp.exchange.incoming.racks import Rack, cluster_of, host_of_node, renamed
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.types import NonNegativeFloat, PositiveFloat
from milp_amp.problem.workload import Workload
from milp_amp.roofline.config import shape_of
from milp_amp.roofline.instance import degrees
from milp_amp.roofline.model import model_of
from milp_amp.units import GBps, millisecond

MAX_SIZES = 64
"""Most microbatch sizes that are read."""

_TIME = re.compile(r"layernum\[?([0-9]{1,6})\]?_bsz([1-9][0-9]{0,5})(?:_seq([1-9][0-9]{0,8}))?")
_BACKWARD = 2.0
_REDUCTIONS = 2


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the files do not say; ``devices`` is ``NxMxTYPE`` of one type, or ``TYPE`` with a host file.

    ``group_hosts``: whether the hosts are one group of nodes.
    """

    name: str
    command: str
    devices: str
    workload: Workload
    group_hosts: bool = False


@contradictions_refused()
def read_galvatron(
    computation: Given,
    allreduce: Given,
    config: Given,
    asked: Asked,
    *,
    p2p: Given | None = None,
    hosts: Given | None = None,
) -> Imported:
    """Return the instance.

    Raises
    ------
    InputError
        If a file cannot be read, or does not have what the machines need.
    """
    shape = shape_of(config.body, config.name)
    listed = None if hosts is None else read_hosts(hosts)
    machines = stands(asked.devices, listed, None)
    if len(machines) > 1:
        raise computation.refusal(f"{len(machines)} kinds of nodes", "one: Galvatron measures one kind")
    stand = machines[0]
    rates = allreduce.json(dict[str, float])
    layer_ms, other_ms = _forward_ms(computation, asked.workload.sequence_length)
    groups = [t for t in degrees(shape) if t <= stand.devices]
    inside = {t: _rate(allreduce, rates, t) for t in groups if t > 1}
    rack = _rack(stand, asked, inside, _network(allreduce, rates, p2p, stand.count, stand.devices))
    cited = [given.cited for given in (computation, allreduce, p2p, config, hosts) if given is not None]
    instance = Instance(
        schema_version=1,
        name=asked.name,
        source=f"Imported from Galvatron's files: {asked.command}. {'; '.join(cited)}.{renamed([rack])}",
        model=model_of(shape, asked.workload),
        cluster=cluster_of([rack]),
        profile=tuple(
            _times(shape, asked.workload, rack.device, t, b, layer_ms[b], other_ms[b], inside)
            for t in groups
            for b in sorted(layer_ms)
        ),
        workload=asked.workload,
    )
    return Imported(instance, host_of_node([rack]))


def _rack(stand: Stand, asked: Asked, inside: Mapping[int, float], network: float) -> Rack:
    return Rack(
        device=stand.accelerator.name,
        memory_GiB=stand.accelerator.memory_GiB,
        devices=stand.devices,
        count=stand.count,
        hosts=stand.hosts,
        grouped=asked.group_hosts,
        inside_GBps=inside[max(inside)] if inside else stand.accelerator.link_GBps,
        network_GBps=network,
    )


def _forward_ms(given: Given, sequence: int) -> tuple[dict[int, float], dict[int, float]]:
    """Return the milliseconds of a layer, and of all that is not a layer, by the microbatch size."""
    found: dict[int, dict[int, float]] = {}
    lengths = set()
    for key, value in given.json(dict[str, NonNegativeFloat]).items():
        if (words := _TIME.fullmatch(key)) is None:
            continue
        layers, microbatch, length = (int(word) if word else None for word in words.groups())
        lengths.add(length)
        if length in (sequence, None):
            found.setdefault(microbatch or 0, {})[layers or 0] = value
    if not found:
        also = f" (there are {shown(sorted(map(str, lengths)))})" if lengths else ""
        raise given.refusal(f"no layernum[L]_bszB_seq{sequence}{also}", "two numbers of layers of this length")
    if len(found) > MAX_SIZES:
        raise given.refusal(f"{len(found)} microbatch sizes", f"at most {MAX_SIZES}")
    pairs = {b: _difference(given, b, times) for b, times in found.items()}
    return {b: layer for b, (layer, _) in pairs.items()}, {b: other for b, (_, other) in pairs.items()}


def _difference(given: Given, microbatch: int, times: Mapping[int, float]) -> tuple[float, float]:
    few, many = min(times), max(times)
    if few == many:
        raise given.refusal(f"bsz{microbatch}: layernum {few} alone", "two numbers of layers")
    layer = (times[many] - times[few]) / (many - few)
    if layer <= 0:
        raise given.refusal(f"bsz{microbatch}: {many} layers take no longer than {few}", "longer")
    return layer, max(0.0, times[few] - few * layer)


def _rate(given: Given, rates: Mapping[str, float], size: int) -> float:
    """Return the bus bandwidth of so many devices that stand beside each other."""
    key = f"allreduce_size_{size}_consec_1"
    value = rates.get(key)
    if value is None:
        raise given.refusal(f"{key} is missing", f"it, or a type with fewer devices: there are {shown(sorted(rates))}")
    if not 1e-6 <= value <= 1e6:
        raise given.refusal(f"{key} {value:g}", "gigabytes per second")
    return value


def _network(given: Given, rates: Mapping[str, float], p2p: Given | None, nodes: int, devices: int) -> float:
    """Return what a node exchanges: of all-reduces over all devices and of stages on different nodes, the slower."""
    if nodes == 1:
        return _rate(given, rates, devices) if devices > 1 else 1.0
    found = [_rate(given, rates, nodes * devices)]
    if p2p is not None:
        stages = p2p.json(dict[str, PositiveFloat]).get(f"pp_size_{nodes}")
        if stages is None:
            raise p2p.refusal(f"pp_size_{nodes} is missing", f"stages on the {nodes} nodes")
        found.append(stages)
    return min(found)


def _times(
    shape: ModelShape,
    workload: Workload,
    device: str,
    tensor_parallel: int,
    microbatch: int,
    layer_ms: float,
    other_ms: float,
    inside: Mapping[int, float],
) -> LayerTimes:
    t = tensor_parallel
    reduced_ms = 0.0
    if t > 1:
        moved = microbatch * workload.sequence_length * shape.hidden_size * workload.element_bytes
        reduced_ms = _REDUCTIONS * moved * 2 * (t - 1) / t / (inside[t] * GBps) / millisecond

    def passes(times: float) -> tuple[float, ...]:
        layer = round(times * layer_ms / t + reduced_ms, 6)
        return (0.0, *[layer] * shape.layers, round(times * other_ms / t, 6))

    return LayerTimes(
        device=device,
        tensor_parallel=t,
        microbatch_size=microbatch,
        forward_ms=passes(1.0),
        backward_ms=passes(_BACKWARD),
    )
