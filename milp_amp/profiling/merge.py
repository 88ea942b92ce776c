"""Measured times in the place of those that an instance has."""

import msgspec

from milp_amp.errors import InputError
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from milp_amp.profiling.measurement import Measurement
from milp_amp.profiling.request import ELEMENT_BYTES, Request


def check_fit(instance: Instance, request: Request, device: str) -> None:
    """Refuse, before anything is measured, an instance that the times would not be true of.

    Raises
    ------
    InputError
        If device, length of the chain, sequence length or precision are not the instance's.
    """
    types, layers = instance.cluster.device_types, instance.model.num_layers
    if device not in types:
        raise InputError(f"--device-name: {device!r} is unknown, expected one of {', '.join(types)}")
    if request.num_layers != layers:
        raise InputError(
            f"{request.shape.name}: a chain of {request.num_layers} layers (embedding, {request.shape.layers} "
            f"transformer layers, head), expected {layers} (those of {instance.name})"
        )
    _equal("sequence", request.sequence, instance.workload.sequence_length, "workload.sequence_length")
    if ELEMENT_BYTES[request.precision] != instance.workload.element_bytes:
        raise InputError(
            f"--dtype: {request.precision} has {ELEMENT_BYTES[request.precision]} bytes per element, "
            f"expected {instance.workload.element_bytes:g} (workload.element_bytes)"
        )


def merged(instance: Instance, measurement: Measurement) -> Instance:
    """Return an instance with measured entries in place of its own; those it does not have come last."""
    fresh = {_key(entry): entry for entry in measurement.profile}
    kept = [fresh.pop(_key(entry), entry) for entry in instance.profile]
    sentence = measurement.measured.sentence(measurement.device)
    source = instance.source if sentence in instance.source else f"{instance.source} {sentence}".strip()
    return msgspec.structs.replace(instance, profile=(*kept, *fresh.values()), source=source)


def _key(entry: LayerTimes) -> tuple[str, int, int]:
    return entry.device, entry.tensor_parallel, entry.microbatch_size


def _equal(option: str, value: int, expected: int, where: str) -> None:
    if value != expected:
        raise InputError(f"--{option}: {value}, expected {expected} ({where})")
