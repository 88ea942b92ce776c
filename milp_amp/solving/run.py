"""One run: a clock, the pre-pass, and formulations whose claims are checked."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.model import cost_model
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.engine.limits import Limits, Start
from milp_amp.errors import Discrepancy, EngineError, FormulationError, InputError, MilpAmpError, PlanError
from milp_amp.formulation import load
from milp_amp.judge.check import check
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.result import Result, Status, TracePoint
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance

BASELINE = "amp_dp"
"""The published search that everything is compared to; its plan is where the others start."""

EXACT_BASELINE = "amp_dp_exact"
"""The same search with exact partitions: a better start, and quick with any number of stages."""

_BASELINE_SECONDS = 1.0
_BASELINE_SHARE = {EXACT_BASELINE: 0.5, BASELINE: 0.1}
"""A start is worth this much of the time. With many stages the published search takes far longer, and its plan is
rarely the better one; the exact one has a plan at once."""

WARM_START = "warm_start"
"""Where a plan comes from that the caller brought along."""

_FIRST_SHARE, _FIRST_SECONDS = 0.25, 10.0
"""What a formulation that finds the start gets of the time, and at most."""


@dataclass
class Run:
    """One instance after its pre-pass, one clock, and what there is to tell about the way.

    Attributes
    ----------
    reference
        The plan that the published search chooses; ``None`` where it was not asked or did not end.
    origin
        Where the start comes from: a formulation's name, or ``WARM_START``.
    callers_failure
        What the caller's own ``progress`` raised.
    """

    instance: Instance
    prepass: Prepass
    limits: Limits
    began: float
    notes: list[str] = field(default_factory=list)
    reference: Start | None = None
    origin: str = WARM_START
    callers_failure: BaseException | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, pre-pass included."""
        return time.perf_counter() - self.began

    @property
    def remaining(self) -> float:
        """Seconds until the time limit."""
        return max(0.0, self.limits.time_limit - self.elapsed)

    @property
    def over(self) -> bool:
        """Whether the time is up or somebody asked to stop."""
        return self.limits.stop.is_set() or self.remaining <= 0

    def attempt(self, name: str, limits: Limits) -> Result:
        """Run one formulation with the time that is left, and check what it claims.

        What the caller's ``progress`` raises is raised here.
        """
        offset = self.elapsed
        timed = replace(
            limits, time_limit=min(limits.time_limit, self.remaining), progress=self._reporter(limits.progress, offset)
        )
        before = _stamp(limits.export_program)
        try:
            result = _call(name, self.instance, self.prepass, timed)
        finally:
            if self.callers_failure is not None:
                raise self.callers_failure
        if limits.export_program is not None and _stamp(limits.export_program) == before:
            self.notes.append(f"{name} wrote no program to {limits.export_program}")
        costs = self.prepass.costs
        if result.cost_model != costs.name:
            costs = cost_model(result.cost_model, self.instance, costs.network)
        trace = tuple(amended(point, time_s=point.time_s + offset) for point in result.trace)
        if result.status is Status.INFEASIBLE and limits.start is not None:
            raise Discrepancy(f"{name} calls infeasible what a verified plan answers")
        return amended(check(self.instance, result, costs, limits.gap), trace=trace)

    def _reporter(
        self, progress: Callable[[TracePoint], None] | None, offset: float
    ) -> Callable[[TracePoint], None] | None:
        """Count the time of a trace from the beginning of the whole run, and stop where ``progress`` fails.

        It is called from inside a solver, through which no exception of the caller's may travel.
        """
        if progress is None:
            return None

        def report(point: TracePoint) -> None:
            if self.callers_failure is not None:
                return
            try:
                progress(amended(point, time_s=point.time_s + offset))
            except BaseException as failure:  # raised again by ``attempt``
                self.callers_failure = failure
                self.limits.stop.set()

        return report

    def contradicted(self, formulation: str) -> Result | None:
        """Return that there is no plan, where two restrictions of one number exclude each other; else ``None``."""
        reason = self.instance.restrictions.contradiction
        if reason is None:
            return None
        return Result(
            instance=self.instance.name,
            formulation=formulation,
            cost_model=self.prepass.costs.name,
            status=Status.INFEASIBLE,
            objective=None,
            bound=None,
            gap=None,
            runtime_s=self.elapsed,
            verified=False,
            strategy=None,
            seed=self.limits.seed,
            notes=(reason,),
        )

    def judged(self, strategy: Strategy) -> Start:
        """Return a plan with its step time.

        Raises
        ------
        PlanError
            If the plan breaks a rule.
        """
        step_time, broken = closed_form(self.instance, strategy, self.prepass.costs)
        if step_time is None or broken:
            raise PlanError(broken[0])
        return Start(strategy, step_time)

    def warm_start(self, plan: Strategy | Result | None) -> Start | None:
        """Judge a plan from outside before anything is built on it."""
        if plan is None:
            return None
        if not isinstance(plan, Result | Strategy):
            raise InputError(f"warm_start = {plan!r}, expected a Strategy or a Result")
        strategy = plan.strategy if isinstance(plan, Result) else plan
        try:
            if strategy is None:
                raise PlanError("the result has no plan")
            return self.judged(strategy)
        except PlanError as failure:
            raise PlanError(f"warm start: {failure}") from None

    def first(self, name: str) -> Start | None:
        """Return the plan that a formulation, from the baselines' plans, comes to within its share of the time."""
        before = self.baseline()
        share = min(_FIRST_SHARE * self.remaining, _FIRST_SECONDS)
        limits = replace(self.limits, time_limit=share, start=before, export_program=None)
        result = self.attempt(name, limits)
        if result.strategy is None:
            self.notes.append(f"no start from {name}: it found no plan in {result.runtime_s:.3g} s")
            return before
        start = self.judged(result.strategy)
        self.origin = name
        self.notes.append(f"{name} found a start of {start.value:.6g} in {result.runtime_s:.3g} s")
        return start

    def baseline(self) -> Start | None:
        """Return the better plan of the two baselines, if there is one that keeps every rule.

        They know no other question than the least step time under costs per byte, and can leave out no choice.
        """
        best: Start | None = None
        if self.prepass.refusal or self.limits.without:
            return None
        for name, fraction in _BASELINE_SHARE.items():
            start = self._baseline(name, min(fraction * self.remaining, _BASELINE_SECONDS))
            if start is not None and (best is None or start.value < best.value):
                best, self.origin = start, name
        return best

    def _baseline(self, name: str, share: float) -> Start | None:
        """Return the plan that a baseline comes to within its share of the time."""
        try:
            result = self.attempt(name, replace(self.limits, time_limit=share, progress=None, export_program=None))
            start = None if result.strategy is None else self.judged(result.strategy)
        except (FormulationError, EngineError, PlanError) as failure:
            self.notes.append(f"no start from {name}: {failure}")
            return None
        if INTERRUPTED in result.notes:
            had = "without a plan" if start is None else "its plan so far is a start, no answer"
            self.notes.append(f"{name} was stopped after {result.runtime_s:.3g} s: {had}")
        elif name == BASELINE:
            self.reference = start
        return start

    def told(self, result: Result) -> Result:
        """Return a result with the story of the run and the time of all of it."""
        notes = [*self.notes, *result.notes]
        if self.reference is not None and result.objective:
            ratio = self.reference.value / result.objective
            notes.append(f"{BASELINE}'s plan takes {self.reference.value:.6g} s per step, {ratio:.4g} times this one")
        return amended(result, notes=tuple(notes), runtime_s=self.elapsed)


def _call(name: str, instance: Instance, prepass: Prepass, limits: Limits) -> Result:
    """Run a formulation; whatever it dies of becomes an ``EngineError`` in one line."""
    formulation = load(name)
    try:
        result = formulation(instance, prepass, limits)
    except MilpAmpError:
        raise
    except Exception as failure:
        cause = " ".join(f"{type(failure).__name__}: {failure}".split())
        raise EngineError(f"{name} died: {cause}") from failure
    if not isinstance(result, Result):
        raise EngineError(f"{name} returned {type(result).__name__}, expected Result")
    return result


def _stamp(path: Path | None) -> int | None:
    """Return when a file was written; ``None`` where there is none."""
    return path.stat().st_mtime_ns if path is not None and path.exists() else None
