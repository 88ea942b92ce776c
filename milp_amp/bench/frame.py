"""Runs as a table of numbers: one row each, beside the best that is known of its question."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from milp_amp.bench.journal import Entry
from milp_amp.bench.measures import distance, primal_integral
from milp_amp.bench.outcomes import DOES_NOT_FIT
from milp_amp.bench.task import NO_COST_MODEL
from milp_amp.plan.result import TracePoint

QUESTION = ["instance", "cost_model"]
"""What one best value belongs to."""

PAIR = [*QUESTION, "seed"]
"""What two formulations are compared on."""


def frame(entries: Sequence[Entry], time_limit: float | None) -> pd.DataFrame:
    """Return a row per run; ``entry`` is where it stands in ``entries``.

    ``time_s`` is the time of the answer. A run without one counts with the time limit, or, where there is none, with
    the longest of the same question: a quick crash is not fast.
    """
    rows = pd.DataFrame([_record(entry) for entry in entries])
    rows["entry"] = range(len(rows))
    rows["applies"] = rows["happened"] != DOES_NOT_FIT
    groups = rows.groupby(QUESTION)
    rows["best"] = groups["score"].transform("min").abs()
    longest = groups["runtime_s"].transform("max").fillna(rows["wall_s"])
    rows["time_s"] = rows["runtime_s"].fillna(longest if time_limit is None else time_limit)
    horizon = groups["time_s"].transform("max") if time_limit is None else pd.Series(time_limit, rows.index)
    rows["to_best"] = [_to_best(value, best) for value, best in zip(rows["value"], rows["best"], strict=True)]
    rows["primal_integral_s"] = [
        primal_integral(trace_of(entry), best, end) if best == best else float("nan")
        for entry, best, end in zip(entries, rows["best"], horizon, strict=True)
    ]
    return rows


def trace_of(entry: Entry) -> tuple[TracePoint, ...]:
    """Return the plans of a run in their order; what its trace leaves out, there was at its end."""
    answer = entry.answer
    if answer is None or answer.objective is None or not answer.verified:
        return ()
    last = TracePoint(time_s=answer.runtime_s, objective=answer.objective, bound=answer.bound)
    return (*answer.trace, last)


def wins(rows: pd.DataFrame, tolerance: float, baseline: str) -> dict[str, tuple[int, int, int]]:
    """Count for every formulation the pairs in which its plan is better, as good, or worse than the baseline's.

    A plan is better than none; what does not apply to one of both is not counted.
    """
    scores = rows[rows["applies"]].set_index(["formulation", *PAIR])["score"].fillna(float("inf"))
    if baseline not in scores.index.get_level_values(0):
        return {}
    theirs = scores.loc[baseline]
    return {str(name): _counted(own.droplevel(0), theirs, tolerance) for name, own in scores.groupby(level=0)}


def _counted(own: "pd.Series[float]", theirs: "pd.Series[float]", tolerance: float) -> tuple[int, int, int]:
    both = pd.concat([own.rename("own"), theirs.rename("theirs")], axis=1, join="inner")
    slack = tolerance * both["theirs"].abs().where(both["theirs"] < float("inf"), 0.0)
    better, worse = both["own"] < both["theirs"] - slack, both["own"] > both["theirs"] + slack
    return int(better.sum()), int((~better & ~worse).sum()), int(worse.sum())


def _record(entry: Entry) -> dict[str, Any]:
    task, answer = entry.task, entry.answer
    value = answer.objective if answer is not None and answer.verified else None
    sign = -1.0 if task.cost_model == NO_COST_MODEL else 1.0
    numbers = {
        "value": value,
        "bound": answer.bound if answer else None,
        "gap": answer.gap if answer else None,
        "score": None if value is None else sign * value,  # the less the better, also of tokens per second
        "runtime_s": answer.runtime_s if answer else None,
    }
    return {
        "instance": task.instance,
        "formulation": task.formulation,
        "cost_model": task.cost_model,
        "seed": task.seed,
        "happened": entry.happened,
        "detail": entry.detail,
        **{name: float("nan") if number is None else float(number) for name, number in numbers.items()},
        "wall_s": entry.wall_s,
        "memory_GiB": entry.memory_GiB,
        "machine": entry.machine,
        "solved": answer is not None and answer.answers,
        "proved": entry.happened in ("optimal", "infeasible"),
    }


def _to_best(value: float, best: float) -> float:
    return float("nan") if value != value or best != best else distance(value, best)
