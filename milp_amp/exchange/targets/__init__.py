"""Launchers: what each can run, and how it is told.

A plan that a launcher cannot run is never written for it: ``refusals`` says why not, and the best plan under
``restrictions`` is the best that the launcher can run.
"""

from collections.abc import Mapping
from typing import TypeVar

from milp_amp.errors import InputError
from milp_amp.exchange.targets import (
    alpa,
    deepspeed,
    flagscale,
    galvatron,
    hexgen,
    megatron,
    mindspeed,
    one_node,
    torchtitan,
    vllm,
)
from milp_amp.exchange.targets.target import ServingTarget, Target

Kind = TypeVar("Kind")

_TARGETS = {
    target.name: target
    for target in (
        megatron.MEGATRON,
        megatron.BRIDGE,
        flagscale.FLAGSCALE,
        torchtitan.TORCHTITAN,
        galvatron.GALVATRON,
        deepspeed.DEEPSPEED,
        mindspeed.MINDSPEED,
    )
}

_PLACING = {alpa.ALPA.name: alpa.ALPA}
"""Targets that place stages by a rule of their own, which no restriction says: not all that keeps theirs can be run."""

_SERVING = {
    target.name: target for target in (vllm.VLLM, vllm.SGLANG, hexgen.HEXGEN, one_node.ACCELERATE, one_node.LLAMACPP)
}


def names() -> tuple[str, ...]:
    """Return the names of all targets that train, and run whatever keeps their restrictions."""
    return tuple(_TARGETS)


def placing_names() -> tuple[str, ...]:
    """Return the names of all targets that train, and place stages by a rule that their restrictions do not say."""
    return tuple(_PLACING)


def serving_names() -> tuple[str, ...]:
    """Return the names of all targets that serve."""
    return tuple(_SERVING)


def load(name: str) -> Target:
    """Return a target that trains, and runs whatever keeps its restrictions.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    return _found(name, _TARGETS)


def load_serving(name: str) -> ServingTarget:
    """Return a target that serves; raises as ``load``."""
    return _found(name, _SERVING)


def load_any(name: str) -> Target | ServingTarget:
    """Return a target of any kind; raises as ``load``."""
    known: dict[str, Target | ServingTarget] = {**_TARGETS, **_PLACING, **_SERVING}
    return _found(name, known)


def _found(name: str, known: Mapping[str, Kind]) -> Kind:
    if name not in known:
        raise InputError(f"no target {name!r}, expected one of {', '.join(known)}")
    return known[name]
