"""Plans that are near enough to the best one, each on the equal devices that suit it best, by what they move."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from milp_amp.bounds.prepass import Prepass
from milp_amp.engine.limits import Start
from milp_amp.errors import Discrepancy
from milp_amp.judge.evaluate import closed_form
from milp_amp.judge.movement import Movement
from milp_amp.plan.strategy import Strategy
from milp_amp.solving.near_old import neighbours
from milp_amp.solving.renaming import Renaming

ROUNDING = 1e-9
"""Relative difference of two movements, or of two values, that counts as rounding."""

DESCENTS = 5
"""Candidates from which boundaries are shifted."""


@dataclass(frozen=True)
class Candidate:
    """A plan on the devices that suit it best: its value, and the bytes that devices receive."""

    received: float
    value: float
    plan: Strategy

    @property
    def rank(self) -> tuple[float, float]:
        """Key by which less movement comes first, then the better plan."""
        return self.received, self.value


@dataclass
class Candidates:
    """The candidates so far.

    Attributes
    ----------
    most, least
        The largest value within the tolerance; bytes that no plan of such a value moves less than.
    met
        Plans that the searches came by and that are not judged yet.
    """

    prepass: Prepass
    old: Strategy
    movement: Movement
    most: float = math.inf
    least: float = 0.0
    known: dict[Strategy, Candidate] = field(default_factory=dict)
    met: list[Start] = field(default_factory=list)

    @property
    def best(self) -> Candidate:
        """The one that moves least."""
        return min(self.known.values(), key=lambda candidate: candidate.rank)

    @property
    def least_moved(self) -> bool:
        """Whether it is proved that nothing moves less than the best candidate."""
        return self.best.received <= self.least * (1 + ROUNDING)

    @cached_property
    def _renaming(self) -> Renaming:
        return Renaming(self.movement, self.prepass.classes)

    def judge_met(self) -> None:
        """Add what the searches came by, once it is known what is near enough."""
        while self.met and math.isfinite(self.most):
            self.add(self.met.pop().strategy)

    def add(self, plan: Strategy) -> Candidate | None:
        """Judge a plan, and give it to the devices that suit it best; ``None`` if it is no answer."""
        instance, costs = self.prepass.instance, self.prepass.costs
        value, broken = closed_form(instance, plan, costs)
        if value is None or broken or value > self.most * (1 + ROUNDING):
            return None
        plan = self._renaming.renamed(plan)
        if plan not in self.known:
            value, broken = closed_form(instance, plan, costs)
            if value is None or broken:
                raise Discrepancy(f"a plan on other devices of the same nodes breaks a rule: {broken[0]}")
            self.known[plan] = Candidate(self.movement.received(plan), value, plan)
        return self.known[plan]

    def descend(self, over: Callable[[], bool]) -> None:
        """Shift boundaries and exchange stages of the best candidates, as long as less is moved."""
        ranked = sorted(self.known.values(), key=lambda candidate: candidate.rank)
        for candidate in ranked[:DESCENTS]:
            best: Candidate | None = candidate
            while best is not None and not over():
                near = [self.add(plan) for plan in neighbours(best.plan, self.old)]
                better = [each for each in near if each is not None and each.rank < best.rank]
                best = min(better, key=lambda each: each.rank, default=None)
