"""Now against earlier, run by run: what is slower, what is faster, and what the noise leaves open."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from milp_amp.bench.journal import Entry
from milp_amp.bench.task import NO_COST_MODEL, Task

CONFIDENCE = 0.95
SHIFT_S = 0.1
"""Seconds added to both times of a pair: where both are shorter, their ratio is mostly noise."""

SAME = 1e-6
"""Relative difference below which two values, or two bounds, are the same."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a formulation takes now over how long it took, over the same instances and seeds.

    Noise is what differs from run to run. A machine that was busier all the time is no noise: on it, all are slower.

    Attributes
    ----------
    pairs
        Runs that ended with an answer both times.
    ratio
        Of the shifted geometric means: above one is slower.
    low, high
        The interval that holds the ratio in 95 of 100 cases; infinite for a single pair, which says nothing of noise.
    """

    formulation: str
    pairs: int
    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """One sentence that claims no more than the noise allows."""
        interval = f"95 %: {_change(self.low)} to {_change(self.high)}, {self.pairs} pairs of runs"
        if self.pairs < 2:
            return f"too few pairs of runs that both ended with an answer for a verdict: {self.pairs}"
        if self.low > 1:
            return f"slower by {100 * (self.ratio - 1):.3g} % ({interval})"
        if self.high < 1:
            return f"faster by {100 * (1 - self.ratio):.3g} % ({interval})"
        return f"no difference that the noise allows to see ({interval})"


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Paces by formulation, runs that got worse in what they found, and runs that have no partner."""

    paces: tuple[Pace, ...]
    worse: tuple[str, ...]
    alone: int


def compare(now: Sequence[Entry], earlier: Mapping[Task, Entry]) -> Regression:
    """Compare runs with those of the same instance, byte for byte, formulation, cost model and seed."""
    pairs = [(earlier[entry.task], entry) for entry in now if entry.task in earlier]
    formulations = dict.fromkeys(entry.task.formulation for entry in now)
    return Regression(
        paces=tuple(_pace(name, [pair for pair in pairs if pair[1].task.formulation == name]) for name in formulations),
        worse=tuple(line for before, entry in pairs for line in _worse(before, entry)),
        alone=len(now) - len(pairs),
    )


def _pace(formulation: str, pairs: Sequence[tuple[Entry, Entry]]) -> Pace:
    logs = np.array(
        [
            math.log((after.answer.runtime_s + SHIFT_S) / (before.answer.runtime_s + SHIFT_S))
            for before, after in pairs
            if before.answer is not None and after.answer is not None
        ]
    )
    if len(logs) < 2:
        ratio = math.exp(logs[0]) if len(logs) else math.nan
        return Pace(formulation=formulation, pairs=len(logs), ratio=ratio, low=0.0, high=math.inf)
    # Student's t over log ratios: pairs take out what instances differ in, the rest is noise.
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    low, ratio, high = (math.exp(logs.mean() + offset) for offset in (-half, 0.0, half))
    return Pace(formulation=formulation, pairs=len(logs), ratio=ratio, low=low, high=high)


def _worse(before: Entry, after: Entry) -> Iterator[str]:
    """Say what a run lost: its answer, some of its value, some of its bound."""
    if before.answer is None:
        return
    if after.answer is None or (before.answer.answers and not after.answer.answers):
        yield f"{after.task}: was {before.happened}, is {after.happened}{': ' if after.detail else ''}{after.detail}"
        return
    maximises = after.task.cost_model == NO_COST_MODEL
    for name, more_is_better in (("objective", maximises), ("bound", not maximises)):
        was, now = getattr(before.answer, name), getattr(after.answer, name)
        if was is not None and (now is None or _fell(was, now, more_is_better)):
            yield f"{after.task}: {name} was {was:.9g}, is {'none' if now is None else format(now, '.9g')}"


def _fell(was: float, now: float, more_is_better: bool) -> bool:
    return (was - now if more_is_better else now - was) > SAME * abs(was)


def _change(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.3g} %"
