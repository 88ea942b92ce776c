"""MindSpeed-LLM: Megatron's arguments, and the decoder layers of every stage as ``--num-layer-list 3,4,4,3``.

The list has one number per stage, and their sum is the number of layers (its documentation of checkpoint conversion and
of dynamic pipeline division); embedding and head are in the stages at the ends.
"""

from milp_amp.exchange.targets import megatron
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.exchange.targets.rules import (
    filled_ends,
    merged,
    partial_batches,
    require_schedule,
    require_zero,
    several_degrees,
    unfilled_ends,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "MindSpeed-LLM"


def restrictions(instance: Instance) -> Restrictions:
    """One tensor degree that divides the heads, and a decoder layer at both ends."""
    _require(instance)
    return merged(filled_ends(instance, NAME), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    return (
        *several_degrees(strategy, NAME),
        *unfilled_ends(instance, strategy, NAME),
        *partial_batches(instance, strategy),
    )


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the arguments of ``pretrain_gpt.py``."""
    counts = decoder(instance, NAME).counts(strategy)
    arguments = (
        *megatron.options(megatron.parallelism(instance, strategy)),
        *megatron.options(megatron.shape(instance)),
        *megatron.switches(instance, strategy.tensor_parallel),
    )
    listed = ("--num-layer-list", ",".join(map(str, counts))) if len(counts) > 1 else ()
    note = "The training program is MindSpeed-LLM's pretrain_gpt.py, with the arguments of the model and the data."
    return Launch(arguments=(*arguments, *listed), notes=(note,))


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, "1f1b")
    require_zero(instance, NAME, 1)


MINDSPEED = Target("mindspeed", NAME, restrictions, refusals, launch)
