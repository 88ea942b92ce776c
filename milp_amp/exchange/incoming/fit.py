"""A bandwidth curve through measured points: ``c0 x² + c1 x + c2`` GB/s with ``x = log2(bytes / 10⁶)``."""

from dataclasses import dataclass

import numpy as np

from milp_amp.exchange.incoming.nccl import Measured, Point
from milp_amp.units import MB

_LEAST_POINTS = 3


@dataclass(frozen=True)
class Fitted:
    """A curve's coefficients, and how far it is off at its worst point, as a part of what was measured there."""

    coefficients: tuple[float, float, float]
    worst: float


def fitted(measured: Measured) -> Fitted | None:
    """Return the least-squares curve; ``None`` where fewer than three sizes were measured, or it is not positive.

    It is fitted where messages are of a megabyte or more, if three sizes are: a parabola cannot follow the whole way
    from a few bytes up.
    """
    sizes = {point.size: point for point in measured.points if point.size > 0}
    large = [point for size, point in sizes.items() if size >= MB]
    points = large if len(large) >= _LEAST_POINTS else list(sizes.values())
    if len(points) < _LEAST_POINTS:
        return None
    return _through(points)


def _through(points: list[Point]) -> Fitted | None:
    x = np.log2([point.size / MB for point in points])
    y = np.array([point.bus_GBps for point in points])
    powers = np.stack([x * x, x, np.ones_like(x)], axis=1)
    coefficients = np.linalg.lstsq(powers, y, rcond=None)[0]
    found = powers @ coefficients
    if not np.all(found > 0) or coefficients[2] <= 0 or np.max(np.abs(coefficients)) > 1e6:
        return None
    moved = y > 0
    worst = float(np.max(np.abs(found[moved] / y[moved] - 1), initial=0.0))
    c0, c1, c2 = (round(float(value), 6) for value in coefficients)
    return Fitted((c0, c1, c2), worst)
