"""A plan for a cluster that has changed, near the best one and near the old one.

Among plans within a tolerance of the best one, one with little movement (``judge.movement``) is sought:

1. the question is solved as any other; what its searches come by within the tolerance are candidates, and so is the
   old plan itself where it still can be carried out;
2. stages of the old plan whose devices are all there are fixed where they are, all of them, then all but some, and the
   rest is completed exactly;
3. the best plans of other choices within the tolerance are listed (``solving.alternatives``);
4. every candidate is given to those equal devices that hold most of what they need (``solving.renaming``), exactly;
5. from the candidates that move least, boundaries are shifted, and stages change places, as long as that moves less.

The movement that is found need not be the least there is. Two statements are proved: the plan's value is within the
tolerance of the best one, as far as that is proved; and no plan within the tolerance moves less than ``least``
(``Movement.least``). Where both agree, the movement is the least.
"""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import Prepass, prepare
from milp_amp.cost.sailor import SailorCost
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits, Start, within
from milp_amp.engine.options import checked_limits
from milp_amp.errors import Discrepancy, EngineError, FormulationError, InputError
from milp_amp.judge.check import check
from milp_amp.judge.evaluate import closed_form
from milp_amp.judge.movement import Movement
from milp_amp.plan.choice import choice_of
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import FixedStage, PartialPlan, Range, Restrictions
from milp_amp.solving.answer import answered
from milp_amp.solving.chain import AUTO, SELECTIVE
from milp_amp.solving.renaming import Renaming
from milp_amp.solving.run import Run
from milp_amp.space.worlds import world
from milp_amp.units import GiB

TOLERANCE = 0.01
"""Relative, by which a plan may be worse than the best one to move less."""

COLD_SHARE = 0.5
"""Part of the time for the best plan, whatever it moves."""

STEP_SHARE = 0.25
"""Part of the time that is left then which one search may take."""

MOST_CHOICES = 8
"""Choices whose best plans are listed."""

MOST_FIXED = 40
"""Sets of old stages that are fixed, the largest first."""

CLOSE = 0.25
"""Gap of such a completion, over the tolerance."""

ROUNDING = 1e-9
"""Relative difference of two movements that counts as rounding."""

DESCENTS = 5
"""Candidates from which boundaries are shifted."""


def replanned(
    instance: Instance,
    old: Strategy,
    formulation: str = AUTO,
    *,
    tolerance: float = TOLERANCE,
    cost_model: str = "pipeline",
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    gap: float = DEFAULT_GAP,
    progress: Callable[[TracePoint], None] | None = None,
) -> Result:
    """Find a plan near the best one that moves little of the old one; parameters and errors as those of ``solve``.

    Parameters
    ----------
    old
        A plan of the same model; devices of it may not be there any more.
    tolerance
        Relative, by which the plan may be worse than the best one.

    Returns
    -------
    Result
        ``optimal`` if the plan is proved to be within the tolerance, or the gap where that is larger.

    Raises
    ------
    InputError
        Also if the tolerance is no fraction, or the old plan is one of another model.
    """
    limits = checked_limits(time_limit, threads, seed, gap, progress, None)
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance = {tolerance}, expected a fraction from 0 to below 1")
    movement = Movement(instance, old)
    began = time.perf_counter()

    def found() -> Result:
        prepass = prepare(instance, cost_model)
        return _Replanning(prepass, old, movement, formulation, tolerance, limits, began).result()

    return run_interruptibly(found, limits.stop)


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
class _Replanning:
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
    formulation: str
    tolerance: float
    limits: Limits
    began: float
    most: float = math.inf
    least: float = 0.0
    candidates: dict[Strategy, Candidate] = field(default_factory=dict)
    met: list[Start] = field(default_factory=list)

    def result(self) -> Result:
        """Solve, gather candidates, descend, and say what is proved."""
        cold = self._solve(self.prepass, COLD_SHARE, progress=self.limits.progress)
        if cold.strategy is None or cold.objective is None:
            return cold
        self.most = cold.objective * (1 + self.tolerance)
        self.least = self.movement.least(self._fewest_replicas())
        moved = self._add(cold.strategy)
        if moved is None:
            raise EngineError(f"{cold.formulation}: its plan is not within the tolerance of itself")
        self._add(self.old)
        self._judge_met()
        for _ in itertools.chain(self._fixed(), self._choices()):
            if self._settled:
                break
        self._descend()
        return self._told(cold, moved)

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    @property
    def _over(self) -> bool:
        return self.limits.stop.is_set() or self._elapsed >= self.limits.time_limit

    @property
    def _best(self) -> Candidate:
        return min(self.candidates.values(), key=lambda candidate: candidate.rank)

    @property
    def _settled(self) -> bool:
        """Whether nothing can be gained any more, or there is no time for it."""
        return self._over or self._best.received <= self.least * (1 + ROUNDING)

    @cached_property
    def _renaming(self) -> Renaming:
        return Renaming(self.movement, self.prepass.classes)

    def _fewest_replicas(self) -> int:
        """Return the fewest replicas of any plan within the tolerance, as far as bounds tell."""
        instance, costs = self.prepass.instance, self.prepass.costs
        if isinstance(costs, SailorCost) or instance.objective.minimise == "price":
            return 1
        try:
            configurations = list(world(costs, self.prepass.classes).configurations())
        except FormulationError:
            return 1
        return min((each.data_parallel for each in configurations if each.lower_bound <= self.most), default=1)

    def _solve(self, prepass: Prepass, share: float, **changes: Any) -> Result:
        """Answer a question with a share of the time that is left, and judge all that the search came by."""
        left = max(0.0, self.limits.time_limit - self._elapsed)
        asked = {"time_limit": self._elapsed + left * share, "progress": None, "found": self.met.append, **changes}
        result = answered(Run(prepass.instance, prepass, replace(self.limits, **asked), self.began), self.formulation)
        self._judge_met()
        return result

    def _judge_met(self) -> None:
        """Add what the searches came by, once it is known what is near enough."""
        while self.met and math.isfinite(self.most):
            self._add(self.met.pop().strategy)

    def _add(self, plan: Strategy) -> Candidate | None:
        """Judge a plan, and give it to the devices that suit it best; ``None`` if it is no answer."""
        instance, costs = self.prepass.instance, self.prepass.costs
        value, broken = closed_form(instance, plan, costs)
        if value is None or broken or value > self.most * (1 + ROUNDING):
            return None
        plan = self._renaming.renamed(plan)
        if plan not in self.candidates:
            value, broken = closed_form(instance, plan, costs)
            if value is None or broken:
                raise Discrepancy(f"a plan on other devices of the same nodes breaks a rule: {broken[0]}")
            self.candidates[plan] = Candidate(self.movement.received(plan), value, plan)
        return self.candidates[plan]

    def _fixed(self) -> Iterator[None]:
        """Complete what is left of the old plan: all stages that are all there, then fewer and fewer of them."""
        there = [stage for stage in self.old.stages if self._is_there(stage)]
        kept = (chosen for count in range(len(there), 0, -1) for chosen in itertools.combinations(there, count))
        for stages in itertools.islice(kept, MOST_FIXED):
            restricted = self._with_fixed(stages)
            with contextlib.suppress(EngineError, FormulationError):
                prepass = prepare(restricted, self.prepass.costs.name)
                self._solve(prepass, STEP_SHARE, gap=max(self.limits.gap, self.tolerance * CLOSE))
            yield

    def _is_there(self, stage: Stage) -> bool:
        return all(device in self.movement.held for group in stage.replicas for device in group)

    def _with_fixed(self, stages: Iterable[Stage]) -> Instance:
        """Return the question for plans that have some stages of the old one, where they are, with as many replicas."""
        instance, hosts = self.prepass.instance, self.prepass.instance.cluster.host_of_device
        nodes = [sorted({hosts[device].name for group in stage.replicas for device in group}) for stage in stages]
        fixed = tuple(
            FixedStage(layers=stage.layers, nodes=tuple(names)) for stage, names in zip(stages, nodes, strict=True)
        )
        same = Restrictions(data_parallel=Range(exactly=self.old.data_parallel), plan=PartialPlan(stages=fixed))
        return amended(instance, restrictions=instance.restrictions.merged(same))

    def _choices(self) -> Iterator[None]:
        """List the best plans of other choices, as long as they are within the tolerance."""
        cluster, without = self.prepass.instance.cluster, [choice_of(self.prepass.instance.cluster, self._best.plan)]
        while self.formulation in (AUTO, *SELECTIVE) and len(without) <= MOST_CHOICES:
            try:
                result = self._solve(self.prepass, STEP_SHARE, without=tuple(without))
            except (EngineError, FormulationError):
                return
            if result.strategy is None or result.objective is None or result.objective > self.most:
                return
            without.append(choice_of(cluster, result.strategy))
            yield

    def _descend(self) -> None:
        """Shift boundaries and exchange stages of the best candidates, as long as less is moved."""
        ranked = sorted(self.candidates.values(), key=lambda candidate: candidate.rank)
        for candidate in ranked[:DESCENTS]:
            best: Candidate | None = candidate
            while best is not None and not self._settled:
                near = [self._add(plan) for plan in self._neighbours(best.plan)]
                better = [each for each in near if each is not None and each.rank < best.rank]
                best = min(better, key=lambda each: each.rank, default=None)

    def _neighbours(self, plan: Strategy) -> Iterator[Strategy]:
        """Yield plans that differ in one boundary, or in which a stage has taken the place of one of either plan."""
        stages = plan.stages
        for s, (before, after) in enumerate(itertools.pairwise(stages)):
            wanted = {before.stop - 1, before.stop + 1, *(stage.stop for stage in self.old.stages)}
            for cut in sorted(cut for cut in wanted if before.start < cut < after.stop and cut != before.stop):
                moved = amended(before, layers=(before.start, cut)), amended(after, layers=(cut, after.stop))
                yield amended(plan, stages=(*stages[:s], *moved, *stages[s + 2 :]))
        for stage, other in itertools.product(stages, (*stages, *self.old.stages)):
            if stage.tensor_parallel == other.tensor_parallel and stage.replicas != other.replicas:
                yield _exchanged(plan, stage, other)

    def _told(self, cold: Result, moved: Candidate) -> Result:
        """Return the plan that moves least, with what is proved of it."""
        best, allowed = self._best, self.limits.gap + self.tolerance
        bound = None if cold.bound is None else min(cold.bound, best.value)
        gap = None if bound is None else relative_gap(best.value, bound)
        proved = gap is not None and within(gap, allowed)
        result = amended(
            cold,
            status=Status.OPTIMAL if proved else Status.FEASIBLE,
            strategy=best.plan,
            objective=best.value,
            bound=bound,
            gap=gap,
            runtime_s=self._elapsed,
            notes=(*cold.notes, *self._notes(cold, moved, best)),
        )
        return check(self.prepass.instance, result, self.prepass.costs, allowed)

    def _notes(self, cold: Result, moved: Candidate, best: Candidate) -> Iterator[str]:
        unit = self.prepass.instance.objective.unit
        yield (
            f"moves {best.received / GiB:.4g} GiB of parameters, the best plan found, of {cold.objective:.6g} {unit}, "
            f"{moved.received / GiB:.4g} GiB; tolerance {self.tolerance:g}"
        )
        if self._best.received <= self.least * (1 + ROUNDING):
            yield "no plan within the tolerance moves less"
        else:
            yield f"no plan within the tolerance moves less than {self.least / GiB:.4g} GiB"


def _exchanged(plan: Strategy, stage: Stage, other: Stage) -> Strategy:
    """Return a plan in which the devices of two stages have changed places, whoever uses them."""
    names: dict[str, str] = {}
    for here, there in zip(itertools.chain(*stage.replicas), itertools.chain(*other.replicas), strict=False):
        if here not in names and there not in names:
            names[here], names[there] = there, here
    stages = (
        amended(each, replicas=tuple(tuple(names.get(device, device) for device in group) for group in each.replicas))
        for each in plan.stages
    )
    return amended(plan, stages=tuple(stages))
