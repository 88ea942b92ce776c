"""What a front knows of plans: both quantities of each, and the best of those that the searches came by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace as amended

from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.engine.limits import Start
from milp_amp.errors import EngineError, InputError
from milp_amp.judge.check import TOLERANCE, check
from milp_amp.judge.evaluate import closed_form
from milp_amp.judge.rules import stage_memory
from milp_amp.plan.front import Against, FrontPoint, spent, undominated
from milp_amp.plan.result import Result, Status, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance


class Worth(NamedTuple):
    """A plan with its step time in seconds, and the quantity of which less is better."""

    seconds: float
    spends: float
    plan: Strategy


@dataclass(frozen=True)
class Scales:
    """The judge of both quantities."""

    instance: Instance
    against: Against
    costs: CostModel
    gap: float

    def worth(self, plan: Strategy) -> Worth | None:
        """Return what a plan is worth; ``None`` if it breaks a rule."""
        seconds, broken = closed_form(self.instance, plan, self.costs)
        if seconds is None or broken:
            return None
        return Worth(seconds, spent(self._price(plan), self._headroom(plan), self.against), plan)

    def quantities(self, point: FrontPoint) -> tuple[float, float]:
        """Return the step time of a point, and the quantity of which less is better."""
        return point.step_time, spent(point.price, point.headroom_GiB, self.against)

    def point(self, fast: Result, plan: Strategy | None, *, proved: bool) -> FrontPoint:
        """Judge a plan, and say it under the bound of the fastest one under the same limit."""
        step_time = None if plan is None else closed_form(self.instance, plan, self.costs)[0]
        if plan is None or step_time is None:
            raise EngineError(f"{fast.formulation} returned no plan with a step time, expected one")
        bound = None if fast.bound is None else min(fast.bound, step_time)
        result = amended(
            fast,
            strategy=plan,
            status=Status.OPTIMAL if proved else Status.FEASIBLE,
            objective=step_time,
            bound=bound,
            gap=None if bound is None else relative_gap(step_time, bound),
            instance=self.instance.name,
        )
        # What is as fast as the fastest one may be slower by rounding.
        return FrontPoint(
            step_time=step_time,
            price=self._price(plan),
            headroom_GiB=self._headroom(plan),
            result=check(self.instance, result, self.costs, self.gap + TOLERANCE),
        )

    def _price(self, plan: Strategy) -> float | None:
        """Return the price of a step; ``None`` where nothing has one."""
        if not self.instance.cluster.has_prices:
            return None
        return closed_form(self.instance.asked(minimise="price"), plan, self.costs)[0]

    def _headroom(self, plan: Strategy) -> float | None:
        """Return the memory that a plan leaves free on every device in use."""
        if not self.costs.limits_memory:
            return None
        return min(memory.headroom_GiB for memory in stage_memory(self.instance, plan, self.costs))


def scales(instance: Instance, against: Against, name: str, gap: float) -> Scales:
    """Return the judge under a cost model, if it knows the quantity.

    Raises
    ------
    InputError
        If nothing has a price, the cost model does not limit memory, or the price is minimised already.
    """
    costs = cost_model(name, instance, measure(instance.cluster))
    if against == "price" and not instance.cluster.has_prices:
        raise InputError("against price: nothing has one, expected a price_per_hour or a price_per_GB in the cluster")
    if against == "memory" and not costs.limits_memory:
        raise InputError(f"against memory: cost model {name!r} does not limit it, expected another")
    if instance.objective.minimise == "price":
        raise InputError("objective.minimise: 'price', expected step_time: a front has both")
    return Scales(instance, against, costs, gap)


@dataclass
class Met:
    """Plans that the searches came by, the fastest one first, and none that another beats."""

    scales: Scales
    plans: tuple[Worth, ...] = ()

    def meet(self, start: Start) -> None:
        """Remember a plan, unless another one beats it."""
        worth = self.scales.worth(start.strategy)
        if worth is not None:
            self.plans = undominated((*self.plans, worth), lambda each: each[:2])

    def fastest(self, most: float) -> Strategy | None:
        """Return the fastest plan that spends no more."""
        return next((each.plan for each in self.plans if each.spends <= most), None)

    def least(self, latest: float) -> Strategy | None:
        """Return the plan that spends least within a step time."""
        return next((each.plan for each in reversed(self.plans) if each.seconds <= latest * (1 + TOLERANCE)), None)

    def points(self, searched: list[tuple[float, Result]]) -> Iterator[FrontPoint]:
        """Yield the plans as points, each under the best bound of those searches whose limit it keeps."""
        for each in self.plans:
            fasts = [fast for limit, fast in searched if each.spends <= limit]
            if fasts:
                fast = max(fasts, key=lambda fast: 0.0 if fast.bound is None else fast.bound)
                yield self.scales.point(fast, each.plan, proved=False)
