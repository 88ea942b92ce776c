"""What is proved of several spaces together: results of formulations that search the same one, or different ones."""

import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace as amended

from milp_amp.engine.limits import within
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap


def of_one_space(results: Sequence[Result], gap: float) -> Result:
    """Return the best plan under the best bound: every bound holds for the space that they all search."""
    last = results[-1]
    best = min(results, key=_value)
    if len(results) == 1 or best.objective is None:
        return last
    bound = max((result.bound for result in results if result.bound is not None), default=-math.inf)
    kept = best if best.objective < _value(last) else last
    proved = best.status is Status.OPTIMAL
    return _claim(kept, best.objective, bound, math.inf if proved else gap, [p for r in results for p in r.trace])


def of_all_spaces(answers: Sequence[Result], gap: float) -> Result:
    """Return the best plan of several spaces under the least of their bounds: each holds for its own space."""
    if len(answers) == 1:
        return answers[0]
    best = min(answers, key=_value)
    ceilings = [-math.inf] * (len(answers) - 1) + [least_bound(answers[:-1])]
    points = [capped(p, most) for answer, most in zip(answers, ceilings, strict=True) for p in answer.trace]
    if best.objective is not None:
        return _claim(best, best.objective, least_bound(answers), gap, points)
    empty = all(answer.status is Status.INFEASIBLE for answer in answers)
    return amended(
        answers[-1],
        status=Status.INFEASIBLE if empty else Status.UNKNOWN,
        bound=_finite(least_bound(answers)),
        trace=tuple(_monotone(points)),
    )


def least_bound(answers: Iterable[Result]) -> float:
    """Return what is proved of all the spaces: ``inf`` where there is no plan in any, ``−inf`` for nothing."""
    return min((_bound(answer) for answer in answers), default=math.inf)


def capped(point: TracePoint, most: float) -> TracePoint:
    """Return a point of one space as it holds for others too, of which no more than ``most`` is proved."""
    bound = min(most, -math.inf if point.bound is None else point.bound)
    return amended(point, bound=_finite(bound))


def _claim(plan: Result, value: float, lower: float, gap: float, points: Iterable[TracePoint]) -> Result:
    """Return a plan's result under another bound; ``gap`` is the largest at which it is optimal."""
    bound = _finite(min(lower, value))
    reached = None if bound is None else relative_gap(value, bound)
    return amended(
        plan,
        status=Status.OPTIMAL if reached is not None and within(reached, gap) else Status.FEASIBLE,
        bound=bound,
        gap=reached,
        trace=tuple(_monotone(points)),
    )


def _bound(answer: Result) -> float:
    if answer.status is Status.INFEASIBLE:
        return math.inf
    return -math.inf if answer.bound is None else answer.bound


def _value(result: Result) -> float:
    return math.inf if result.objective is None else result.objective


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
                objective=_finite(objective),
                bound=_finite(bound),
            )
