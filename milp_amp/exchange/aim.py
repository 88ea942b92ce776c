"""The best plan that a launcher can run, beside the best one of all."""

import os
import time
from typing import Any

from msgspec.structs import replace

from milp_amp.exchange.nearest import costs_of, restricted, start
from milp_amp.exchange.targets.target import ServingTarget, Target
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving import solve
from milp_amp.solving.chain import AUTO

_SHARE = 0.5
"""What the search for the best plan of all gets of the time limit."""


def solve_for(
    instance: Instance,
    formulation: str = AUTO,
    *,
    target: Target | ServingTarget,
    time_limit: float | None = None,
    warm_start: Strategy | Result | str | None = None,
    export_program: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Result:
    """Return the best plan that a target can run, and tell what that costs against the best one of all.

    Parameters
    ----------
    warm_start
        A plan that the target can run.
    export_program
        Where to write the program of the restricted question.
    options
        Any others of ``solve``.

    Raises
    ------
    InputError
        If the target cannot run the instance at all; and as ``solve``.
    """
    asked = restricted(instance, target)
    began = time.perf_counter()
    share = None if time_limit is None else _SHARE * time_limit
    free = solve(instance, formulation, time_limit=share, **options)
    if free.strategy is not None and warm_start is None:
        warm_start = start(asked, free.strategy, costs_of(instance, free.cost_model))
        if free.status is Status.OPTIMAL and warm_start == free.strategy and export_program is None:
            return _runnable(_noted(free, f"{target.name} can run the best plan of all"), instance, target)
    left = None if time_limit is None or share is None else max(share / 2, time_limit - (time.perf_counter() - began))
    result = solve(asked, formulation, time_limit=left, warm_start=warm_start, export_program=export_program, **options)
    result = replace(result, runtime_s=time.perf_counter() - began)
    return _runnable(_noted(result, cost_of(target, result, free, instance.objective.unit)), instance, target)


def _runnable(result: Result, instance: Instance, target: Target | ServingTarget) -> Result:
    """Return a result, or that nothing is known where the target places stages by a rule that no restriction says."""
    refusals = () if result.strategy is None else target.refusals(instance, result.strategy)
    if not refusals:
        return result
    reason = f"the best plan that keeps all other rules of {target.name} takes {result.objective:.6g}: {refusals[0]}"
    return replace(
        result, status=Status.UNKNOWN, strategy=None, objective=None, gap=None, verified=False, notes=(reason,)
    )


def cost_of(target: Target | ServingTarget, result: Result, free: Result, unit: str) -> str:
    """Return a sentence about what a target's best plan costs against the best one of all, as far as it is proved."""
    if result.objective is None:
        none = "no plan of this question" if result.status is Status.INFEASIBLE else "no plan that was found"
        return f"{target.name} can run {none}"
    if free.objective is None:
        return f"{target.name}: {result.objective:.6g} {unit}, and nothing else was found to compare with"
    least = _more(result.bound, free.objective)
    most = _more(result.objective, free.bound)
    both = result.status is free.status is Status.OPTIMAL
    share = f"{_more(result.objective, free.objective):.2%}" if both else f"from {least:.2%} to {most:.2%}"
    return (
        f"{target.name}: {result.objective:.6g} {unit}, {share} more than the best plan of all ({free.objective:.6g})"
    )


def _more(value: float | None, than: float | None) -> float:
    """Return how much larger one value is; at least nothing, for restrictions never help."""
    if value is None:
        return 0.0
    return max(0.0, value / than - 1) if than else float("inf")


def _noted(result: Result, line: str) -> Result:
    return replace(result, notes=(line, *result.notes))
