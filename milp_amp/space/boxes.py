"""Branching on the bottleneck W and the synchronisation S from outside.

A box holds the paths with ``W₁ <= W <= W₂`` and ``S₁ <= S <= S₂``. Let ``P`` be the cheapest ``Σ τ + Σ κ``
under the two ceilings. Every path of the box costs at least ``P + (m − 1) W₁ + S₁``; a cheapest path with
bottleneck ``W'`` and synchronisation ``S'`` beats every path of the box with ``W >= W'`` and ``S >= S'``.
What is left are two smaller boxes, cut where their paths cannot beat the incumbent any more.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

NARROW = 0.02
"""Relative width of the bottleneck's range below which a box is not split further."""

SLICE, LEAST_SLICE = 1.04, 1e-3
"""Ceiling of the lower part of a range without one, over its floor; in seconds where the floor is zero."""


class Priced(Protocol):
    """A path as far as boxes look at it: ``Σ τ + Σ κ``, bottleneck and slowest synchronisation in seconds."""

    @property
    def seconds(self) -> float:
        """``Σ τ + Σ κ``."""

    @property
    def bottleneck(self) -> float:
        """``W``."""

    @property
    def synchronisation(self) -> float:
        """``S``."""


@dataclass(frozen=True)
class Box:
    """Ranges of the bottleneck and of the synchronisation in seconds; ceilings are inclusive."""

    bottleneck_floor: float = 0.0
    bottleneck: float = math.inf
    synchronisation_floor: float = 0.0
    synchronisation: float = math.inf

    @property
    def empty(self) -> bool:
        """Whether no path can lie in the box."""
        return self.bottleneck < self.bottleneck_floor or self.synchronisation < self.synchronisation_floor

    @property
    def wide(self) -> bool:
        """Whether the bottleneck's range is finite and worth splitting."""
        return math.isfinite(self.bottleneck) and self.bottleneck > self.bottleneck_floor * (1 + NARROW)

    def bound(self, seconds: float, weight: int) -> float:
        """Return the least step time of the box's paths when none is shorter than ``seconds``."""
        if math.isinf(self.bottleneck_floor):  # no path at all; and zero times infinity would be no number
            return math.inf
        return seconds + weight * self.bottleneck_floor + self.synchronisation_floor

    def below(self, cutoff: float, seconds: float, weight: int) -> "Box":
        """Return the part of the box whose paths can cost less than ``cutoff``.

        With ``Σ τ + Σ κ >= seconds`` they need ``(m − 1) W <= cutoff − seconds − S₁`` and
        ``S <= cutoff − seconds − (m − 1) W₁``.
        """
        room = cutoff - self.bound(seconds, weight)
        bottleneck = self.bottleneck_floor + room / weight if weight > 0 else math.inf
        return replace(
            self,
            bottleneck=min(self.bottleneck, bottleneck),
            synchronisation=min(self.synchronisation, self.synchronisation_floor + room),
        )


def rest_of(box: Box, path: Priced, weight: int, cutoff: float) -> Iterator[tuple[float, Box]]:
    """Yield what is left of a box below ``cutoff``, with bounds, once its cheapest path is known."""
    lower = replace(box, bottleneck=min(box.bottleneck, math.nextafter(path.bottleneck, -math.inf)))
    upper = replace(
        box,
        bottleneck_floor=max(box.bottleneck_floor, path.bottleneck),
        synchronisation=min(box.synchronisation, math.nextafter(path.synchronisation, -math.inf)),
    )
    for part in (lower, upper) if weight > 0 else (replace(upper, bottleneck_floor=0.0),):
        for half in halves(part.below(cutoff, path.seconds, weight)):
            bound = half.bound(path.seconds, weight)
            if not half.empty and bound < cutoff:
                yield bound, half


def halves(box: Box) -> tuple[Box, ...]:
    """Split a wide box across its bottleneck, so that an infeasible lower half raises the bound at once."""
    if not box.wide:
        return (box,)
    return _split(box, 0.5 * (box.bottleneck_floor + box.bottleneck))


def lowest_slice(box: Box) -> tuple[Box, Box]:
    """Cut a wide box into its lowest narrow slice and the rest; the floor may be zero."""
    return _split(box, max(box.bottleneck_floor * (1 + NARROW), 1e-3 * box.bottleneck))


def _split(box: Box, middle: float) -> tuple[Box, Box]:
    above = math.nextafter(middle, math.inf)
    return replace(box, bottleneck=middle), replace(box, bottleneck_floor=above)


def parts_of(box: Box, value: float, weight: int, narrow: float) -> list[tuple[Box, float]]:
    """Return two parts of a box with their bounds, nothing where it is narrow.

    Parameters
    ----------
    value
        A lower bound of the box's paths, in seconds of a step.
    narrow
        What the ranges of W and S may be worth, over ``value``, in a narrow box.
    """
    late = weight * (box.bottleneck - box.bottleneck_floor) if weight else 0.0
    slow = box.synchronisation - box.synchronisation_floor
    if max(late, slow) <= narrow * value:
        return []
    if late >= slow:
        middle = _middle(box.bottleneck_floor, box.bottleneck)
        low, high = replace(box, bottleneck=middle), replace(box, bottleneck_floor=middle)
        return [(low, value), (high, value + weight * (middle - box.bottleneck_floor))]
    middle = _middle(box.synchronisation_floor, box.synchronisation)
    low, high = replace(box, synchronisation=middle), replace(box, synchronisation_floor=middle)
    return [(low, value), (high, value + middle - box.synchronisation_floor)]


def _middle(low: float, high: float) -> float:
    if math.isfinite(high):
        return 0.5 * (low + high)
    return low * SLICE if low > 0 else LEAST_SLICE
