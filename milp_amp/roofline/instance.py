"""An instance without measurements: the profile is counted, and the data sheets say how long that takes."""

from collections.abc import Sequence

from milp_amp.errors import InputError
from milp_amp.problem.counted import Counted, Efficiency
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Workload
from milp_amp.roofline import work
from milp_amp.roofline.catalogue import Accelerator
from milp_amp.roofline.machines import NETWORK_GBPS, Machines, accelerators, cluster_of
from milp_amp.roofline.model import model_of
from milp_amp.roofline.seconds import seconds
from milp_amp.roofline.work import Work
from milp_amp.units import millisecond

LONGEST_SEQUENCE = 4096
"""Tokens of a sequence unless said otherwise: models made for longer ones are trained on such first."""

MICROBATCH_SIZES = (1, 2, 4, 8)

FITTED = Efficiency()

BACKWARD = 2.0
"""Passes that a backward pass is worth: gradients of the inputs, and of the weights."""


def instance_of(
    shape: ModelShape,
    machines: tuple[Machines, ...],
    workload: Workload,
    *,
    name: str,
    source: str,
    network_GBps: float = NETWORK_GBPS,
    microbatch_sizes: Sequence[int] = MICROBATCH_SIZES,
    tensor_degrees: Sequence[int] | None = None,
    efficiency: Efficiency = FITTED,
) -> Instance:
    """Return the instance with a profile of every device type, tensor degree and microbatch size.

    Raises
    ------
    InputError
        If the tensor degrees do not suit the model or the machines.
    ValueError
        If the numbers contradict each other in another way.
    """
    asked = None if tensor_degrees is None else _asked_degrees(shape, machines, tensor_degrees)
    return Instance(
        schema_version=1,
        name=name,
        source=source,
        model=model_of(shape, workload),
        cluster=cluster_of(machines, network_GBps),
        profile=tuple(
            layer_times(shape, workload, device, t, b, efficiency)
            for device in accelerators(machines)
            for t in (degrees(shape) if asked is None else asked)
            for b in sorted(set(microbatch_sizes))
            if t <= _largest_node(machines, device)
        ),
        workload=workload,
        counted=Counted(shape=shape, efficiency=efficiency),
    )


def sequence_length(shape: ModelShape, asked: int | None = None) -> int:
    """Return the tokens of a sequence: those asked for, or the model's longest up to ``LONGEST_SEQUENCE``.

    Raises
    ------
    InputError
        If the model has too few learned positions, or nothing is asked for and nothing known.
    """
    if asked is None and shape.longest_sequence is None:
        raise InputError(f"{shape.name}: no longest sequence is known, expected a sequence length to be given")
    chosen = min(shape.longest_sequence or 0, LONGEST_SEQUENCE) if asked is None else asked
    if shape.positions and shape.longest_sequence and chosen > shape.longest_sequence:
        raise InputError(f"sequence of {chosen}, expected at most {shape.longest_sequence}: positions are learned")
    return chosen


def degrees(shape: ModelShape) -> list[int]:
    """Return the powers of two that divide the heads, and the heads of keys and values.

    So no device holds a part of a head, or a copy of what another holds. More devices than heads of keys and values
    are profiled only where they are asked for: then each holds a copy, which is not counted.
    """
    return [t for k in range(10) if not (shape.heads % (t := 2**k) or shape.key_value_heads % t)]


def layer_times(
    shape: ModelShape,
    workload: Workload,
    device: Accelerator,
    tensor_parallel: int,
    microbatch: int,
    reached: Efficiency,
) -> LayerTimes:
    """Return the milliseconds of every layer: the backward pass is twice the work with the same reductions."""
    layers = chain_of_work(shape, workload, tensor_parallel, microbatch)

    def ms(passes: float) -> tuple[float, ...]:
        of_kind = {each: seconds(each.times(passes), device, tensor_parallel, reached) for each in set(layers)}
        return tuple(float(f"{of_kind[each] / millisecond:.4g}") for each in layers)

    return LayerTimes(
        device=device.name,
        tensor_parallel=tensor_parallel,
        microbatch_size=microbatch,
        forward_ms=ms(1.0),
        backward_ms=ms(BACKWARD),
    )


def chain_of_work(shape: ModelShape, workload: Workload, t: int, microbatch: int) -> list[Work]:
    """Return the forward pass of every layer.

    Attention whose scores are not kept (selective recomputation) is taken to be fused.
    """
    fused = workload.recomputation == "selective"
    s, e, dense = workload.sequence_length, workload.element_bytes, shape.dense_layers
    tokens = microbatch * s
    return [
        work.embedding(shape, tokens, t, e),
        *[work.transformer(shape, 0, s, tokens, t, e, fused)] * dense,
        *[work.transformer(shape, dense, s, tokens, t, e, fused)] * (shape.layers - dense),
        work.head(shape, tokens, t),
    ]


def _largest_node(machines: tuple[Machines, ...], device: Accelerator) -> int:
    return max(each.devices for each in machines if each.accelerator == device)


def _asked_degrees(shape: ModelShape, machines: tuple[Machines, ...], asked: Sequence[int]) -> list[int]:
    if uneven := [t for t in asked if t < 1 or shape.heads % t]:
        raise InputError(f"tensor degree {uneven[0]}, expected a divisor of the {shape.heads} heads")
    if min(asked) > (largest := max(each.devices for each in machines)):
        raise InputError(f"tensor degree {min(asked)}, expected one of at most the {largest} devices of a node")
    return sorted(set(asked))
