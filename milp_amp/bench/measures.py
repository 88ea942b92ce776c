"""Numbers that make runs comparable: means of times, the price of waiting, steps of curves."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from milp_amp.plan.result import TracePoint

FloatArray = npt.NDArray[np.float64]

SHIFT_S = 10.0
"""Seconds added before the geometric mean is taken: below them, ratios of times hardly count."""

LEAST_S = 1e-3
"""A shorter time counts as this: a clock's noise is no ratio."""


def shifted_geometric_mean(times: Sequence[float] | FloatArray, shift: float = SHIFT_S) -> float:
    """Return ``(Π (tᵢ + shift))^(1/n) − shift``, seconds; NaN of nothing."""
    values = np.asarray(times, dtype=np.float64)
    return float(np.exp(np.log(values + shift).mean()) - shift) if values.size else float("nan")


def distance(value: float | None, best: float) -> float:
    """Return ``|value − best|`` over the larger of both, from 0 to 1; 1 where there is no value.

    Berthold, "Measuring the impact of primal heuristics", Operations Research Letters 2013.
    """
    if value is None:
        return 1.0
    larger = max(abs(value), abs(best))
    return abs(value - best) / larger if larger else 0.0


def primal_integral(trace: Sequence[TracePoint], best: float, horizon: float) -> float:
    """Return the area below the distance of the plan in hand from the best one known, in seconds.

    From the beginning, when there is no plan, to the ``horizon``; the last plan stays. Berthold 2013.
    """
    edges, heights = [0.0], [1.0]
    for point in trace:
        if point.objective is not None and point.time_s < horizon:
            edges.append(max(edges[-1], point.time_s))
            heights.append(distance(point.objective, best))
    return float(np.diff([*edges, horizon]) @ np.array(heights))


def reached(trace: Sequence[TracePoint], best: float, within: float) -> float | None:
    """Return the first second at which the plan in hand is as good as the best one, ``None`` if it never is."""
    return next((point.time_s for point in trace if distance(point.objective, best) <= within), None)


def performance_profile(ratios: Sequence[float] | FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the steps of the part of all runs whose time is at most so many times the fastest one's.

    Parameters
    ----------
    ratios
        Time over the least time of any formulation, of every run; infinite where it did not succeed.

    Dolan and Moré, "Benchmarking optimization software with performance profiles", 2002.
    """
    values = np.asarray(ratios, dtype=np.float64)
    finite = np.sort(values[np.isfinite(values)])
    parts = np.arange(1, finite.size + 1) / max(values.size, 1)
    return np.concatenate([[1.0], finite]), np.concatenate([[0.0], parts])
