"""Sailor's files (Strati et al., SOSP 2025): measured layers, their sizes, and bandwidth curves.

    profile.json    {microbatch: {tensor degree: {layer: [forward, backward, update]}}}       seconds, per device type
    llm_info.json   {tensor degree: {layer: {params_floats, act_mem_floats, act_output_floats}}}, perhaps by model

Activations are split into a whole and a divided part by their sizes at the smallest and the largest tensor degree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from milp_amp.exchange.incoming.chain import check_length, kind_at, merged, whole_and_divided
from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.imported import Imported, contradictions_refused
from milp_amp.exchange.incoming.sailor_network import Inter, Intra, curves, inside, peaks
from milp_amp.exchange.incoming.zones import Zone, zoned_cluster
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, MeasuredSize, Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.types import NonNegativeFloat, PositiveInt
from milp_amp.problem.workload import Workload
from milp_amp.units import MB, millisecond

STATE_BYTES, RESERVE_GIB = 24.0, 3.0
"""Sailor's: weights, gradients, optimizer state and copies of them in single precision; context and buffers."""

ELEMENT_BYTES = 4.0
"""Sailor trains in single precision."""

_Seconds = tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat]
_Profile = dict[PositiveInt, dict[PositiveInt, dict[int, _Seconds]]]


class _Sizes(msgspec.Struct, frozen=True):
    params_floats: NonNegativeFloat
    act_mem_floats: NonNegativeFloat
    act_output_floats: NonNegativeFloat


_Degrees = dict[PositiveInt, dict[int, _Sizes]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the files do not say; ``model`` is the one of ``llm_info.json``, where that holds several."""

    name: str
    command: str
    batch: int
    sequence: int
    zones: Sequence[Zone]
    model: str | None = None


@contradictions_refused()
def read_sailor(
    profiles: Mapping[str, Given], sizes: Given, intra: Given, inter: Given | None, asked: Asked
) -> Imported:
    """Return the instance.

    Parameters
    ----------
    profiles
        A profile for every device type.
    inter
        Curves between nodes; they may be absent where there is one node.

    Raises
    ------
    InputError
        If a file cannot be read, or does not have what the machines need.
    """
    degrees = _degrees(sizes, asked.model)
    layers = check_length(sizes, "tensor degree 1", len(next(iter(degrees.values()))))
    times = [entry for kind, given in profiles.items() for entry in _times(given, kind, layers)]
    between: Inter = {} if inter is None else inter.json(Inter)
    within = intra.json(Intra)
    rates = {zone.accelerator: inside(intra, within, zone) for zone in asked.zones}
    cited = [f"{kind}: {given.cited}" for kind, given in profiles.items()]
    cited += [given.cited for given in (sizes, intra, inter) if given is not None]
    instance = Instance(
        schema_version=1,
        name=asked.name,
        source=f"Imported from Sailor's files: {asked.command}. {'; '.join(cited)}. "
        f"State of {STATE_BYTES:g} bytes per parameter and a reserve of {RESERVE_GIB:g} GiB are Sailor's.",
        model=Model(name=asked.model or asked.name, layers=merged(_chain(degrees, layers))),
        cluster=zoned_cluster(asked.zones, rates, peaks(between, asked.zones), curves(between, asked.zones)),
        profile=tuple(times),
        workload=Workload(
            global_batch_size=asked.batch,
            sequence_length=asked.sequence,
            element_bytes=ELEMENT_BYTES,
            gradient_bytes=ELEMENT_BYTES,
            state_bytes=STATE_BYTES,
            reserve_GiB=RESERVE_GIB,
        ),
    )
    return Imported(instance)


def _degrees(given: Given, model: str | None) -> _Degrees:
    """Return the sizes of one model, by tensor degree and layer."""
    if model is None:
        found = given.json(_Degrees)
    else:
        models = given.json(dict[str, Any])
        if model not in models:
            raise given.refusal(f"no model {shown(model)}", f"one of {shown(', '.join(models))}")
        try:
            found = msgspec.convert(models[model], _Degrees, strict=False)
        except msgspec.ValidationError as failure:
            raise given.refusal(f"model {shown(model)}: {failure}", "sizes by tensor degree and layer") from None
    if not found:
        raise given.refusal("no tensor degree", "at least one")
    lengths = {len(layers) for layers in found.values()}
    if len(lengths) > 1 or any(set(layers) != set(range(len(layers))) for layers in found.values()):
        raise given.refusal("layers that differ between tensor degrees, or are not counted from 0", "0, 1, 2, …")
    return found


def _chain(degrees: _Degrees, layers: int) -> list[Layer]:
    return [_layer(degrees, position, kind_at(position, layers)) for position in range(layers)]


def _layer(degrees: _Degrees, position: int, kind: Any) -> Layer:
    of = {t: layers[position] for t, layers in degrees.items()}
    stored = {t: ELEMENT_BYTES * size.act_mem_floats / MB for t, size in of.items()}
    whole, divided = whole_and_divided(stored)
    smallest = min(of)
    return Layer(
        name=kind,
        kind=kind,
        parameters=of[smallest].params_floats * smallest,
        output_elements=of[smallest].act_output_floats,
        activation_MB=round(whole, 6),
        activation_sharded_MB=round(divided, 6),
        measured=tuple(
            MeasuredSize(tensor_parallel=t, parameters=size.params_floats, stored_MB=round(stored[t], 6))
            for t, size in sorted(of.items())
        ),
    )


def _times(given: Given, kind: str, layers: int) -> list[LayerTimes]:
    """Return what was measured on one device type."""
    entries = []
    for microbatch, degrees in given.json(_Profile).items():
        for degree, found in degrees.items():
            where = f"microbatch {microbatch}, tensor degree {degree}"
            check_length(given, where, len(found), layers)
            if set(found) != set(range(layers)):
                raise given.refusal(f"{where}: layers {shown(sorted(found))}", f"0 to {layers - 1}")
            parts = zip(*(found[position] for position in range(layers)), strict=True)
            forward, backward, update = (tuple(round(value / millisecond, 6) for value in part) for part in parts)
            entries.append(
                LayerTimes(
                    device=kind,
                    tensor_parallel=degree,
                    microbatch_size=microbatch,
                    forward_ms=forward,
                    backward_ms=backward,
                    update_ms=update,
                )
            )
    if not entries:
        raise given.refusal("no times", "seconds by microbatch, tensor degree and layer")
    return entries
