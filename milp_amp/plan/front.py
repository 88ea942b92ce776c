"""Answers between which only taste decides: none is better in one quantity without being worse in another."""

import math
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

import msgspec

from milp_amp.plan.result import Result, Status

Against = Literal["price", "memory"]
"""What is set against the step time."""

Point = TypeVar("Point")

ROUNDING = 1e-9
"""Relative difference of two quantities that counts as rounding."""


class FrontPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan of the front.

    Attributes
    ----------
    step_time
        Seconds.
    price
        Of a step; ``None`` where nothing has a price.
    headroom_GiB
        Memory left free on the device in use that has least of it, beside the reserve; ``None`` where the cost model
        does not limit memory.
    result
        The plan; its bound is that of the step time among plans as cheap, or with as much memory left.
    """

    step_time: float
    price: float | None
    headroom_GiB: float | None
    result: Result


class TrainingFront(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plans that no other beats in one quantity without losing in the other, the fastest one first.

    Attributes
    ----------
    status
        ``optimal``: every point is proved, and there are no others; ``feasible``: points may be missing, or beaten;
        ``infeasible``: no plan keeps every rule.
    complete
        Whether it is proved that no point is missing, neither between these nor beyond the last one.
    """

    instance: str
    formulation: str
    cost_model: str
    against: Against
    status: Status
    complete: bool
    points: tuple[FrontPoint, ...]
    runtime_s: float
    seed: int = 0
    notes: tuple[str, ...] = ()


def undominated(points: Iterable[Point], quantities: Callable[[Point], tuple[float, float]]) -> tuple[Point, ...]:
    """Return the points that no other beats in one quantity without losing in the other, the least first one first.

    Quantities, of which less is better, are equal if they differ by no more than ``ROUNDING``.
    """
    kept: list[Point] = []
    for point in sorted(points, key=quantities):
        first, second = quantities(point)
        if kept and not second < quantities(kept[-1])[1] - ROUNDING * abs(second):
            continue
        while kept and first <= quantities(kept[-1])[0] * (1 + ROUNDING):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def spent(price: float | None, headroom: float | None, against: Against) -> float:
    """Return the quantity of which less is better: the price, or what the memory that is free lacks."""
    quantity = price if against == "price" else None if headroom is None else -headroom
    return math.inf if quantity is None else quantity
