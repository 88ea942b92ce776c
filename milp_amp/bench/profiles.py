"""Curves over time: who is how fast how often, and how close everybody is when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from milp_amp.bench.frame import PAIR, trace_of
from milp_amp.bench.journal import Entry
from milp_amp.bench.measures import LEAST_S, FloatArray, distance, performance_profile, reached
from milp_amp.plan.result import TracePoint, relative_gap

AS_GOOD = 1e-4
"""Relative distance to the best known value at which a plan counts as it."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A curve of steps: ``heights[i]`` holds from ``edges[i]`` on."""

    label: str
    edges: FloatArray
    heights: FloatArray


def proof_profile(rows: pd.DataFrame) -> list[Steps]:
    """Return how often each formulation proves its answer within a multiple of the fastest proof."""
    return _profile(rows, rows["time_s"].where(rows["proved"]))


def plan_profile(rows: pd.DataFrame, entries: Sequence[Entry]) -> list[Steps]:
    """Return how often each has the best plan known within a multiple of the first that has it."""
    seconds = [
        reached(trace_of(entries[i]), best, AS_GOOD) for i, best in zip(rows["entry"], rows["best"], strict=True)
    ]
    return _profile(rows, pd.Series(seconds, rows.index, dtype=float))


def _profile(rows: pd.DataFrame, seconds: "pd.Series[float]") -> list[Steps]:
    timed = rows.assign(seconds=seconds.clip(lower=LEAST_S))[rows["applies"]]
    ratios = (timed["seconds"] / timed.groupby(PAIR)["seconds"].transform("min")).fillna(np.inf)
    return [
        Steps(label=str(name), edges=edges, heights=heights)
        for name, own in ratios.groupby(timed["formulation"], sort=False)
        for edges, heights in (performance_profile(own.to_numpy()),)
    ]


def distances_over_time(rows: pd.DataFrame, entries: Sequence[Entry]) -> list[Steps]:
    """Return the mean distance of the plans in hand to the best known ones, over seconds."""

    def heights(entry: Entry, best: float) -> list[tuple[float, float]]:
        return [(point.time_s, distance(point.objective, best)) for point in trace_of(entry)]

    return _over_time(rows, entries, heights)


def gaps_over_time(rows: pd.DataFrame, entries: Sequence[Entry]) -> list[Steps]:
    """Return the mean gap between plan and bound over seconds, 1 while one of them is missing."""
    return _over_time(rows, entries, lambda entry, _: [(point.time_s, _gap(point)) for point in trace_of(entry)])


def _gap(point: TracePoint) -> float:
    if point.objective is None or point.bound is None:
        return 1.0
    return min(1.0, relative_gap(point.objective, point.bound))


def _over_time(
    rows: pd.DataFrame, entries: Sequence[Entry], heights: Callable[[Entry, float], list[tuple[float, float]]]
) -> list[Steps]:
    known = rows[rows["applies"] & rows["best"].notna()]
    return [
        _mean(str(name), [heights(entries[i], best) for i, best in zip(own["entry"], own["best"], strict=True)])
        for name, own in known.groupby("formulation", sort=False)
    ]


def _mean(label: str, runs: Sequence[list[tuple[float, float]]]) -> Steps:
    """Return the mean of step functions that are 1 at first."""
    changes = []
    for run in runs:
        height = 1.0
        for time, after in run:
            changes.append((max(time, LEAST_S), (after - height) / len(runs)))
            height = after
    changes.sort()
    edges = np.array([LEAST_S, *(time for time, _ in changes)])
    return Steps(label=label, edges=edges, heights=1.0 + np.cumsum([0.0, *(change for _, change in changes)]))
