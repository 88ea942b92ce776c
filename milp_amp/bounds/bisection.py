"""The largest flow for which something holds."""

from collections.abc import Callable

PRECISION = 1e-7
"""Relative width at which a bisection of ``F`` ends."""

NOTHING = 1e-12
"""Relative size of a flow that is none: where not even that is possible, the bisection would go on for ever."""

MARGIN = 1e-9
"""Relative slack wherever something must be shown to be impossible: more than rounding can do."""


def largest(holds: Callable[[float], bool], most: float, precision: float = PRECISION) -> float:
    """Return the least flow found above which ``holds`` is false, up to ``precision``; ``most`` if it holds there."""
    if holds(most):
        return most
    low, high = 0.0, most
    while high - low > max(precision * high, NOTHING * most):
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return high
