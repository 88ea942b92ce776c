"""Plans between which only taste decides: the step time against the price of a step, or against the memory left free.

By limits (the epsilon-constraint method). The least step time under a limit of the other quantity is a point of the
front, once no plan that is as fast has more of that quantity; the next limit excludes that point and all that it beats.
So the front is found from its fast end to its other end, and none of its points is left out in between:

* *price*: under a budget ``B`` the least step time ``T`` is sought, then the least price of a step of at most ``T``,
  which is the point; the next budget lies just below. The sweep ends at the least price of all, which is sought first.
* *memory*: with ``H`` GiB less on every device the least step time is sought; the memory that its plan leaves free on
  all devices is the next ``H``. A plan that is no slower than the last point takes its place. The sweep ends where no
  plan fits.

Values that differ by no more than the gap are one value. What is not proved is said: points whose ``result`` is only
feasible, and an end from which on nothing was searched.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import prepare
from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits, Start
from milp_amp.engine.options import checked_limits
from milp_amp.errors import Discrepancy, EngineError, InputError
from milp_amp.judge.check import TOLERANCE, check
from milp_amp.judge.evaluate import closed_form
from milp_amp.judge.rules import stage_memory
from milp_amp.plan.front import Against, FrontPoint, TrainingFront, spent, undominated
from milp_amp.plan.result import Result, Status, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.answer import answered
from milp_amp.solving.chain import AUTO
from milp_amp.solving.run import Run

Met = tuple[float, float, Strategy]

SHARE = 0.25
"""Part of the time that is left which one search may take, so that a hard one leaves some for the others."""

BESIDE = 4e-9
"""Relative distance of the next limit from the last point, beside the gap: more than what the judge calls rounding."""

LEAST_SECONDS = 0.1
"""Time of a search that is begun just before the time is up."""

MOST_POINTS = 10_000
"""More are taken for a mistake."""


def front(
    instance: Instance,
    against: Against,
    formulation: str = AUTO,
    *,
    cost_model: str = "pipeline",
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    gap: float = DEFAULT_GAP,
    points: int | None = None,
    progress: Callable[[FrontPoint, float], None] | None = None,
) -> TrainingFront:
    """Find the front of step time and another quantity; other parameters and errors as those of ``solve``.

    Parameters
    ----------
    points
        Points after which the sweep ends; ``None`` for all there are.
    progress
        Called with every new point, and the seconds since the begin.

    Raises
    ------
    InputError
        Also if nothing has a price, or the cost model does not limit memory.
    """
    limits = checked_limits(time_limit, threads, seed, gap, None, None)
    if points is not None and not 1 <= points <= MOST_POINTS:
        raise InputError(f"points = {points}, expected an integer from 1 to {MOST_POINTS}")
    tell = progress or (lambda point, elapsed: None)
    sweep = _Sweep(instance, against, formulation, limits, _costs(instance, cost_model, against), tell)
    return run_interruptibly(lambda: sweep.front(points or MOST_POINTS), limits.stop)


def _costs(instance: Instance, name: str, against: Against) -> CostModel:
    """Return the costs by which points are judged, if they know the quantity."""
    costs = cost_model(name, instance, measure(instance.cluster))
    if against == "price" and not instance.cluster.has_prices:
        raise InputError("against price: nothing has one, expected a price_per_hour or a price_per_GB in the cluster")
    if against == "memory" and not costs.limits_memory:
        raise InputError(f"against memory: cost model {name!r} does not limit it, expected another")
    if instance.objective.minimise == "price":
        raise InputError("objective.minimise: 'price', expected step_time: a front has both")
    return costs


@dataclass
class _Sweep:
    """The front so far.

    Attributes
    ----------
    met
        Step time, quantity of which less is better, and plan of what the searches came by: the fastest one first, and
        none that another beats.
    complete
        Whether it is proved that there is no plan beyond the last point.
    """

    instance: Instance
    against: Against
    formulation: str
    limits: Limits
    costs: CostModel
    progress: Callable[[FrontPoint, float], None]
    points: tuple[FrontPoint, ...] = ()
    met: tuple[Met, ...] = ()
    complete: bool = False
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def front(self, most: int) -> TrainingFront:
        """Sweep from the fast end, and say what is proved."""
        for point in self._by_price() if self.against == "price" else self._by_memory():
            self.points = undominated((*self.points, point), self._quantities)
            self.progress(point, self._elapsed)
            if len(self.points) == most or self._left <= 0 or self.limits.stop.is_set():
                break
        if self.points and not self.complete:
            self.notes.append("beyond the last point nothing is known")
        return self._answer()

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    @property
    def _left(self) -> float:
        return self.limits.time_limit - self._elapsed

    def _by_price(self) -> Iterator[FrontPoint]:
        """Yield the cheapest of the fastest plans under one budget after another."""
        cheapest = self._solve(self.instance.asked(minimise="price"), None)
        self.complete = cheapest.status is Status.INFEASIBLE
        least = cheapest.objective if cheapest.status is Status.OPTIMAL and cheapest.objective else 0.0
        apart = 1 - 2 * self.limits.gap - BESIDE
        budget = self.instance.objective.most_price_per_step
        while not self.complete:
            within = self.instance.asked(most_price_per_step=budget)
            fast = self._solve(within, self._fastest(math.inf if budget is None else budget))
            self.complete = fast.status is Status.INFEASIBLE
            if fast.objective is None:
                return
            as_fast = within.asked(minimise="price", least_steps_per_second=1 / fast.objective)
            point = self._point(fast, self._solve(as_fast, self._cheapest(fast.objective)))
            budget = (point.price or 0.0) * apart
            self.complete = budget <= least
            yield point

    def _by_memory(self) -> Iterator[FrontPoint]:
        """Yield the fastest plans that leave more and more memory free."""
        apart = BESIDE * max(kind.memory_GiB for kind in self.instance.cluster.device_types.values())
        left = 0.0
        while (smaller := _with_less_memory(self.instance, left)) is not None:
            fast = self._solve(smaller, self._fastest(-left))
            self.complete = fast.status is Status.INFEASIBLE
            if fast.objective is None:
                return
            point = self._point(fast, fast)
            left = (point.headroom_GiB or 0.0) + apart
            yield point
        self.complete = True

    def _solve(self, asked: Instance, start: Strategy | None) -> Result:
        """Answer one question with a share of the time that is left."""
        share = self._left if math.isinf(self._left) else max(self._left * SHARE, LEAST_SECONDS)
        limits = replace(self.limits, time_limit=self._elapsed + share, found=self._meet)
        run = Run(asked, prepare(asked, self.costs.name), limits, self.began)
        return answered(run, self.formulation, start)

    def _meet(self, start: Start) -> None:
        """Remember a plan that some search came by, unless another one beats it."""
        met = (*self.met, (*self._judged(start.strategy), start.strategy))
        self.met = undominated(met, lambda each: each[:2])

    def _fastest(self, most: float) -> Strategy | None:
        """Return the fastest plan that was met within a limit."""
        return next((plan for _, spends, plan in self.met if spends <= most), None)

    def _cheapest(self, latest: float) -> Strategy | None:
        """Return the plan that was met of least price within a step time."""
        return next((plan for seconds, _, plan in reversed(self.met) if seconds <= latest * (1 + TOLERANCE)), None)

    def _quantities(self, point: FrontPoint) -> tuple[float, float]:
        return point.step_time, spent(point.price, point.headroom_GiB, self.against)

    def _judged(self, plan: Strategy) -> tuple[float, float]:
        """Return the step time of a plan, and the quantity of which less is better."""
        seconds, _ = closed_form(self.instance, plan, self.costs)
        if seconds is None:
            raise Discrepancy("a search came by a plan without a step time")
        price, headroom = self._price(plan), self._headroom(plan)
        return seconds, spent(price, headroom, self.against)

    def _point(self, fast: Result, chosen: Result) -> FrontPoint:
        """Judge a plan that is as fast as the fastest one under a limit, and say so under the limit's bound."""
        plan = chosen.strategy or fast.strategy
        if plan is None or fast.bound is None:
            raise EngineError(f"{fast.formulation} returned no plan or no bound, expected both")
        step_time, _ = self._judged(plan)
        proved = {fast.status, chosen.status} == {Status.OPTIMAL}
        bound = min(fast.bound, step_time)
        result = amended(
            fast,
            strategy=plan,
            status=Status.OPTIMAL if proved else Status.FEASIBLE,
            objective=step_time,
            bound=bound,
            gap=relative_gap(step_time, bound),
            instance=self.instance.name,
        )
        return FrontPoint(
            step_time=step_time,
            price=self._price(plan),
            headroom_GiB=self._headroom(plan),
            result=check(self.instance, result, self.costs, self.limits.gap),
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

    def _answer(self) -> TrainingFront:
        proved = self.complete and all(point.result.status is Status.OPTIMAL for point in self.points)
        status = Status.OPTIMAL if proved else Status.FEASIBLE
        if not self.points:
            status = Status.INFEASIBLE if self.complete else Status.UNKNOWN
        return TrainingFront(
            instance=self.instance.name,
            formulation=self.formulation,
            cost_model=self.costs.name,
            against=self.against,
            status=status,
            complete=self.complete,
            points=self.points,
            runtime_s=self._elapsed,
            seed=self.limits.seed,
            notes=tuple(self.notes),
        )


def _with_less_memory(instance: Instance, less: float) -> Instance | None:
    """Return the same question on devices with so many GiB less; ``None`` where none has as many.

    Smaller devices cannot be used: even what needs no memory leaves too little of theirs free.
    """
    kinds = instance.cluster.device_types
    able = {name for name, kind in kinds.items() if kind.memory_GiB > less}
    smaller = {
        name: amended(kind, memory_GiB=kind.memory_GiB - less) if name in able else kind for name, kind in kinds.items()
    }
    profile = tuple(times for times in instance.profile if times.device in able)
    if not profile:
        return None
    return amended(instance, cluster=amended(instance.cluster, device_types=smaller), profile=profile)
