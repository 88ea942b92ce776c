"""Whether there is any plan: which easier search tells, and when it may stop."""

import math
from collections.abc import Callable

from msgspec.structs import replace as amended

from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.judge.bill import ROUNDING
from milp_amp.plan.result import Result, Status, TracePoint
from milp_amp.problem.instance import Instance
from milp_amp.problem.objective import Objective

ANY_PLAN = 0.99
"""Gap at which a search may stop where any plan will do; where there is none it has to be exhausted all the same."""


def is_eased(question: Instance) -> bool:
    """Whether the limit of the step time is not searched under, but compared with the least step time.

    So more spaces can be searched, and restrictions hold under which limits cannot be asked for.
    """
    return question.objective.most_price_per_step is None


def easiest(question: Instance) -> Instance:
    """Return the question whose plans are those that are looked for, or whose best plan is one if there is any."""
    if is_eased(question):
        return amended(question, objective=Objective())
    return amended(question, objective=amended(question.objective, minimise="step_time"))


def enough(question: Instance) -> float:
    """Return the gap that will do."""
    return DEFAULT_GAP if is_eased(question) and math.isfinite(most_seconds(question)) else ANY_PLAN


def most_seconds(question: Instance) -> float:
    """Seconds that a step may take."""
    floor = question.objective.least_steps_per_second
    return math.inf if floor is None else 1 / floor


def too_slow(question: Instance) -> Callable[[TracePoint], bool]:
    """Return what tells of a point of the search whether every plan is too slow: then it need not go on."""
    most = most_seconds(question) * (1 + ROUNDING)
    eased = is_eased(question)
    return lambda point: eased and point.bound is not None and point.bound > most


def limited(question: Instance, result: Result) -> Result:
    """Return what the result of the easiest question says of the question itself: its best plan may be too slow."""
    most = most_seconds(question) * (1 + ROUNDING)
    if result.objective is not None and result.objective <= most:
        return result
    proved = result.status is Status.INFEASIBLE or (result.bound is not None and result.bound > most)
    status = Status.INFEASIBLE if proved else Status.UNKNOWN
    return amended(result, status=status, objective=None, bound=None, gap=None, strategy=None, verified=False)
