"""Asking ``solve`` again and again: one clock for all questions, and plans that answer later ones too."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as amended

from milp_amp.cost.model import CostModel
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.errors import EngineError, FormulationError
from milp_amp.plan.result import Result, Status, TracePoint
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from milp_amp.solving import solve
from milp_amp.solving.chain import AUTO
from milp_amp.solving.explaining.answers import Answer
from milp_amp.solving.explaining.easing import easiest, enough, limited, too_slow
from milp_amp.solving.explaining.known import Known
from milp_amp.solving.explaining.stopping import Stop

_NO_TIME = "no time was left"

_TOLD = {
    Status.OPTIMAL: "a plan",
    Status.FEASIBLE: "a plan",
    Status.INFEASIBLE: "no plan",
    Status.UNKNOWN: "not decided",
}


@dataclass
class Asker:
    """Questions about one instance and its like, under one clock.

    Attributes
    ----------
    time_limit
        Wall seconds for all questions together.
    stop
        Set from outside to end them with what is known.
    tell
        Called with a line for every question that took a search.
    progress
        Called with every new incumbent and bound of the first plan, the longest search of all.
    searches
        How many searches there were.
    """

    instance: Instance
    cost_model: str = "pipeline"
    time_limit: float = math.inf
    threads: int = 2
    seed: int = 0
    stop: Stop = field(default_factory=Stop)
    tell: Callable[[str], None] = lambda line: None
    progress: Callable[[TracePoint], None] = lambda point: None
    searches: int = 0
    _known: Known | None = None
    _answered: list[Instance] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.known = self._known = self._known or Known(self.cost_model)

    @property
    def remaining(self) -> float:
        """Seconds until the time limit; none where somebody asked to stop."""
        return 0.0 if self.stop.is_set() else max(0.0, self.time_limit - (time.perf_counter() - self._began))

    def about(self, instance: Instance) -> "Asker":
        """Return one who asks about another instance, under the same clock and with the same plans."""
        return replace(self, instance=instance)

    def costs(self, question: Instance) -> CostModel:
        """Return leaf costs that hold for a question."""
        return self.known.costs(question)

    def kept(self, question: Instance) -> list[Strategy]:
        """Return the plans found so far that answer a question, best first; the judge has priced each of them."""
        return self.known.plans(question)

    def know(self, plan: Strategy) -> None:
        """Keep a plan in mind that was found elsewhere."""
        self.known.add(plan)

    def first_plan(self) -> Result:
        """Return the best plan of the instance itself, in half of the time; nothing is known where there is none."""
        result = self._best(self.instance, "the best plan", 0.5, self.progress)
        return self._unsearched() if result is None else result

    def _unsearched(self) -> Result:
        return Result(
            instance=self.instance.name,
            formulation=AUTO,
            cost_model=self.cost_model,
            status=Status.UNKNOWN,
            objective=None,
            bound=None,
            gap=None,
            runtime_s=0.0,
            verified=False,
            strategy=None,
            seed=self.seed,
            notes=(_NO_TIME,),
        )

    def restricted(self, restrictions: Restrictions) -> Instance:
        """Return the question with further restrictions."""
        return amended(self.instance, restrictions=self.instance.restrictions.merged(restrictions))

    def any_plan(self, question: Instance, what: str, share: float = 1.0, *, searched: bool = False) -> Answer:
        """Return whether there is any plan at all.

        Parameters
        ----------
        what
            The question in words, for whoever waits.
        share
            Part of the remaining time that it may take.
        searched
            Whether a search for this question has to find the plan. Plans of other questions may lie outside of what is
            searched for it: nobody who asks ``solve`` would be told of them.
        """
        if (known := self.kept(question)) and (not searched or question in self._answered):
            return Answer(known[0])
        try:
            result = self._search(
                question, easiest(question), what, share, gap=enough(question), in_vain=too_slow(question)
            )
        except (EngineError, FormulationError) as failure:
            return Answer(reason=str(failure))
        if result is None:
            return Answer(reason=_NO_TIME)
        return self._judged(question, result)

    def best_plan(self, question: Instance, what: str, share: float = 1.0) -> Result | str:
        """Return the best plan with its proof, searched from those found so far; in words why there is no result."""
        try:
            result = self._best(question, what, share)
        except (EngineError, FormulationError) as failure:
            return str(failure)
        return _NO_TIME if result is None else result

    def _best(
        self, question: Instance, what: str, share: float, watch: Callable[[TracePoint], None] = lambda point: None
    ) -> Result | None:
        start = next(iter(self.kept(question)), None)
        asked = easiest(question) if question.objective.minimise == "step_time" else question
        return self._search(question, asked, what, share, warm_start=start, watch=watch)

    def _judged(self, question: Instance, result: Result) -> Answer:
        """Return what a result says of whether there is any plan."""
        if result.status is Status.INFEASIBLE:
            return Answer(impossible=True)
        if result.strategy is not None:
            self._answered.append(question)
            return Answer(result.strategy)
        return Answer(reason=f"the search ended {result.status.value}")

    def _search(
        self,
        question: Instance,
        asked: Instance,
        what: str,
        share: float,
        gap: float = DEFAULT_GAP,
        in_vain: Callable[[TracePoint], bool] = lambda point: False,
        warm_start: Strategy | None = None,
        watch: Callable[[TracePoint], None] = lambda point: None,
    ) -> Result | None:
        """Search for what is asked, and return what that says of the question; ``None`` where no time is left."""
        seconds = self.remaining * share
        if seconds <= 0:
            return None
        self.searches += 1
        began, stop = time.perf_counter(), self.stop.another()

        def report(point: TracePoint) -> None:
            watch(point)
            if in_vain(point):
                stop.set()

        result = solve(
            asked,
            cost_model=self.cost_model,
            time_limit=None if math.isinf(seconds) else seconds,
            threads=self.threads,
            seed=self.seed,
            warm_start=warm_start,
            progress=report,
            gap=gap,
            stop=stop,
        )
        self.known.add(result.strategy)
        if asked is not question:
            result = limited(question, result)
        self.tell(f"{what}: {_TOLD[result.status]} after {time.perf_counter() - began:.2f} s")
        return result
