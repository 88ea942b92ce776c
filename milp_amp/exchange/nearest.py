"""The best plan that a launcher can run, where it cannot run another one."""

from collections.abc import Callable, Iterator

import msgspec

from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.exchange.targets.target import ServingTarget, Target
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.result import Result, TracePoint
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from milp_amp.solving import solve


def judged(instance: Instance, strategy: Strategy, costs: CostModel) -> float:
    """Return what a plan costs, by what the instance asks to minimise.

    Raises
    ------
    PlanError
        If it breaks a rule.
    """
    value, broken = closed_form(instance, strategy, costs)
    if value is None or broken:
        raise PlanError(broken[0])
    return value


def nearest(
    instance: Instance,
    strategy: Strategy,
    target: Target | ServingTarget,
    *,
    cost_model: str,
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    progress: Callable[[TracePoint], None] | None = None,
) -> Result:
    """Return the best plan that a target can run, found from one that it cannot.

    Parameters
    ----------
    cost_model, time_limit, threads, seed, progress
        As in ``solve``.

    Raises
    ------
    InputError
        If the target cannot run the instance at all; and as ``solve``.
    """
    asked = restricted(instance, target)
    return solve(
        asked,
        cost_model=cost_model,
        time_limit=time_limit,
        threads=threads,
        seed=seed,
        warm_start=start(asked, strategy, costs_of(instance, cost_model)),
        progress=progress,
    )


def costs_of(instance: Instance, name: str) -> CostModel:
    """Return the leaf costs of an instance."""
    return cost_model(name, instance, measure(instance.cluster))


def restricted(instance: Instance, target: Target | ServingTarget) -> Instance:
    """Return the same question about plans that a target can run."""
    restrictions = instance.restrictions.merged(target.restrictions(instance))
    return msgspec.structs.replace(instance, restrictions=restrictions)


def start(instance: Instance, strategy: Strategy, costs: CostModel) -> Strategy | None:
    """Return a plan with its borders moved to where the pins allow them, ``None`` where that is not enough.

    Where one tensor degree is asked for, its tensor groups may lose devices down to the smallest one's.
    """
    stages = tuple(_moved(strategy.stages, instance.restrictions))
    for candidate in (stages, tuple(_narrowed(stages))):
        plan = msgspec.structs.replace(strategy, stages=candidate)
        value, broken = closed_form(instance, plan, costs)
        if value is not None and not broken:
            return plan
    return None


def _narrowed(stages: tuple[Stage, ...]) -> Iterator[Stage]:
    """Yield the stages with the smallest tensor degree of all."""
    degree = min(stage.tensor_parallel for stage in stages)
    for stage in stages:
        replicas = tuple(group[:degree] for group in stage.replicas)
        yield msgspec.structs.replace(stage, tensor_parallel=degree, replicas=replicas)


def _moved(stages: tuple[Stage, ...], restrictions: Restrictions) -> Iterator[Stage]:
    """Yield the stages that have layers once those pinned to either end lie there."""
    first = max((pin.layers[1] for pin in restrictions.layer_pins if pin.stage == 0), default=0)
    last = min((pin.layers[0] for pin in restrictions.layer_pins if pin.stage == -1), default=stages[-1].stop)
    borders = [0, *(min(max(stage.start, first), last) for stage in stages[1:]), stages[-1].stop]
    for stage, begin, end in zip(stages, borders, borders[1:], strict=False):
        if begin < end:
            yield msgspec.structs.replace(stage, layers=(begin, end))
