"""DeepSpeed's pipelines: our layers as they are, cut where the plan cuts them.

``PipelineModule`` balances its stages by itself; a subclass written beside the plan takes the plan's borders. ZeRO
stages 2 and 3 exclude pipelines, every rank has one tensor degree, and the schedule is 1F1B
(``deepspeed/runtime/pipe/module.py``, ``topology.py``, ``schedule.py``). The topology numbers pipeline, data and
tensor ranks in this order, the last one innermost.
"""

from milp_amp.exchange.targets.rules import (
    divided_heads,
    merged,
    partial_batches,
    require_schedule,
    require_zero,
    several_degrees,
    undivided_heads,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "DeepSpeed"


def restrictions(instance: Instance) -> Restrictions:
    """One tensor degree that divides the heads."""
    _require(instance)
    return merged(Restrictions(uniform_tensor_parallel=True), divided_heads(instance), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    return (
        *several_degrees(strategy, NAME),
        *undivided_heads(instance, strategy),
        *partial_batches(instance, strategy),
    )


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the subclass, its borders and DeepSpeed's configuration."""
    workload = instance.workload
    borders = [0, *(stage.stop for stage in strategy.stages)]
    stages = {
        "borders": borders,
        "tensor_parallel": strategy.tensor_parallel,
        "data_parallel": strategy.data_parallel,
        "activation_checkpoint_interval": int(workload.recomputation == "full"),
    }
    configuration = {
        "train_batch_size": workload.global_batch_size,
        "train_micro_batch_size_per_gpu": strategy.microbatch_size,
        "gradient_accumulation_steps": workload.global_batch_size
        // (strategy.data_parallel * strategy.microbatch_size),
        "zero_optimization": {"stage": max(workload.zero_stage, int(workload.optimizer == "distributed"))},
    }
    notes: tuple[str, ...] = (
        f"The training program builds its {borders[-1]} layers as a list and calls placed(layers, loss_fn=…) of "
        "pipeline_stages.py where it would call PipelineModule; ds_config.json has the batch, to which the optimizer "
        "and the precision are to be added.",
    )
    if workload.recomputation == "selective":
        notes += ("The layers compute the scores of their attention again by themselves: DeepSpeed has no option.",)
    return Launch(
        arguments=("--deepspeed", "--deepspeed_config", "{here}/ds_config.json"),
        files={
            "stages.json": to_json(stages).decode(),
            "ds_config.json": to_json(configuration).decode(),
        },
        scripts=("pipeline_stages.py",),
        notes=notes,
    )


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, "1f1b")
    require_zero(instance, NAME, 1)


DEEPSPEED = Target("deepspeed", NAME, restrictions, refusals, launch)
