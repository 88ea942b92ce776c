"""Launchers: what each can run, and how it is told.

A plan that a launcher cannot run is never written for it: ``refusals`` says why not, and the best plan under
``restrictions`` is the best that the launcher can run.
"""

from milp_amp.errors import InputError
from milp_amp.exchange.targets import deepspeed, flagscale, galvatron, megatron, mindspeed, torchtitan
from milp_amp.exchange.targets.target import Target

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


def names() -> tuple[str, ...]:
    """Names of all targets."""
    return tuple(_TARGETS)


def load(name: str) -> Target:
    """Return a target.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in _TARGETS:
        raise InputError(f"no target {name!r}, expected one of {', '.join(names())}")
    return _TARGETS[name]
