"""Predicted against measured: every trial priced by the judge, and what the prices are worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from milp_amp.bench.asked import instance_of
from milp_amp.bench.metrics import kendall, regret, relative_errors, spearman
from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Trial
from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.judge.evaluate import evaluate
from milp_amp.problem.instance import Instance
from milp_amp.units import GiB

TRIES = (1, 3, 5)
"""How many of the best predictions one might try before choosing."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A trial and its prediction.

    Attributes
    ----------
    predicted
        Seconds of a step, ``None`` where the plan has no price.
    memory
        Bytes that the fullest device is predicted to need, ``None`` where the plan has no price.
    headroom
        Bytes that the tightest device is predicted to have left, ``None`` where the plan has no price.
    violation
        The rules the plan breaks, memory among them.
    """

    trial: Trial
    predicted: float | None = None
    memory: float | None = None
    headroom: float | None = None
    violation: str = ""

    @property
    def fits(self) -> bool:
        """Whether every device is predicted to have room."""
        return self.headroom is None or self.headroom >= 0


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


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What was predicted to fit, against what ran.

    Attributes
    ----------
    named, missed
        Of the trials that did not run: how many were predicted not to fit, and how many to fit.
    false_alarms
        Of the trials that ran: how many were predicted not to fit.
    compared, mean_error
        Trials whose memory was measured, and the mean error of its prediction as a fraction of the measured peak.
    """

    named: int
    missed: int
    false_alarms: int
    compared: int = 0
    mean_error: float | None = None


def price_trials(instance: Instance, trials: Iterable[Trial], cost_model_name: str) -> tuple[Priced, ...]:
    """Price every trial as launchers would place it."""
    known = measure(instance.cluster)

    def priced(trial: Trial) -> Priced:
        try:
            asked = instance_of(instance, trial)
            network = known if asked.cluster == instance.cluster else measure(asked.cluster)
            evaluation = evaluate(asked, strategy_of(asked, trial), costs=cost_model(cost_model_name, asked, network))
        except PlanError as failure:
            return Priced(trial=trial, violation=str(failure))
        return Priced(
            trial=trial,
            predicted=evaluation.step_time,
            memory=max((GiB * stage.memory_GiB for stage in evaluation.memory), default=None),
            headroom=min((GiB * stage.headroom_GiB for stage in evaluation.memory), default=None),
            violation="; ".join(evaluation.violations),
        )

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


def fitting(rows: Sequence[Priced]) -> Fitting:
    """Compare what was predicted to fit with what ran, and peaks of memory where they were measured."""
    known = [row for row in rows if row.predicted is not None]
    failed = [row for row in known if row.trial.measured is None]
    pairs = [(row.memory, row.trial.memory) for row in known if row.memory and row.trial.memory]
    errors = [abs(memory - measured) / measured for memory, measured in pairs]
    return Fitting(
        named=sum(not row.fits for row in failed),
        missed=sum(row.fits for row in failed),
        false_alarms=sum(not row.fits for row in known if row.trial.measured is not None),
        compared=len(pairs),
        mean_error=float(np.mean(errors)) if errors else None,
    )
