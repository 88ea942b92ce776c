"""Predicted against measured: every trial priced by the judge, and what the prices are worth."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from milp_amp.bench.metrics import kendall, regret, relative_errors, spearman
from milp_amp.bench.trials import Trial, rank_order_strategy
from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.judge.evaluate import evaluate
from milp_amp.problem.instance import Instance

TRIES = (1, 3, 5)
"""How many of the best predictions one might try before choosing."""


@dataclass(frozen=True)
class Priced:
    """A trial with its predicted seconds, ``None`` where the plan has no price; and what it violates."""

    trial: Trial
    predicted: float | None
    violation: str


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well predictions match measurements; errors are fractions of the measured time."""

    compared: int
    mean_error: float
    median_error: float
    bias: float
    spearman: float
    kendall: float
    regrets: tuple[float, ...]
    tries: tuple[int, ...] = TRIES


def price_trials(instance: Instance, trials: Iterable[Trial], cost_model_name: str) -> tuple[Priced, ...]:
    """Price every trial as launchers would place it."""
    costs = cost_model(cost_model_name, instance, measure(instance.cluster))

    def priced(trial: Trial) -> Priced:
        try:
            evaluation = evaluate(instance, rank_order_strategy(instance, trial), costs=costs)
        except PlanError as failure:
            return Priced(trial, None, str(failure))
        return Priced(trial, evaluation.step_time, "; ".join(evaluation.violations))

    return tuple(priced(trial) for trial in trials)


def agreement(rows: Iterable[Priced]) -> Agreement | None:
    """Compare the trials that ran and have a price; ``None`` where there is none.

    A price counts although the plan is predicted not to fit: it did run, after all.
    """
    pairs = [(row.predicted, row.trial.measured) for row in rows if row.predicted and row.trial.measured]
    if not pairs:
        return None
    predicted, measured = np.array(pairs, dtype=np.float64).T
    errors = relative_errors(predicted, measured)
    return Agreement(
        compared=len(pairs),
        mean_error=float(np.abs(errors).mean()),
        median_error=float(np.median(np.abs(errors))),
        bias=float(errors.mean()),
        spearman=spearman(predicted, measured),
        kendall=kendall(predicted, measured),
        regrets=tuple(regret(predicted, measured, tries) for tries in TRIES),
    )
