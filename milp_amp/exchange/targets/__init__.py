"""Launchers: what each can run, and how it is told.

A plan that a launcher cannot run is never written for it: ``refusals`` says why not, and the best plan under
``restrictions`` is the best that the launcher can run.
"""

from milp_amp.errors import InputError
from milp_amp.exchange.targets import (
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

_SERVING = {
    target.name: target for target in (vllm.VLLM, vllm.SGLANG, hexgen.HEXGEN, one_node.ACCELERATE, one_node.LLAMACPP)
}


def names() -> tuple[str, ...]:
    """Return the names of all targets that train."""
    return tuple(_TARGETS)


def serving_names() -> tuple[str, ...]:
    """Return the names of all targets that serve."""
    return tuple(_SERVING)


def load_serving(name: str) -> ServingTarget:
    """Return a target that serves; raises as ``load``."""
    if name not in _SERVING:
        raise InputError(f"no target {name!r} that serves, expected one of {', '.join(serving_names())}")
    return _SERVING[name]


def load(name: str) -> Target:
    """Return a target that trains.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in _TARGETS:
        raise InputError(f"no target {name!r}, expected one of {', '.join(names())}")
    return _TARGETS[name]
