"""Tiny instances, strategies and results in one call, so that a test shows only what it is about.

    world = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)], batch=4)
    halves = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
    evaluate(world, halves).step_time                  # (2 + 4 − 1) × 3 ms

Everything not mentioned costs nothing: outputs and gradients have no bytes, memory is ample, and nodes hang on
one switch (a star). Numbers are chosen so that a test can be checked by hand: bytes are 1 MB = 10⁶, links are
1 GB/s = 10⁶ bytes per millisecond, so **1 MB over a default link takes 1 ms**, and a layer of 3 ms runs 1 ms
forward and 2 ms backward.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from milp_amp.plan.result import Result, Status, relative_gap
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Cluster, Contention, DeviceType, Link, NodeGroup
from milp_amp.problem.curves import Curve
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model, TransformerShape
from milp_amp.problem.objective import Objective
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import Workload
from milp_amp.units import MB

Numbers = float | Sequence[float]
"""One number for every layer, or one per layer."""

NodeSpec = tuple[str, int, str, int]
"""Name of a group of nodes, how many, their device type, devices per node."""

ELEMENT_BYTES = 2.0
GRADIENT_BYTES = 4.0


def instance(
    layer_ms: Mapping[Any, Sequence[float]] | None = None,
    nodes: Sequence[NodeSpec] = (("a", 1, "fast", 2),),
    *,
    backward_ms: Mapping[Any, Sequence[float]] | None = None,
    tensor_degrees: Sequence[int] = (1,),
    output_MB: Numbers = 0.0,
    gradient_MB: Numbers = 0.0,
    activation_MB: Numbers | None = 0.0,
    parameters: Numbers | None = None,
    memory_GiB: float | Mapping[str, float] = 1e6,
    nic_GBps: float | Mapping[str, float] = 1.0,
    inside_GBps: float | Mapping[str, float] = 1.0,
    links: Sequence[Link] | None = None,
    switches: Sequence[str] = ("switch",),
    batch: int = 4,
    layer: Mapping[str, Any] | None = None,
    shape: TransformerShape | None = None,
    update_ms: Sequence[float] | None = None,
    price_per_hour: Mapping[str, float] | None = None,
    sites: Mapping[str, str] | None = None,
    curves: Sequence[Curve] = (),
    contention: Contention = "shared",
    objective: Mapping[str, Any] | None = None,
    **workload: Any,
) -> Instance:
    """Build an instance.

    Parameters
    ----------
    layer_ms
        Forward plus backward milliseconds of every layer at microbatch size 1, by device type
        (``{"fast": [3, 3]}``; the default), or by ``(device type, tensor degree)``, or by ``(device type, tensor
        degree, microbatch size)``. A third of it is forward, unless ``backward_ms`` has the same key: then
        ``layer_ms`` is the forward part alone.
    nodes
        Every group of nodes: ``("a", 3, "fast", 2)`` are nodes ``a.0``, ``a.1``, ``a.2`` with two fast devices
        each, whose addresses are ``a.0/0``, ``a.0/1``, ``a.1/0``, ….
    tensor_degrees
        Degrees at which a device type given by name alone is profiled: ``t`` devices are ``t`` times as fast.
    output_MB
        Bytes that leave a layer for the next one, per sequence and direction, under the ``pipeline`` cost model.
    gradient_MB
        Bytes of a layer's gradients; sets its ``parameters``, unless those are given.
    activation_MB
        Bytes kept for a sequence until its backward pass, whole on every device of a tensor group; ``None``: not given.
    parameters
        Trainable parameters; 18 bytes each in memory.
    memory_GiB, nic_GBps, inside_GBps
        Of all device types (or nodes, by the name of the group), or one for each.
    links, switches
        In place of the star: a link from every group of nodes to one switch, at ``nic_GBps``.
    batch
        Sequences in a step, each of one token.
    layer
        Further fields of every ``Layer``.
    shape
        What activations that are not given are counted from.
    update_ms
        Of every entry of the profile.
    price_per_hour, sites
        By device type, and by the name of a group of nodes.
    curves
        Bandwidth curves; ``curve`` builds one.
    contention
        Of the cluster.
    objective
        Fields of ``Objective``.
    workload
        Further fields of ``Workload``: ``schedule``, ``state_bytes``, ``reserve_GiB``, ….
    """
    times = _times(layer_ms or {"fast": [3.0, 3.0]}, backward_ms or {}, tensor_degrees)
    if update_ms is not None:
        times = [replace(entry, update_ms=tuple(update_ms)) for entry in times]
    counts = [value * MB / GRADIENT_BYTES for value in _spread(gradient_MB, times)]
    if parameters is not None:
        counts = list(_spread(parameters, times))
    cluster = Cluster(
        device_types={
            name: DeviceType(memory_GiB=_of(memory_GiB, name), price_per_hour=(price_per_hour or {}).get(name, 0.0))
            for name in _device_types(times, nodes)
        },
        nodes=tuple(
            NodeGroup(
                name=name,
                count=count,
                device=device,
                devices=devices,
                bandwidth_GBps=_of(inside_GBps, name),
                site=(sites or {}).get(name),
            )
            for name, count, device, devices in nodes
        ),
        switches=tuple(switches),
        links=tuple(_star(nodes, switches[0], nic_GBps) if links is None else links),
        curves=tuple(curves),
        contention=contention,
    )
    defaults = {"sequence_length": 1, "element_bytes": ELEMENT_BYTES, "gradient_bytes": GRADIENT_BYTES}
    return Instance(
        schema_version=1,
        name="tiny",
        source="built for a test",
        model=Model(
            name="tiny",
            layers=_layers(counts, _spread(output_MB, times), _spread(activation_MB, times), layer or {}),
            shape=shape,
        ),
        cluster=cluster,
        profile=tuple(times),
        workload=Workload(global_batch_size=batch, **{**defaults, **workload}),
        objective=Objective(**(objective or {})),
    )


def curve(source: str, target: str, *coefficients: float) -> Curve:
    """Build the curve from ``"site:device/streams"`` to another; one coefficient is GB/s at all sizes."""
    fields: dict[str, Any] = {"coefficients": (0.0, 0.0, *coefficients)[-3:]}
    for end, text in (("source", source), ("target", target)):
        site, _, rest = text.rpartition(":")
        device, _, streams = rest.partition("/")
        fields |= {f"{end}_site": site or None, f"{end}_device": device, f"{end}_streams": int(streams or 1)}
    return Curve(**fields)


def stage(start: int, stop: int, *replicas: str) -> Stage:
    """Build a stage of layers ``[start, stop)``; a replica is its devices' addresses, separated by spaces."""
    groups = tuple(tuple(replica.split()) for replica in replicas)
    return Stage(layers=(start, stop), tensor_parallel=len(groups[0]), replicas=groups)


def strategy(*stages: tuple[Any, ...], microbatch: int = 1, **fields: Any) -> Strategy:
    """Build a strategy from stages ``(start, stop, replica, replica, …)``; see ``stage``.

    The data-parallel degree is that of the first stage unless given; ``fields`` may also hold ``schedule``.
    """
    built = tuple(stage(*parts) for parts in stages)
    degrees = {"data_parallel": len(built[0].replicas), **fields}
    return Strategy(microbatch_size=microbatch, stages=built, **degrees)


def result(plan: Strategy | None, objective: float | None, bound: float | None = None, **fields: Any) -> Result:
    """Build what a formulation would return: a feasible plan with its claim, or nothing known."""
    claim = {
        "instance": "tiny",
        "formulation": "by hand",
        "cost_model": "pipeline",
        "status": Status.UNKNOWN if plan is None else Status.FEASIBLE,
        "objective": objective,
        "bound": bound,
        "gap": None if objective is None or bound is None else relative_gap(objective, bound),
        "runtime_s": 0.0,
        "verified": False,
        "strategy": plan,
    }
    return Result(**{**claim, **fields})


def _layers(
    counts: Sequence[Any], output_MB: Sequence[Any], activation_MB: Sequence[Any], layer: Mapping[str, Any]
) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            name=f"layer {number}",
            parameters=count,
            output_elements=out * MB / ELEMENT_BYTES,
            activation_MB=kept,
            **layer,
        )
        for number, (count, out, kept) in enumerate(zip(counts, output_MB, activation_MB, strict=True))
    )


def _star(nodes: Sequence[NodeSpec], switch: str, nic_GBps: float | Mapping[str, float]) -> list[Link]:
    return [Link(source=name, target=switch, bandwidth_GBps=_of(nic_GBps, name)) for name, *_ in nodes]


def _device_types(times: Sequence[LayerTimes], nodes: Sequence[NodeSpec]) -> list[str]:
    return list(dict.fromkeys([entry.device for entry in times] + [device for _, _, device, _ in nodes]))


def _times(
    layer_ms: Mapping[Any, Sequence[float]], backward_ms: Mapping[Any, Sequence[float]], degrees: Sequence[int]
) -> list[LayerTimes]:
    times = []
    for key, values in layer_ms.items():
        forward = values if key in backward_ms else [value / 3 for value in values]
        backward = backward_ms.get(key, [2 * value for value in forward])
        for device, t, b, divisor in _keys(key, degrees):
            times.append(
                LayerTimes(
                    device=device,
                    tensor_parallel=t,
                    microbatch_size=b,
                    forward_ms=tuple(value / divisor for value in forward),
                    backward_ms=tuple(value / divisor for value in backward),
                )
            )
    return times


def _keys(key: Any, degrees: Sequence[int]) -> list[tuple[str, int, int, int]]:
    """Device type, tensor degree, microbatch size, and what to divide the milliseconds by."""
    if isinstance(key, str):
        return [(key, t, 1, t) for t in degrees]
    device, t, b = (*key, 1)[:3]
    return [(device, t, b, 1)]


def _spread(value: Numbers | None, times: Sequence[LayerTimes]) -> Sequence[Any]:
    return value if isinstance(value, Sequence) else [value] * len(times[0].forward_ms)


def _of(value: float | Mapping[str, float], name: str) -> float:
    return value[name] if isinstance(value, Mapping) else value
