"""The chains behind ``auto``: exact formulations, one after the other, until each space is proved.

Two spaces are searched, the second one from the best plan of the first:

* *intervals*: uniform tensor degrees in both layouts, where costs are per byte and the nodes fall into few classes;
* *places*: a tensor degree for every stage, for any cost model and objective.

What is optimal in one of them need not be in the other: the bound of both is the lesser one, and ``optimal`` needs
both proofs. A space that is refused, such as that of places under restrictions on the number of stages, does not count.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as amended

from milp_amp.engine.limits import Limits, Start
from milp_amp.errors import EngineError, FormulationError, MilpAmpError
from milp_amp.judge.check import check
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.solving.run import Run
from milp_amp.solving.spaces import capped, least_bound, of_all_spaces, of_one_space

AUTO = "auto"
"""Not a formulation but chains of them."""

Space = tuple[str, ...]
"""Formulations that are exact over one and the same space."""

_INTERVALS: Space = ("interval_dp", "interval_cpsat", "interval_milp")
_PLACES: Space = ("placement_search",)

SELECTIVE = ("interval_dp", "placement_search")
"""Formulations that can leave out choices."""

_MOST_CLASSES = 6
"""Node classes above which programs over intervals are left alone: they grow with the product of the classes' slots."""

_FEW_CLASSES = 3
"""Node classes up to which intervals come first: they are proved sooner. With more of them places have good plans far
sooner (within 1 % after 1.3 s instead of 17 s on four-types-64), and few proofs over intervals end in time."""

_SHARE = 0.5
"""What the first of two spaces gets of the time that is left."""


def run_chain(run: Run, start: Start | None) -> Result:
    """Search one space after the other, each from the best plan so far, and join what is proved of them."""
    start = start or run.baseline()
    chain = _Chain(run, start)
    if run.prepass.refusal:
        chain.search(_PLACES, last=True)
    elif len(run.prepass.classes) > _MOST_CLASSES:
        chain.search(_PLACES, last=True)
        if not chain.answers:
            chain.search(_INTERVALS, last=True)
    else:
        # Programs over places cannot be written to a file: whoever wants one has intervals searched first.
        few = len(run.prepass.classes) <= _FEW_CLASSES or run.limits.export_program is not None
        first, second = (_INTERVALS, _PLACES) if few else (_PLACES, _INTERVALS)
        chain.search(first, last=False)
        chain.search(second, last=True)
    if chain.answers:
        return chain.joined()
    if start is None:
        # That a solver failed says more than that a formulation does not apply.
        raise sorted(chain.failures, key=lambda failure: isinstance(failure, EngineError))[-1]
    return _unproved(run, start)


@dataclass
class _Chain:
    """The spaces searched so far.

    Attributes
    ----------
    start
        The best plan so far.
    answers
        What was found and proved in each space.
    """

    run: Run
    start: Start | None
    answers: list[Result] = field(default_factory=list)
    failures: list[MilpAmpError] = field(default_factory=list)

    def search(self, space: Space, last: bool) -> None:
        """Run the formulations of a space until one has a proof."""
        run = self.run
        ends = run.elapsed + run.remaining * (1.0 if last else _SHARE)
        results: list[Result] = []
        for name in space:
            if run.limits.without and name not in SELECTIVE:
                continue
            try:
                result = run.attempt(name, replace(self._limits(last), time_limit=max(0.0, ends - run.elapsed)))
            except (EngineError, FormulationError) as failure:
                if failure is run.callers_failure:
                    raise
                self.failures.append(failure)
                run.notes.append(f"{name} failed: {failure}")
                continue
            results.append(amended(result, formulation=f"{AUTO}:{name}"))
            if result.status in (Status.OPTIMAL, Status.INFEASIBLE):
                break
            run.notes.append(f"{name} ended {result.status.value} after {run.elapsed:.1f} s, without a proof")
            self.start = _better(self.start, result)
            if run.over or run.elapsed >= ends:
                break
        if results:
            self.answers.append(of_one_space(results, run.limits.gap))
            self.start = _better(self.start, self.answers[-1])

    def joined(self) -> Result:
        """Return what is found and proved of all spaces together, and tell what is proved of one alone."""
        answer = of_all_spaces(self.answers, self.run.limits.gap)
        for own in self.answers:
            if own.status is Status.OPTIMAL and answer.status is not Status.OPTIMAL:
                name, unit = own.formulation.removeprefix(f"{AUTO}:"), self.run.instance.objective.unit
                self.run.notes.append(f"{name} proved {own.objective:.6g} {unit} optimal in its own space")
        return answer

    def _limits(self, last: bool) -> Limits:
        """Return the limits of an attempt; only where one space is all there is it has to write a program."""
        limits = replace(self.run.limits, start=self.start)
        if last and self.answers:
            limits = replace(limits, export_program=None)
        return replace(
            limits, progress=_capped_progress(limits.progress, least_bound(self.answers) if last else -math.inf)
        )


def _capped_progress(progress: Callable[[TracePoint], None] | None, most: float) -> Callable[[TracePoint], None] | None:
    """Report no bound above what is proved of the other spaces."""
    return None if progress is None else lambda point: progress(capped(point, most))


def _unproved(run: Run, start: Start) -> Result:
    """Return the start itself: every formulation failed, and a plan is better than none."""
    lower = run.prepass.lower_bound
    bound = lower if 0 < lower <= start.value else None
    result = Result(
        instance=run.instance.name,
        formulation=f"{AUTO}:{run.origin}",
        cost_model=run.prepass.costs.name,
        status=Status.FEASIBLE,
        objective=start.value,
        bound=bound,
        gap=None if bound is None else relative_gap(start.value, bound),
        runtime_s=run.elapsed,
        verified=False,
        strategy=start.strategy,
        seed=run.limits.seed,
    )
    return check(run.instance, result, run.prepass.costs)


def _better(start: Start | None, result: Result) -> Start | None:
    if result.strategy is None or result.objective is None or (start and start.value <= result.objective):
        return start
    return Start(result.strategy, result.objective)
