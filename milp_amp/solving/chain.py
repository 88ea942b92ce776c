"""The chain behind ``auto``: exact formulations, one after the other, until one has a proof."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from msgspec.structs import replace as amended

from milp_amp.engine.limits import Start
from milp_amp.errors import EngineError, FormulationError, MilpAmpError
from milp_amp.judge.check import check
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.solving.run import Run

AUTO = "auto"
"""Not a formulation but a chain of them."""

_CHAIN = ("interval_dp", "interval_cpsat", "interval_milp")


def run_chain(run: Run, start: Start | None) -> Result:
    """Run the exact formulations, each from the best plan so far, until one has a proof."""
    start = start or run.baseline()
    results: list[Result] = []
    failures: list[MilpAmpError] = []
    for name in _CHAIN:
        try:
            result = run.attempt(name, replace(run.limits, start=start))
        except (EngineError, FormulationError) as failure:
            if failure is run.callers_failure:
                raise
            failures.append(failure)
            run.notes.append(f"{name} failed: {failure}")
            continue
        results.append(amended(result, formulation=f"{AUTO}:{name}"))
        if result.status in (Status.OPTIMAL, Status.INFEASIBLE) or run.over:
            break
        run.notes.append(f"{name} ended {result.status.value} after {run.elapsed:.1f} s, without a proof")
        start = _better(start, result)
    if results:
        return _joined(results, run.limits.gap)
    if start is None:
        raise failures[-1]
    return _unproved(run, start)


def _unproved(run: Run, start: Start) -> Result:
    """Return the start itself: every formulation failed, and a plan is better than none."""
    lower = run.prepass.lower_bound
    bound = lower if 0 < lower <= start.value else None
    result = Result(
        instance=run.instance.name,
        formulation=f"{AUTO}:{run.origin}",
        cost_model=run.prepass.costs.name,
        status=Status.FEASIBLE,
        objective=start.value,
        bound=bound,
        gap=None if bound is None else relative_gap(start.value, bound),
        runtime_s=run.elapsed,
        verified=False,
        strategy=start.strategy,
        seed=run.limits.seed,
    )
    return check(run.instance, result, run.prepass.costs)


def _better(start: Start | None, result: Result) -> Start | None:
    if result.strategy is None or result.objective is None or (start and start.value <= result.objective):
        return start
    return Start(result.strategy, result.objective)


def _joined(results: list[Result], gap: float) -> Result:
    """Return the best plan under the best bound: formulations of one chain search the same space."""
    last = results[-1]
    best = min(results, key=lambda result: math.inf if result.objective is None else result.objective)
    if len(results) == 1 or best.objective is None:
        return last
    bounds = [min(result.bound, best.objective) for result in results if result.bound is not None]
    bound = max(bounds, default=None)
    reached = None if bound is None else relative_gap(best.objective, bound)
    proved = best.status is Status.OPTIMAL or (reached is not None and reached <= gap)
    return amended(
        best if best.objective < (last.objective or math.inf) else last,
        status=Status.OPTIMAL if proved else Status.FEASIBLE,
        bound=bound,
        gap=reached,
        trace=tuple(_monotone(point for result in results for point in result.trace)),
    )


def _monotone(points: Iterable[TracePoint]) -> Iterator[TracePoint]:
    """Carry the best incumbent and bound along a trace that begins anew with every formulation."""
    objective, bound = math.inf, -math.inf
    for point in points:
        before = (objective, bound)
        objective = min(objective, math.inf if point.objective is None else point.objective)
        bound = max(bound, -math.inf if point.bound is None else point.bound)
        if (objective, bound) != before:
            yield TracePoint(
                time_s=point.time_s,
                objective=objective if math.isfinite(objective) else None,
                bound=bound if math.isfinite(bound) else None,
            )
