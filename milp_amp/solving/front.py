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
feasible, and an end from which on nothing was searched. A step time that is not proved the least under its limit makes
a hole: of the next limit only plans are sought that spend less, and what is faster and spends as much is passed over.
Then the best of the plans that the searches came by fill the front.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import prepare
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits
from milp_amp.engine.options import checked_limits
from milp_amp.errors import EngineError, FormulationError, InputError
from milp_amp.plan.front import Against, FrontPoint, TrainingFront, undominated
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.answer import answered
from milp_amp.solving.chain import AUTO
from milp_amp.solving.front_plans import Met, scales
from milp_amp.solving.run import Run

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
    sweep = _Sweep(Met(scales(instance, against, cost_model, gap)), formulation, limits, tell)
    return run_interruptibly(lambda: sweep.front(points or MOST_POINTS), limits.stop)


@dataclass
class _Sweep:
    """The front so far.

    Attributes
    ----------
    searched
        Limits of the other quantity, and what was found and proved of the step time under each.
    reached
        Whether it is proved that there is no plan beyond the last limit.
    """

    met: Met
    formulation: str
    limits: Limits
    progress: Callable[[FrontPoint, float], None]
    points: tuple[FrontPoint, ...] = ()
    searched: list[tuple[float, Result]] = field(default_factory=list)
    reached: bool = False
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.scales = self.met.scales
        self.instance = self.scales.instance

    def front(self, most: int) -> TrainingFront:
        """Sweep from the fast end, and say what is proved."""
        try:
            for point in self._by_price() if self.scales.against == "price" else self._by_memory():
                self._add(point)
                self.progress(point, self._elapsed)
                if len(self.points) == most or self._left <= 0 or self.limits.stop.is_set():
                    break
        except (EngineError, FormulationError) as failure:
            if not self.points:
                raise
            self.notes.append(f"the front ends early: {failure}")
        if self.points and not self.reached:
            self.notes.append("beyond the last point nothing is known")
        if self.reached and not self._complete:
            self.notes.append("not every search was finished: between the points others may be missing")
        if not self._complete and len(self.points) < most:
            self._add(*self.met.points(self.searched))
        return self._answer(self.points[:most])

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    @property
    def _left(self) -> float:
        return self.limits.time_limit - self._elapsed

    @property
    def _complete(self) -> bool:
        """Whether nothing is missing: the end was reached, and every step time on the way is the least."""
        found = (fast.status for _, fast in self.searched if fast.objective is not None)
        return self.reached and all(status is Status.OPTIMAL for status in found)

    def _add(self, *points: FrontPoint) -> None:
        self.points = undominated((*self.points, *points), self.scales.quantities)

    def _by_price(self) -> Iterator[FrontPoint]:
        """Yield the cheapest of the fastest plans under one budget after another."""
        cheapest = self._solve(self.instance.asked(minimise="price"), None)
        self.reached = cheapest.status is Status.INFEASIBLE
        least = cheapest.objective if cheapest.status is Status.OPTIMAL and cheapest.objective else 0.0
        apart = 1 - 2 * self.limits.gap - BESIDE
        budget = self.instance.objective.most_price_per_step
        while not self.reached:
            within = self.instance.asked(most_price_per_step=budget)
            fast = self._fast(within, math.inf if budget is None else budget)
            if fast.objective is None:
                return
            as_fast = within.asked(minimise="price", least_steps_per_second=1 / fast.objective)
            chosen = self._solve(as_fast, self.met.least(fast.objective))
            point = self._point(fast, chosen)
            budget = (point.price or 0.0) * apart
            self.reached = budget <= least
            yield point

    def _by_memory(self) -> Iterator[FrontPoint]:
        """Yield the fastest plans that leave more and more memory free."""
        apart = BESIDE * max(kind.memory_GiB for kind in self.instance.cluster.device_types.values())
        left = 0.0
        while (smaller := _with_less_memory(self.instance, left)) is not None:
            fast = self._fast(smaller, -left)
            if fast.objective is None:
                return
            point = self._point(fast, fast)
            left = (point.headroom_GiB or 0.0) + apart
            yield point
        self.reached = True

    def _fast(self, asked: Instance, most: float) -> Result:
        """Return the fastest plan under a limit; where there is none, the end is reached."""
        fast = self._solve(asked, self.met.fastest(most))
        self.searched.append((most, fast))
        self.reached = fast.status is Status.INFEASIBLE
        return fast

    def _solve(self, asked: Instance, start: Strategy | None) -> Result:
        """Answer one question with a share of the time that is left."""
        share = self._left if math.isinf(self._left) else max(self._left * SHARE, LEAST_SECONDS)
        limits = replace(self.limits, time_limit=self._elapsed + share, found=self.met.meet)
        run = Run(asked, prepare(asked, self.scales.costs.name), limits, self.began)
        return answered(run, self.formulation, start)

    def _point(self, fast: Result, chosen: Result) -> FrontPoint:
        """Judge a plan that is as fast as the fastest one under a limit."""
        proved = {fast.status, chosen.status} == {Status.OPTIMAL}
        return self.scales.point(fast, chosen.strategy or fast.strategy, proved=proved)

    def _answer(self, points: tuple[FrontPoint, ...]) -> TrainingFront:
        proved = self._complete and all(point.result.status is Status.OPTIMAL for point in points)
        status = Status.OPTIMAL if proved else Status.FEASIBLE
        if not points:
            status = Status.INFEASIBLE if self._complete else Status.UNKNOWN
        return TrainingFront(
            instance=self.instance.name,
            formulation=self.formulation,
            cost_model=self.scales.costs.name,
            against=self.scales.against,
            status=status,
            complete=self._complete,
            points=points,
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
