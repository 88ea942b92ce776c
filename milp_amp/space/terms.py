"""What is asked of a plan beside the least step time: its price, or limits of price and time.

A plan of step time ``T`` on devices that cost ``r`` a second, whose bytes over priced links cost ``f`` a step, has the
price ``T r + f``. Plans are searched in *brackets* of their rent: with ``r₁ <= r <= r₂``

* the rent is one more resource, with a capacity of ``r₂``, so that prices on resources know it;
* a price is at least ``T r₁``, and a plan within the budget ``B`` takes at most ``B / r₁``.

So a bracket is searched for the least step time under a ceiling, and wide brackets are halved.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.problem.objective import Objective

ROUNDING = 0.9e-9
"""Relative excess over a limit that counts as rounding: a little less than the judge allows."""

SAMPLE = 1.1
"""Ratio of the ends of the brackets in which first plans are looked for."""

NARROW = 0.01
"""Width of a bracket, over its ceiling, up to which it is searched as one."""


@dataclass(frozen=True)
class Terms:
    """The objective, and the bracket of rents in which plans are searched for it.

    Attributes
    ----------
    priced
        Whether rents and tolls matter at all; if not, a plan is worth its step time.
    by_price
        Whether a plan is worth its price, not its step time.
    latest, budget
        Seconds and price that a plan may not exceed.
    floor, ceiling
        Price per second of all devices in use.
    grain
        Price per second of the cheapest device that is not free.
    least
        A rent that no plan pays less than in a step.
    fill
        Seconds of all layers at their fastest.
    num_microbatches
        ``m``.
    """

    priced: bool = False
    by_price: bool = False
    latest: float = math.inf
    budget: float = math.inf
    floor: float = 0.0
    ceiling: float = math.inf
    grain: float = math.inf
    least: float = 0.0
    fill: float = 0.0
    num_microbatches: int = 1

    @property
    def bottleneck(self) -> float:
        """Seconds that no bottleneck of the bracket's plans beats.

        Proof: in these seconds all devices in use do the work of one microbatch, for which they are paid a ``m``-th of
        ``least`` or more.
        """
        return self.least / self.num_microbatches / self.ceiling if self.ceiling > 0 else 0.0

    @property
    def step_time(self) -> float:
        """A step time that no plan of the bracket beats: ``Σ τ`` is at least ``fill``."""
        return self.fill + (self.num_microbatches - 1) * self.bottleneck

    def value(self, seconds: float) -> float:
        """Return what no plan of the bracket of at least this step time is worth less than."""
        if not self.by_price or math.isinf(seconds):
            return seconds
        later = self.least * (1 - 1 / self.num_microbatches)  # what follows the first microbatch
        return max(self.least, self.floor * seconds, self.floor * self.fill + later)

    def seconds(self, value: float) -> float:
        """Return a step time that no plan of the bracket reaches that keeps the limits and is worth less."""
        cheap = min(self.budget, value if self.by_price else math.inf)
        most = min(self.latest, cheap / self.floor if self.floor > 0 else math.inf)
        return most if self.by_price else min(most, value)

    @property
    def empty(self) -> bool:
        """Whether no plan lies in the bracket."""
        return self.floor > self.ceiling or self.least > self.budget

    def wide(self, value: float) -> bool:
        """Whether the bracket is to be halved when only plans worth less than ``value`` count."""
        if not self.by_price and self.ceiling * value <= self.budget:
            return False
        return self.priced and self.ceiling - self.floor > max(NARROW * self.ceiling, 0.5 * self.grain)

    def samples(self) -> "Iterator[Terms]":
        """Yield narrow brackets, likely ones first: cheap plans have few devices, fast ones many."""
        if not self.priced or self.floor <= 0:
            return
        count = math.ceil(math.log(self.ceiling / self.floor, SAMPLE)) + 1
        ends = [min(self.ceiling, self.floor * SAMPLE**k) for k in range(count + 1)]
        brackets = [replace(self, floor=low, ceiling=high) for low, high in itertools.pairwise(ends) if low < high]
        yield from brackets if self.by_price else reversed(brackets)

    def halves(self) -> "tuple[Terms, Terms]":
        """Return the brackets below and above the middle."""
        middle = 0.5 * (self.floor + self.ceiling)
        return replace(self, ceiling=middle), replace(self, floor=middle)


FREE = Terms()
"""The least step time, whatever it costs."""


def terms_of(
    objective: Objective, rows: list[tuple[float, int, FloatArray]], replicas: int, num_microbatches: int, rent: float
) -> Terms:
    """Return the terms of all plans of a configuration.

    Parameters
    ----------
    rows
        For every device type and tensor degree: the price of such a device per second, the degree, and the seconds of
        every layer for one microbatch.
    rent
        Price per second of all devices.
    """
    if objective.is_least_time:
        return FREE
    slowest, budget = objective.least_steps_per_second, objective.most_price_per_step
    latest = math.inf if slowest is None else (1 + ROUNDING) / slowest
    least = _cheapest_work(rows, replicas, num_microbatches) * (1 - ROUNDING)
    one_stage = float(min(rate * degree for rate, degree, _ in rows)) * replicas
    return Terms(
        priced=objective.asks_price,
        by_price=objective.minimise == "price",
        latest=latest,
        budget=math.inf if budget is None else budget * (1 + ROUNDING),
        # Who works for the price of the cheapest work within the time pays so much rent.
        floor=max(least / latest, one_stage * (1 - ROUNDING)) if objective.asks_price else 0.0,
        ceiling=rent * (1 + ROUNDING),
        grain=float(min((rate for rate, _, _ in rows if rate > 0), default=math.inf)),
        least=least,
        fill=float(np.min([seconds for _, _, seconds in rows], axis=0).sum()),
        num_microbatches=num_microbatches,
    )


def _cheapest_work(rows: list[tuple[float, int, FloatArray]], replicas: int, num_microbatches: int) -> float:
    """Return rent that no plan of a configuration pays less than in a step.

    Proof: the step takes at least ``m τ`` of any stage, for which its ``d t`` devices are paid; ``τ`` is at least the
    seconds of the stage's layers on each of its device types. So every layer is paid ``m`` times on ``d`` replicas, at
    the cheapest type and degree or dearer.
    """
    paid = np.min([rate * degree * seconds for rate, degree, seconds in rows], axis=0)
    return float(paid.sum()) * replicas * num_microbatches
