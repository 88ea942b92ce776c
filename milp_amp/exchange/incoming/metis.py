"""Metis's profiles (Um et al., USENIX ATC 2024): a file per device type, tensor degree and microbatch size.

``layer_compute_total_ms`` is both passes of a layer together; as elsewhere the backward pass is taken to be two thirds
of that. ``layer_memory_total_mb`` is in mebibytes, as Metis compares it with 1024 times the cluster file's ``memory``:
what it holds beyond a layer's state is kept for the backward pass, by the largest microbatch. The time of the optimizer
and of what lies between the passes is not imported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.chain import check_length, kind_at, merged, whole_and_divided
from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.imported import Imported, contradictions_refused
from milp_amp.exchange.incoming.metis_cluster import BandwidthUnit, metis_racks
from milp_amp.exchange.incoming.racks import Rack, cluster_of, host_of_node, renamed
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.types import NonNegativeFloat
from milp_amp.problem.workload import Workload
from milp_amp.units import MB

MAX_FILES = 10_000
"""Most files of a profile that are read."""

_FILE = re.compile(r"DeviceType\.([A-Za-z0-9][A-Za-z0-9-]{0,99})_tp([1-9][0-9]{0,5})_bs([1-9][0-9]{0,5})\.json")
_MEBIBYTE = 2.0**20


class _Parameters(msgspec.Struct, frozen=True):
    parameters_per_layer_bytes: list[NonNegativeFloat]


class _Model(msgspec.Struct, frozen=True):
    model_name: str
    parameters: _Parameters


class _Times(msgspec.Struct, frozen=True):
    layer_compute_total_ms: list[NonNegativeFloat]


class _Memory(msgspec.Struct, frozen=True):
    layer_memory_total_mb: list[NonNegativeFloat]


class _File(msgspec.Struct, frozen=True):
    model: _Model
    execution_time: _Times
    execution_memory: _Memory


@dataclass(frozen=True)
class _Entry:
    """One file, and what its name says."""

    given: Given
    device: str
    tensor_parallel: int
    microbatch: int
    content: _File


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the files do not say: ``parameter_bytes`` are those of one parameter in ``parameters_per_layer_bytes``."""

    name: str
    command: str
    batch: int
    sequence: int
    hidden_size: int
    parameter_bytes: float
    state_bytes: float | None = None
    bandwidth_unit: BandwidthUnit = "MiB/ms"


@contradictions_refused()
def read_metis(files: Sequence[Given], clusterfile: Given, hostfile: Given, asked: Asked) -> Imported:
    """Return the instance.

    Raises
    ------
    InputError
        If a file cannot be read, they contradict each other, or a host's devices have no profile.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise InputError(f"{len(files)} profiles, expected 1 to {MAX_FILES} such as DeviceType.A100_tp1_bs1.json")
    racks = metis_racks(clusterfile, hostfile, asked.bandwidth_unit)
    used = _used([_entry(given) for given in files], racks, clusterfile)
    workload = Workload(
        global_batch_size=asked.batch,
        sequence_length=asked.sequence,
        gradient_bytes=asked.parameter_bytes,
        state_bytes=asked.state_bytes,
    )
    said = "; ".join(given.cited for given in (*(entry.given for entry in used), clusterfile, hostfile))
    instance = Instance(
        schema_version=1,
        name=asked.name,
        source=f"Imported from Metis's files: {asked.command}. {said}.{renamed(racks)}",
        model=_model(used, workload, asked),
        cluster=cluster_of(racks),
        profile=tuple(_times(entry) for entry in used),
        workload=workload,
    )
    return Imported(instance, host_of_node(racks))


def _used(entries: Sequence[_Entry], racks: Sequence[Rack], clusterfile: Given) -> list[_Entry]:
    """Return the profiles of devices that are there: all are of one model, and every device has one."""
    _check_models(entries)
    profiled = {entry.device for entry in entries}
    for rack in racks:
        if rack.device not in profiled:
            missing = f"instance_type {shown(rack.device)} has no profile"
            raise clusterfile.refusal(missing, "a file such as DeviceType.A100_tp1_bs1.json")
    types = {rack.device for rack in racks}
    return [entry for entry in entries if entry.device in types]


def _entry(given: Given) -> _Entry:
    found = _FILE.fullmatch(given.short)
    if found is None:
        raise given.refusal("its name", "one such as DeviceType.A100_tp2_bs4.json")
    device, degree, microbatch = found.groups()
    content = given.json(_File)
    layers = check_length(given, "layer_compute_total_ms", len(content.execution_time.layer_compute_total_ms))
    check_length(given, "layer_memory_total_mb", len(content.execution_memory.layer_memory_total_mb), layers)
    check_length(given, "parameters_per_layer_bytes", len(content.model.parameters.parameters_per_layer_bytes), layers)
    return _Entry(given, device, int(degree), int(microbatch), content)


def _check_models(entries: Sequence[_Entry]) -> None:
    first = entries[0]
    for entry in entries:
        if entry.content.model != first.content.model:
            raise entry.given.refusal("its model", f"that of {first.given.short}: name, layers and parameters")


def _times(entry: _Entry) -> LayerTimes:
    return LayerTimes(
        device=entry.device,
        tensor_parallel=entry.tensor_parallel,
        microbatch_size=entry.microbatch,
        forward_ms=tuple(total / 3 for total in entry.content.execution_time.layer_compute_total_ms),
    )


def _model(entries: Sequence[_Entry], workload: Workload, asked: Asked) -> Model:
    found = entries[0].content.model
    sizes = found.parameters.parameters_per_layer_bytes
    layers = [_layer(entries, k, size / asked.parameter_bytes, workload, asked) for k, size in enumerate(sizes)]
    return Model(name=_title(found.model_name), layers=merged(layers))


def _layer(entries: Sequence[_Entry], position: int, parameters: float, workload: Workload, asked: Asked) -> Layer:
    length = len(entries[0].content.model.parameters.parameters_per_layer_bytes)
    kept: dict[int, float] = {}
    for entry in sorted(entries, key=lambda each: each.microbatch):
        held = entry.content.execution_memory.layer_memory_total_mb[position] * _MEBIBYTE
        state = workload.kept_bytes * parameters / entry.tensor_parallel
        kept[entry.tensor_parallel] = max(0.0, held - state) / entry.microbatch / MB
    whole, divided = whole_and_divided(kept)
    kind: Any = kind_at(position, length)
    return Layer(
        name=kind,
        kind=kind,
        parameters=parameters,
        output_elements=asked.sequence * asked.hidden_size if position < length - 1 else 0,
        activation_MB=round(whole, 6),
        activation_sharded_MB=round(divided, 6),
    )


def _title(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name)[:200] or "model"
