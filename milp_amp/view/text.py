"""A result for people: what was found, what is proved about it, stage by stage."""

from milp_amp.judge.evaluate import evaluate
from milp_amp.judge.evaluation import Evaluation
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.view.proof_text import optimal
from milp_amp.view.table import table
from milp_amp.view.units_text import devices, money, percent, seconds

_MEANING = {
    Status.FEASIBLE: "feasible: a better plan may exist",
    Status.INFEASIBLE: "infeasible: no plan of the searched space keeps every rule",
    Status.UNKNOWN: "unknown: no plan was found, and none is ruled out",
}


def render(instance: Instance, result: Result) -> str:
    """Return the report of one run."""
    lines = [
        f"{instance.name}: {_meaning(result)}",
        f"  formulation   {result.formulation}, cost model {result.cost_model}, {seconds(result.runtime_s)}",
    ]
    if result.bound is not None:
        gap = "" if result.gap is None else f", gap {percent(result.gap)}"
        bound = money(result.bound) if instance.objective.minimise == "price" else seconds(result.bound)
        lines.append(f"  proven bound  {bound} per step{gap}")
    lines += [f"  note          {note}" for note in result.notes]
    report = "\n".join(lines) + "\n"
    if result.strategy is None:
        return report
    evaluation = evaluate(instance, result.strategy, result.cost_model)
    return report + render_evaluation(instance, result.strategy, evaluation)


def _meaning(result: Result) -> str:
    if result.status is Status.OPTIMAL:
        return optimal("no plan of the searched space is better", [result.gap])
    return _MEANING[result.status]


def render_evaluation(instance: Instance, strategy: Strategy, evaluation: Evaluation) -> str:
    """Return what the judge says about a plan."""
    lines = [f"violation: {violation}" for violation in evaluation.violations]
    if evaluation.step_time is None:
        return "\n".join(["the plan breaks rules without which it has no step time", *lines]) + "\n"
    lines += [
        f"  step time     {seconds(evaluation.step_time)}, simulated {seconds(evaluation.simulated_step_time)}",
        f"  throughput    {evaluation.throughput:,.0f} tokens/s",
        *([] if evaluation.price is None else [f"  price         {money(evaluation.price)} per step"]),
        f"  limited by    {evaluation.limiting}",
        f"  degrees       {_degrees(instance, strategy)}",
    ]
    return "\n".join(lines) + "\n\n" + _stages(strategy, evaluation)


def _degrees(instance: Instance, strategy: Strategy) -> str:
    microbatches = -(-instance.workload.global_batch_size // (strategy.data_parallel * strategy.microbatch_size))
    return (
        f"tensor {_tensor_degrees(strategy)}, data {strategy.data_parallel}, pipeline {strategy.pipeline_parallel}, "
        f"{microbatches} microbatches of {strategy.microbatch_size}"
    )


def _tensor_degrees(strategy: Strategy) -> str:
    """Return the one tensor degree of a plan, or all that occur."""
    return "/".join(map(str, sorted({stage.tensor_parallel for stage in strategy.stages})))


def _stages(strategy: Strategy, evaluation: Evaluation) -> str:
    head = ("stage", "layers", "tensor", "data", "per microbatch", "transfer", "synchronise", "memory", "devices")
    rows = [
        stage_cells(number, stage, evaluation, devices(device for group in stage.replicas for device in group))
        for number, stage in enumerate(strategy.stages)
    ]
    return table(head, rows, right=range(8))


def stage_cells(number: int, stage: Stage, evaluation: Evaluation, where: str) -> tuple[str, ...]:
    """Return the cells of a stage's row; ``where`` names its devices."""
    boundaries, memory = evaluation.boundary_seconds, evaluation.memory[number]
    return (
        str(number),
        f"{stage.start}-{stage.stop - 1}",
        str(stage.tensor_parallel),
        str(len(stage.replicas)),
        seconds(evaluation.stage_seconds[number]),
        seconds(boundaries[number]) if number < len(boundaries) else "-",
        seconds(evaluation.synchronisation_seconds[number]),
        f"{memory.memory_GiB:.3g}/{memory.capacity_GiB:.3g} GiB",
        where,
    )
