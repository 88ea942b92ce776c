"""Graphs of layers as Piper (NeurIPS 2021) and dnn-partitioning (NeurIPS 2020) have them: nodes, and edges among them.

    Piper               maxDevices, maxMemoryPerDevice and parameterSize in bytes, bandwidth in bytes per second,
                        timePerSample of both passes in seconds, by tensor degree; memory a · (microbatches) + b
    dnn-partitioning    maxFPGAs, maxSizePerFPGA in bytes, fpgaLatency, and the cost of an edge in the same unit of
                        time; a backward node has the colorClass of its forward node

Only chains can be planned here. What layers need whatever runs (Piper's b, the sizes of both passes) becomes bytes of
state per parameter, one number for the whole chain. An edge of dnn-partitioning of one millisecond becomes a megabyte
over a gigabyte per second. The bandwidth is one device's, so a node has that of all its devices. What Piper adds
between layers of different tensor degrees (``syncTimeFw``, ``syncTimeBw``) is not imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.exchange.incoming.chain import check_length, merged, whole_and_divided
from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.graph import Edge, Step, check_nodes, ordered
from milp_amp.exchange.incoming.imported import Imported, contradictions_refused
from milp_amp.exchange.incoming.partitioning import Halves, halves
from milp_amp.exchange.incoming.piper_file import Choice, PartitioningFile, PiperFile
from milp_amp.exchange.incoming.racks import Rack, cluster_of
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import Workload
from milp_amp.units import MB, GBps, GiB, millisecond

DEVICE = "device"
"""What the graphs' only kind of accelerator is called."""

TIME_UNITS = {"s": 1.0, "ms": millisecond, "us": 1e-6}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the file does not say.

    Attributes
    ----------
    parameter_bytes
        Of one parameter, and of one element that an edge moves.
    devices_per_node
        The graphs know devices alone; a tensor group has to fit into a node.
    variant
        The ``id`` of Piper's TMPCs to take, where a layer has several.
    time_unit
        Of ``fpgaLatency`` and ``cost``.
    """

    name: str
    command: str
    batch: int
    sequence: int
    parameter_bytes: float
    devices_per_node: int = 1
    variant: str | None = None
    time_unit: str | None = None


@dataclass(frozen=True)
class _Machine:
    """Equal accelerators: how many, the bytes of one, and what each exchanges with any other."""

    devices: int
    memory: float
    bandwidth_GBps: float


@contradictions_refused()
def read_piper(given: Given, asked: Asked) -> Imported:
    """Return the instance of either kind of graph.

    Raises
    ------
    InputError
        If the graph cannot be read, or is no chain: the message names the node where it branches.
    """
    if b'"maxFPGAs"' in given.content:
        return _partitioning(given, given.json(PartitioningFile), asked)
    return _piper(given, given.json(PiperFile), asked)


def _piper(given: Given, graph: PiperFile, asked: Asked) -> Imported:
    check_nodes(given, [node.id for node in graph.nodes])
    edges = [Edge(edge.sourceId, edge.destId, edge.communicationCost) for edge in graph.edges]
    steps = ordered(given, [node.id for node in graph.nodes], edges)
    nodes = {node.id: node for node in graph.nodes}
    choices = [_choices(given, step, nodes[step.node].TMPCs, asked.variant) for step in steps]
    degrees = sorted(set.intersection(*(set(found) for found in choices)))
    if not degrees:
        raise given.refusal("no tensor degree that every node has", "one")
    parameters = sum(found[degrees[0]].parameterSize * degrees[0] for found in choices)
    fixed = sum(found[degrees[0]].memoryUsageB * degrees[0] for found in choices)
    layers = [
        _piper_layer(step, nodes[step.node].name, found, degrees, asked)
        for step, found in zip(steps, choices, strict=True)
    ]
    times = [
        LayerTimes(
            device=DEVICE,
            tensor_parallel=t,
            microbatch_size=1,
            forward_ms=tuple(found[t].timePerSample / 3 / millisecond for found in choices),
        )
        for t in degrees
    ]
    state = fixed / parameters * asked.parameter_bytes if parameters and fixed else asked.parameter_bytes
    machine = _Machine(graph.maxDevices, graph.maxMemoryPerDevice, graph.bandwidth / GBps)
    return _imported(given, asked, layers, times, machine, _workload(asked, state))


def _choices(given: Given, step: Step, listed: dict[int, list[Choice]], variant: str | None) -> dict[int, Choice]:
    """Return what to do with a node, by the tensor degree."""
    found = {}
    for degree, choices in listed.items():
        ids = [choice.id for choice in choices]
        matching = [choice for choice in choices if variant in (None, choice.id)]
        if variant is None and len(choices) > 1:
            raise given.refusal(f"node {step.node}: TMPCs {shown(ids)}", "--variant to say which")
        if matching:
            found[degree] = matching[0]
    if not found:
        raise given.refusal(f"node {step.node}: no TMPC {shown(variant)}", "one for a tensor degree")
    return found


def _piper_layer(step: Step, name: str, found: dict[int, Choice], degrees: Sequence[int], asked: Asked) -> Layer:
    whole, divided = whole_and_divided({t: found[t].memoryUsageA / MB for t in degrees})
    return Layer(
        name=_title(name),
        parameters=found[degrees[0]].parameterSize * degrees[0] / asked.parameter_bytes,
        output_elements=step.output / asked.parameter_bytes,
        activation_MB=round(whole, 6),
        activation_sharded_MB=round(divided, 6),
    )


def _partitioning(given: Given, graph: PartitioningFile, asked: Asked) -> Imported:
    if asked.time_unit is None:
        raise given.refusal("fpgaLatency has no unit", f"--time-unit {', '.join(TIME_UNITS)}")
    found: Halves = halves(given, graph)
    unit = TIME_UNITS[asked.time_unit]
    edges = [Edge(edge.sourceId, edge.destId, edge.cost * unit * GBps) for edge in found.edges]
    steps = ordered(given, list(found.forward), edges)
    layers = [
        Layer(
            name=_title(found.forward[step.node].name),
            parameters=found.forward[step.node].size / asked.parameter_bytes,
            output_elements=step.output / asked.parameter_bytes,
        )
        for step in steps
    ]
    forward = tuple(found.forward[step.node].fpgaLatency * unit / millisecond for step in steps)
    backward = tuple(found.backward_latency(step.node) * unit / millisecond for step in steps)
    times = LayerTimes(
        device=DEVICE,
        tensor_parallel=1,
        microbatch_size=1,
        forward_ms=forward,
        backward_ms=backward if found.backward else None,
    )
    machine = _Machine(graph.maxFPGAs, graph.maxSizePerFPGA, 1.0)
    return _imported(
        given, asked, layers, [times], machine, _workload(asked, found.both_passes * asked.parameter_bytes)
    )


def _workload(asked: Asked, state_bytes: float) -> Workload:
    return Workload(
        global_batch_size=asked.batch,
        sequence_length=asked.sequence,
        element_bytes=asked.parameter_bytes,
        gradient_bytes=asked.parameter_bytes,
        state_bytes=state_bytes,
    )


def _imported(
    given: Given,
    asked: Asked,
    layers: Sequence[Layer],
    times: Sequence[LayerTimes],
    machine: _Machine,
    workload: Workload,
) -> Imported:
    each = asked.devices_per_node
    if machine.devices % each:
        raise given.refusal(f"{machine.devices} devices", f"a multiple of the {each} of --devices-per-node")
    check_length(given, "nodes", len(layers))
    rack = Rack(
        device=DEVICE,
        memory_GiB=machine.memory / GiB,
        devices=each,
        count=machine.devices // each,
        inside_GBps=machine.bandwidth_GBps,
        network_GBps=machine.bandwidth_GBps * each,
    )
    instance = Instance(
        schema_version=1,
        name=asked.name,
        source=f"Imported from a graph of layers: {asked.command}. {given.cited}.",
        model=Model(name=asked.name, layers=merged(layers)),
        cluster=cluster_of([rack]),
        profile=tuple(times),
        workload=workload,
    )
    return Imported(instance)


def _title(name: str) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name[:100]).strip("-")
    return kept or "layer"
