"""What a figure consists of, in the units of its axes: geometry that knows neither paper nor page."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Form = Literal["rows", "curves", "graph"]
Range = tuple[float, float]

MOST_ROWS = 64
"""Rows of one figure: more could not be read."""

HINT_LETTERS = 200
"""Letters of what is shown when something is pointed at."""

_STEPS = (1.0, 2.0, 5.0, 10.0)
_MOST_TICKS = 7


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle from ``(x, y)``; ``kind`` names its colour, ``hint`` is shown when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str = ""
    hint: str = ""
    strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through points; ``weight`` is its width in pixels."""

    points: tuple[tuple[float, float], ...]
    kind: str
    hint: str = ""
    weight: float = 1.5


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point with a name."""

    x: float
    y: float
    kind: str
    label: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name
        What the figure is called on the command line.
    form
        ``rows``: row ``i`` lies around ``y = i``, counted downwards; ``curves``: two axes of numbers, upwards;
        ``graph``: no axes, downwards.
    across, along
        Ends of the horizontal and the vertical axis.
    ticks, rungs
        Positions on the horizontal and the vertical axis, and what stands there.
    legend
        Kinds and their meaning.
    notes
        What is left out, or to be known.
    """

    name: str
    title: str
    form: Form
    across: Range
    along: Range
    axis: str = ""
    ticks: tuple[tuple[float, str], ...] = ()
    rungs: tuple[tuple[float, str], ...] = ()
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def scale(high: float, written: Callable[[float], str], low: float = 0.0) -> tuple[tuple[float, str], ...]:
    """Return round numbers from ``low`` to ``high``, each with how it is written."""
    if not high > low:
        return ((low, written(low)),)
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in _STEPS if power * digit >= rough * (1 - 1e-9))
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return tuple((number * step, written(number * step)) for number in numbers)


def whole_numbers(high: int) -> tuple[tuple[float, str], ...]:
    """Return round whole numbers from 0 to ``high``."""
    return tuple(tick for tick in scale(high, lambda value: f"{value:.0f}") if tick[0] == round(tick[0]))


def shortened(text: str, letters: int = HINT_LETTERS) -> str:
    """Return a text, cut where it is too long to be shown."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def gathered(count: int, most: int) -> list[range]:
    """Return ``count`` things in at most ``most`` groups of neighbours, none more than one larger than another."""
    groups = min(count, most)
    return [range(g * count // groups, (g + 1) * count // groups) for g in range(groups)]


def span(numbers: range) -> str:
    """Return consecutive numbers in few letters: ``3`` or ``3-7``."""
    return str(numbers.start) if len(numbers) == 1 else f"{numbers.start}-{numbers.stop - 1}"
