"""One question, once its pre-pass is done: the formulation that was asked for, from the best start there is."""

from dataclasses import replace

from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.solving.chain import AUTO, run_chain
from milp_amp.solving.run import BASELINE, EXACT_BASELINE, Run

_FROM_NOTHING = (BASELINE, EXACT_BASELINE)
"""The baselines: a start would hide what they find by themselves."""


def answered(run: Run, formulation: str, warm_start: Strategy | Result | str | None = None) -> Result:
    """Return what a formulation, or the chain of them, finds and proves within the limits of a run.

    ``warm_start`` may be the name of the formulation that finds the start.
    """
    if (nothing := run.contradicted(formulation)) is not None:
        return nothing
    if not isinstance(warm_start, str):
        start = run.warm_start(warm_start)
    else:
        start = None if formulation in _FROM_NOTHING else run.first(warm_start)
    if formulation == AUTO:
        return run.told(run_chain(run, start))
    if formulation in _FROM_NOTHING:
        start = None
    elif start is None:
        start = run.baseline()
    return run.told(run.attempt(formulation, replace(run.limits, start=start)))
