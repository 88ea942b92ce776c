"""The best plans that differ in what the user chooses, one after the other.

The question is asked again without the choices that are known already: ``formulations`` leave them out exactly, so the
next answer is the best plan of the best other choice, with a bound that holds for all other choices. In the spaces that
are searched the list is therefore the best one there is, up to the gap, as far as every answer is proved.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as amended

from milp_amp.bounds.prepass import Prepass, prepare
from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits, Start, within
from milp_amp.engine.options import checked_limits
from milp_amp.errors import EngineError, FormulationError, InputError
from milp_amp.plan.alternatives import Alternatives
from milp_amp.plan.choice import Choice, choice_of
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.answer import answered
from milp_amp.solving.chain import AUTO, SELECTIVE
from milp_amp.solving.run import Run

LEAST_SHARE = 0.25
"""Part of the time that is left which the search for one plan may take at least, however many are asked for."""

MOST = 1_000
"""More plans are taken for a mistake."""


def alternatives(
    instance: Instance,
    count: int,
    formulation: str = AUTO,
    *,
    cost_model: str = "pipeline",
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    gap: float = DEFAULT_GAP,
    warm_start: Strategy | Result | str | None = None,
    progress: Callable[[TracePoint], None] | None = None,
    listed: Callable[[int, Result], None] | None = None,
) -> Alternatives:
    """Find the best plan of each of the ``count`` best choices; other parameters and errors as those of ``solve``.

    Parameters
    ----------
    listed
        Called with every plan once it is on the list, and with its number there, from 1.

    Raises
    ------
    InputError
        Also if the count is none, or the formulation cannot leave out choices.
    """
    limits = checked_limits(time_limit, threads, seed, gap, progress, None)
    if not 1 <= count <= MOST:
        raise InputError(f"top = {count}, expected an integer from 1 to {MOST}")
    if formulation not in (AUTO, *SELECTIVE):
        known = ", ".join((AUTO, *SELECTIVE))
        raise FormulationError(f"{formulation} cannot leave out choices, expected one of {known} for several plans")
    began = time.perf_counter()

    def found() -> Alternatives:
        search = _Alternatives(_prepared(instance, cost_model), formulation, limits, count, began)
        return search.listed(warm_start, listed or (lambda number, result: None))

    return run_interruptibly(found, limits.stop)


def _prepared(instance: Instance, cost_model: str) -> Prepass:
    """Return the pre-pass for a search of all choices.

    Under restrictions, even one that forbids nothing, no data degree is passed over because another one dominates it:
    its best plan is never the best of all, but may be on the list.
    """
    if cost_model not in PER_BYTE_COST_MODELS:
        instance = instance.restricted(f"data_parallel<={instance.cluster.num_devices}")
    return prepare(instance, cost_model)


@dataclass
class _Alternatives:
    """The list so far.

    Attributes
    ----------
    results, bounds
        In the order in which they were found: the plans, and what is proved of the choices that were not found before.
    met
        The best plan of every choice that some search came by: the next one starts from the best that is not listed.
    rest
        What is proved of all that are not listed; ``inf`` once there are none.
    """

    prepass: Prepass
    formulation: str
    limits: Limits
    count: int
    began: float
    results: list[Result] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    met: dict[Choice, Start] = field(default_factory=dict)
    rest: float = -math.inf
    notes: list[str] = field(default_factory=list)

    def listed(self, warm_start: Strategy | Result | str | None, tell: Callable[[int, Result], None]) -> Alternatives:
        """Ask for one plan after the other until there are enough, no more, or no time.

        Then the best plans of other choices that were met on the way complete the list.
        """
        start, least_share = warm_start, LEAST_SHARE
        while len(self.results) < self.count and not self._complete:
            if self._over and start is None:
                break
            result = self._next(start, max(1 / (self.count - len(self.results)), least_share))
            if result is None or (result.status is Status.UNKNOWN and least_share == 1):
                break
            bound = math.inf if result.status is Status.INFEASIBLE else result.bound
            self.rest = max(self.rest, -math.inf if bound is None else bound)
            if result.objective is not None:
                self.results.append(result)
                self.bounds.append(self.rest)
                tell(len(self.results), result)
            start, least_share = self._start(), LEAST_SHARE if result.objective is not None else 1
        return self._answer()

    @property
    def _complete(self) -> bool:
        """Whether there are no other choices."""
        return math.isinf(self.rest) and self.rest > 0

    @property
    def _over(self) -> bool:
        """Whether the time is up or somebody asked to stop."""
        return self.limits.stop.is_set() or time.perf_counter() - self.began >= self.limits.time_limit

    def _next(self, start: Strategy | Result | str | None, share: float) -> Result | None:
        """Return the best plan of the other choices; ``None`` where a solver fails after there are some."""
        try:
            return answered(self._run(share), self.formulation, start)
        except (EngineError, FormulationError) as failure:
            if not self.results:
                raise
            self.notes.append(f"the list ends early: {failure}")
            return None

    def _start(self) -> Strategy | None:
        """Return the best plan of another choice that is known."""
        listed = set(self._choices(self.results))
        others = [start for choice, start in self.met.items() if choice not in listed]
        return min(others, key=lambda start: start.value).strategy if others else None

    def _meet(self, start: Start) -> None:
        choice = choice_of(self.prepass.instance.cluster, start.strategy)
        if choice not in self.met or start.value < self.met[choice].value:
            self.met[choice] = start

    def _run(self, share: float) -> Run:
        """Return a run with a share of the time that is left."""
        elapsed = time.perf_counter() - self.began
        limit = elapsed + max(0.0, self.limits.time_limit - elapsed) * share
        without = tuple(self._choices(self.results))
        limits = replace(self.limits, time_limit=limit, without=without, found=self._meet)
        return Run(self.prepass.instance, self.prepass, limits, self.began)

    def _choices(self, results: list[Result]) -> Iterator[Choice]:
        cluster = self.prepass.instance.cluster
        return (choice_of(cluster, result.strategy) for result in results if result.strategy is not None)

    def _answer(self) -> Alternatives:
        """Put the plans in order, each with what is proved of the choices behind it."""
        ranked = sorted(zip(self.results, self.bounds, strict=True), key=lambda pair: pair[0].objective or 0.0)
        results: list[Result] = []
        least = math.inf
        for result, bound in reversed(ranked):  # a plan found later may be better by less than the gap
            least = min(least, bound)
            results.insert(0, _bounded(result, least, self.limits.gap))
        return Alternatives(
            instance=self.prepass.instance.name,
            formulation=self.formulation,
            cost_model=self.prepass.costs.name,
            status=self._status(results),
            asked=self.count,
            results=tuple(results),
            choices=tuple(self._choices(results)),
            others_bound=self.rest if math.isfinite(self.rest) else None,
            complete=self._complete,
            runtime_s=time.perf_counter() - self.began,
            seed=self.limits.seed,
            notes=tuple(self.notes),
        )

    def _status(self, results: list[Result]) -> Status:
        if not results:
            return Status.INFEASIBLE if self._complete else Status.UNKNOWN
        proved = all(result.status is Status.OPTIMAL for result in results)
        return Status.OPTIMAL if proved and (self._complete or len(results) == self.count) else Status.FEASIBLE


def _bounded(result: Result, bound: float, gap: float) -> Result:
    """Return a result under another bound; its own need not hold for the choices behind it."""
    if result.objective is None:
        return result
    if math.isinf(bound):
        return amended(result, bound=None, gap=None, status=Status.FEASIBLE)
    bound = min(bound, result.objective)
    reached = relative_gap(result.objective, bound)
    status = Status.OPTIMAL if within(reached, gap) else Status.FEASIBLE
    return amended(result, bound=bound, gap=reached, status=status)
