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
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import Prepass, prepare
from milp_amp.cost.sailor import SailorCost
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits
from milp_amp.engine.options import checked_limits
from milp_amp.errors import EngineError, FormulationError, InputError
from milp_amp.judge.check import check
from milp_amp.judge.movement import Movement
from milp_amp.plan.choice import choice_of
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.answer import answered
from milp_amp.solving.candidates import ROUNDING, Candidate, Candidates
from milp_amp.solving.chain import AUTO, SELECTIVE
from milp_amp.solving.near_old import completions
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
        candidates = Candidates(prepass, old, movement)
        return _Replanning(prepass, candidates, formulation, tolerance, limits, began).result()

    return run_interruptibly(found, limits.stop)


@dataclass
class _Replanning:
    """One question, and how near to its best plan the candidates have to be."""

    prepass: Prepass
    candidates: Candidates
    formulation: str
    tolerance: float
    limits: Limits
    began: float

    def result(self) -> Result:
        """Solve, gather candidates, descend, and say what is proved."""
        cold = self._solve(self.prepass, COLD_SHARE, progress=self.limits.progress)
        if cold.strategy is None or cold.objective is None:
            return cold
        candidates = self.candidates
        candidates.most = cold.objective * (1 + self.tolerance)
        candidates.least = candidates.movement.least(self._fewest_replicas())
        moved = candidates.add(cold.strategy)
        if moved is None:
            raise EngineError(f"{cold.formulation}: its plan is not within the tolerance of itself")
        candidates.add(candidates.old)
        candidates.judge_met()
        for _ in itertools.chain(self._fixed(), self._choices()):
            if self._settled():
                break
        candidates.descend(self._settled)
        return self._told(cold, moved)

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    def _settled(self) -> bool:
        """Whether nothing can be gained any more, or there is no time for it."""
        over = self.limits.stop.is_set() or self._elapsed >= self.limits.time_limit
        return over or self.candidates.least_moved

    def _fewest_replicas(self) -> int:
        """Return the fewest replicas of any plan within the tolerance, as far as bounds tell."""
        instance, costs = self.prepass.instance, self.prepass.costs
        if isinstance(costs, SailorCost) or instance.objective.minimise == "price":
            return 1
        try:
            configurations = list(world(costs, self.prepass.classes).configurations())
        except FormulationError:
            return 1
        most = self.candidates.most
        return min((each.data_parallel for each in configurations if each.lower_bound <= most), default=1)

    def _solve(self, prepass: Prepass, share: float, **changes: Any) -> Result:
        """Answer a question with a share of the time that is left, and judge all that the search came by."""
        left = max(0.0, self.limits.time_limit - self._elapsed)
        found = self.candidates.met.append
        asked = {"time_limit": self._elapsed + left * share, "progress": None, "found": found, **changes}
        result = answered(Run(prepass.instance, prepass, replace(self.limits, **asked), self.began), self.formulation)
        self.candidates.judge_met()
        return result

    def _fixed(self) -> Iterator[None]:
        """Complete what is left of the old plan."""
        instance, costs = self.prepass.instance, self.prepass.costs
        kept = completions(instance, self.candidates.old, self.candidates.movement.held)
        for restricted in itertools.islice(kept, MOST_FIXED):
            with contextlib.suppress(EngineError, FormulationError):
                prepass = prepare(restricted, costs.name)
                self._solve(prepass, STEP_SHARE, gap=max(self.limits.gap, self.tolerance * CLOSE))
            yield

    def _choices(self) -> Iterator[None]:
        """List the best plans of other choices, as long as they are within the tolerance."""
        cluster = self.prepass.instance.cluster
        without = [choice_of(cluster, self.candidates.best.plan)]
        while self.formulation in (AUTO, *SELECTIVE) and len(without) <= MOST_CHOICES:
            try:
                result = self._solve(self.prepass, STEP_SHARE, without=tuple(without))
            except (EngineError, FormulationError):
                return
            if result.strategy is None or result.objective is None or result.objective > self.candidates.most:
                return
            without.append(choice_of(cluster, result.strategy))
            yield

    def _told(self, cold: Result, moved: Candidate) -> Result:
        """Return the plan that moves least, with what is proved of it."""
        best = self.candidates.best
        bound = None if cold.bound is None else min(cold.bound, best.value)
        result = amended(
            cold,
            status=Status.OPTIMAL if bound is not None and self._near(best.value, bound) else Status.FEASIBLE,
            strategy=best.plan,
            objective=best.value,
            bound=bound,
            gap=None if bound is None else relative_gap(best.value, bound),
            runtime_s=self._elapsed,
            notes=(*cold.notes, *self._notes(cold, moved, best)),
        )
        return check(self.prepass.instance, result, self.prepass.costs, self.limits.gap + self.tolerance)

    def _near(self, value: float, bound: float) -> bool:
        """Whether a value is within the tolerance of whatever may be the best one, itself known up to the gap."""
        return value * (1 - self.limits.gap) <= bound * (1 + self.tolerance) * (1 + ROUNDING)

    def _notes(self, cold: Result, moved: Candidate, best: Candidate) -> Iterator[str]:
        unit = self.prepass.instance.objective.unit
        yield (
            f"moves {best.received / GiB:.4g} GiB of parameters, the best plan found, of {cold.objective:.6g} {unit}, "
            f"{moved.received / GiB:.4g} GiB; tolerance {self.tolerance:g}"
        )
        if self.candidates.least_moved:
            yield "no plan within the tolerance moves less"
        else:
            yield f"no plan within the tolerance moves less than {self.candidates.least / GiB:.4g} GiB"
