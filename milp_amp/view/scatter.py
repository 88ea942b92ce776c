"""Predicted over measured seconds."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from milp_amp.view.canvas import drawn

MARGIN = 0.1
"""Of the measured seconds: errors inside the two thin lines are smaller."""

MARKERS = "os^Dv<>PX*"
ROUND = (1, 2, 5)
"""Axes begin and end at these times a power of ten."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """One entry per trial, all above zero.

    Attributes
    ----------
    measured, predicted
        Seconds of a step.
    tensor_parallel
        Tensor degrees; each has a marker of its own.
    fits
        Whether the trial was predicted to fit; where not, its marker is hollow.
    """

    measured: Sequence[float]
    predicted: Sequence[float]
    tensor_parallel: Sequence[int]
    fits: Sequence[bool]

    def of(self, tensor_parallel: int, fits: bool) -> tuple[list[float], list[float]]:
        """Return measured and predicted seconds of one degree, of those that fit or of those that do not."""
        rows = zip(self.measured, self.predicted, self.tensor_parallel, self.fits, strict=True)
        chosen = [(x, y) for x, y, degree, fit in rows if (degree, fit) == (tensor_parallel, fits)]
        return [x for x, _ in chosen], [y for _, y in chosen]


def draw(points: Points, form: str, title: str, axis: str) -> bytes:
    """Return the picture.

    Parameters
    ----------
    form
        One of ``canvas.FORMATS``.
    axis
        What predicted the seconds, for the label of the vertical axis.
    """
    return drawn(lambda figure: _fill(figure.add_subplot(), points, title, axis), form, (6, 6))


def _fill(axes: Any, points: Points, title: str, axis: str) -> None:
    ends = limits([*points.measured, *points.predicted])
    for factor, style in ((1 - MARGIN, ":"), (1.0, "-"), (1 + MARGIN, ":")):
        axes.plot(ends, [factor * end for end in ends], style, color="grey", linewidth=0.8)
    _markers(axes, points)
    ticks = list(_round_numbers(*ends))
    for scale, ticked in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        ticked.set_ticks([], minor=True)
        ticked.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set(xlim=ends, ylim=ends, aspect="equal", title=title)
    axes.set(xlabel="measured, seconds per step", ylabel=f"predicted by {axis}, seconds per step")
    axes.legend(frameon=False)


def _markers(axes: Any, points: Points) -> None:
    for number, degree in enumerate(sorted(set(points.tensor_parallel))):
        marker, colour = MARKERS[number % len(MARKERS)], f"C{number % 10}"
        style = {"linestyle": "none", "marker": marker, "markersize": 5, "color": colour}
        axes.plot(*points.of(degree, True), label=f"tensor degree {degree}", **style)
        axes.plot(*points.of(degree, False), markerfacecolor="none", **style)
    if not all(points.fits):
        hollow = {"linestyle": "none", "marker": "o", "markersize": 5, "color": "grey", "markerfacecolor": "none"}
        axes.plot([], [], label="predicted not to fit", **hollow)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the closest round numbers between which all values lie, none of them at an end."""
    low, high = min(values), max(values)
    grid = list(_round_numbers(low / 10, 10 * high))
    return max(tick for tick in grid if tick < low), min(tick for tick in grid if tick > high)


def _round_numbers(low: float, high: float) -> Iterator[float]:
    """Yield 1, 2 and 5 times the powers of ten from one number to another."""
    for power in range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1):
        yield from (tick for digit in ROUND if low <= (tick := float(f"{digit}e{power}")) <= high)
