"""Progress of a search: single lines on standard error."""

import time

from milp_amp.cli.output import inform
from milp_amp.plan.result import TracePoint, relative_gap

INTERVAL = 0.5
"""Seconds between two lines that report a bound; a new incumbent is always reported."""


class Progress:
    """Prints the points of a trace as they come."""

    def __init__(self, unit: str = "s") -> None:
        self._unit = unit
        self._objective: float | None = None
        self._printed = -INTERVAL

    def __call__(self, point: TracePoint) -> None:
        """Print the point if its incumbent is new, or if the last line is old enough."""
        now = time.monotonic()
        if point.objective == self._objective and now - self._printed < INTERVAL:
            return
        self._objective, self._printed = point.objective, now
        inform(describe(point, self._unit))


def describe(point: TracePoint, unit: str = "s") -> str:
    """Return one line: time, incumbent, bound, gap."""
    incumbent = "none" if point.objective is None else f"{point.objective:.6g} {unit}"
    bound = "none" if point.bound is None else f"{point.bound:.6g} {unit}"
    gap = ""
    if point.objective is not None and point.bound is not None:
        gap = f"  gap {relative_gap(point.objective, point.bound):.2%}"
    return f"{point.time_s:8.1f} s  incumbent {incumbent}  bound {bound}{gap}"
