"""A search over time: the best plan so far, and what is proved about all plans."""

import math
from collections.abc import Callable, Iterator, Sequence

from milp_amp.plan.result import TracePoint
from milp_amp.view.drawing import Figure, Line, Mark, gathered, scale
from milp_amp.view.units_text import seconds

_MOST_POINTS = 400
_LEAST_MARGIN = 0.005
"""Of the values: closer ones would be written alike."""
_SERIES = {"incumbent": "objective", "bound": "bound"}
_MEANING = {"incumbent": "best plan so far", "bound": "proved bound"}


def progress_figure(
    trace: Sequence[TracePoint], runtime_s: float, written: Callable[[float], str], axis: str
) -> Figure | None:
    """Draw incumbent and bound; ``None`` where the run reported neither, or numbers that no axis holds."""
    series = {kind: _points(trace, field) for kind, field in _SERIES.items()}
    values = [value for points in series.values() for _, value in points]
    if not values:
        return None
    end = max(runtime_s, *(point.time_s for point in trace)) or 1.0
    low, high = _padded(min(values), max(values))
    if not math.isfinite(high - low):
        return None
    thinned = len(trace) > _MOST_POINTS
    return Figure(
        name="progress",
        title="Best plan and proved bound over the run",
        form="curves",
        across=(0.0, end),
        along=(low, high),
        axis=f"seconds since the start; upwards: {axis}",
        ticks=scale(end, seconds),
        rungs=scale(high, written, low),
        lines=tuple(
            Line(points=tuple(_stairs(points, end)), kind=kind, hint=_MEANING[kind], weight=2.0)
            for kind, points in series.items()
            if points
        ),
        marks=tuple(
            Mark(x=time, y=value, kind=kind, hint=f"{_MEANING[kind]}: {written(value)} after {seconds(time)}")
            for kind, points in series.items()
            for time, value in points
        ),
        legend=tuple((kind, _MEANING[kind]) for kind, points in series.items() if points),
        notes=(f"{len(trace):,} reports: every one of {_MOST_POINTS} stretches shows its last.",) if thinned else (),
    )


def _points(trace: Sequence[TracePoint], field: str) -> list[tuple[float, float]]:
    """Return the moments at which there was a value, the last of every stretch where they are many."""
    known = [(point.time_s, value) for point in trace if (value := getattr(point, field)) is not None]
    return [known[numbers[-1]] for numbers in gathered(len(known), _MOST_POINTS)] if known else []


def _stairs(points: Sequence[tuple[float, float]], end: float) -> Iterator[tuple[float, float]]:
    """Yield a line that keeps each value until the next."""
    for position, (time, value) in enumerate(points):
        yield time, value
        yield (points[position + 1][0] if position + 1 < len(points) else end), value


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = max(0.06 * (high - low), _LEAST_MARGIN * abs(high)) or 1.0
    return low - margin, high + margin
