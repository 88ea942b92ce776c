"""Served tokens against the seconds of one: plans that no other beats in both.

The same search runs under one limit on the seconds of a token after another: none, then lower ones until nothing keeps
them, then those between what the two ends need. Whatever it simulates is a candidate. Those that the search's own
simulations do not rule out are judged in other orders of the requests, and the judge's numbers decide.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from milp_amp.bounds.serving import flow_bounds
from milp_amp.engine.flow_search import FlowLimits
from milp_amp.engine.interrupts import INTERRUPTED, run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP, Limits
from milp_amp.engine.options import checked_limits
from milp_amp.engine.trials import ServiceQuestion, Trial
from milp_amp.errors import InputError
from milp_amp.judge.serve_load import Load
from milp_amp.plan.placement import Placement, ServedRate
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.service import load_of, question_of, served_rate
from milp_amp.solving.serving import SERVED, load_serving
from milp_amp.solving.serving_choice import choose

RESTARTS = 2
"""Searches under each limit."""

RUNS = 3
"""Orders of requests in which a candidate is judged; one if there is no time."""

MARGIN = 0.02
"""Relative, by which a candidate must be beaten in both numbers not to be judged: what orders of requests differ by."""

SEARCHING = 0.6
"""Part of the time limit after which only judging is left."""

STEP = 0.7
"""Next limit over the seconds of the fastest plan so far. A search takes longer where a limit is far away."""

MOST_POINTS = 100
"""More limits are taken for a mistake."""


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A placement as it was judged."""

    placement: Placement
    served: ServedRate


class Front(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plans between which only taste decides.

    Attributes
    ----------
    points
        No plan serves as much as fast; most tokens per second first.
    dominated
        Others that were judged.
    largest_flow
        The plan with the largest flow that was found, for comparison; ``None`` if there was no time.
    limits
        Seconds of an output token under which plans were sought; ``None`` for any.
    candidates
        Plans that were simulated.
    """

    instance: str
    points: tuple[Point, ...]
    dominated: tuple[Point, ...]
    largest_flow: Point | None
    limits: tuple[float | None, ...]
    candidates: int
    runtime_s: float
    seed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something to tell while the search runs: seconds since its begin, what was simulated, and what it serves."""

    time_s: float
    what: str
    tokens_per_s: float
    token_s: float


def pareto(
    instance: ServingInstance,
    requests: Load | None = None,
    *,
    points: int = 5,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Callable[[Event], None] | None = None,
) -> Front:
    """Find placements that serve most tokens per second within falling limits on the seconds of one.

    Parameters
    ----------
    requests
        To be served; ``None`` for some with the means that the instance states.
    points
        How many limits. A limit that nothing keeps adds no point, and one search may add several.

    Raises
    ------
    InputError
        If an option is malformed, or the instance says too little to simulate.
    """
    limits = checked_limits(time_limit, 1, seed, DEFAULT_GAP, None, None)
    if not 1 <= points <= MOST_POINTS:
        raise InputError(f"points = {points}, expected an integer from 1 to {MOST_POINTS}")
    found = _Search(instance, load_of(instance, requests), limits, progress or (lambda _: None))
    return run_interruptibly(lambda: found.front(points), limits.stop)


def non_dominated(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return those that no other beats in one number without losing in the other; most tokens per second first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda each: (-each.served.tokens_per_s, each.served.token_s)):
        if point.served.tokens_per_s > 0 and (not kept or point.served.token_s < kept[-1].served.token_s):
            kept.append(point)
    return tuple(kept)


@dataclass
class _Candidate:
    """A placement and its simulations, by the order of requests."""

    placement: Placement
    trials: dict[int, Trial] = field(default_factory=dict)

    @property
    def tokens_per_s(self) -> float:
        return statistics.mean(trial.tokens_per_s for trial in self.trials.values())

    @property
    def token_s(self) -> float:
        return statistics.mean(trial.token_s for trial in self.trials.values())

    def beaten_by(self, other: "_Candidate") -> bool:
        """Whether another serves so much more, and so much faster, that no order of requests will change it."""
        more = other.tokens_per_s * (1 - MARGIN) >= self.tokens_per_s
        return more and other.token_s * (1 + MARGIN) <= self.token_s


class _Search:
    """One search under many limits."""

    def __init__(self, instance: ServingInstance, load: Load, limits: Limits, tell: Callable[[Event], None]) -> None:
        self._instance, self._load, self._limits, self._tell = instance, load, limits, tell
        self._began = time.perf_counter()
        self._bounds = flow_bounds(instance)
        self._candidates: dict[tuple[tuple[str, tuple[int, int]], ...], _Candidate] = {}
        self._tried: list[float] = []

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self._began

    def _late(self, part: float = 1.0) -> bool:
        return self._limits.stop.is_set() or self._elapsed >= part * self._limits.time_limit

    def front(self, points: int) -> Front:
        """Search and judge."""
        for most_token_s in self._falling(points):
            if self._late(SEARCHING):
                break
            self._seek(most_token_s)
        stopped = self._late(SEARCHING)
        judged = [self._judged(candidate.placement) for candidate in self._promising()]
        best = non_dominated(judged)
        return Front(
            instance=self._instance.name,
            points=best,
            dominated=tuple(point for point in judged if point not in best),
            largest_flow=self._largest_flow(),
            limits=tuple(limit if math.isfinite(limit) else None for limit in self._tried),
            candidates=len(self._candidates),
            runtime_s=self._elapsed,
            seed=self._limits.seed,
            notes=(INTERRUPTED,) if stopped else (),
        )

    def _falling(self, points: int) -> Iterator[float]:
        """Yield limits: none, then lower ones until nothing keeps them, then those between the two ends."""
        yield math.inf
        if not self._candidates:
            return
        slow = max(self._candidates.values(), key=lambda each: each.tokens_per_s).token_s
        limit = fast = slow
        left = points - 1
        while left and fast <= limit:
            limit, left = STEP * fast, left - 1
            yield limit
            fast = min(each.token_s for each in self._candidates.values())
        for step in range(1, left + 1):
            yield slow * (fast / slow) ** (step / (left + 1))

    def _seek(self, most_token_s: float) -> None:
        """Search under one limit; what is simulated is kept whether it keeps the limit or not."""
        self._tried.append(most_token_s)
        question = question_of(self._instance, self._load, most_token_s)

        def simulate(placement: Placement, run: int) -> Trial:
            key = tuple(sorted(placement.layers.items()))
            candidate = self._candidates.setdefault(key, _Candidate(placement))
            if run not in candidate.trials:
                trial = candidate.trials[run] = question.simulate(placement, run)
                within = f"within {most_token_s:.3g} s" if math.isfinite(most_token_s) else "any"
                self._tell(Event(self._elapsed, within, trial.tokens_per_s, trial.token_s))
            return candidate.trials[run]

        left = SEARCHING * self._limits.time_limit - self._elapsed
        asked = replace(question, simulate=simulate, restarts=RESTARTS)
        load_serving(SERVED)(self._instance, self._bounds, self._flow_limits(left, asked))

    def _flow_limits(self, seconds: float, service: ServiceQuestion | None = None) -> FlowLimits:
        return FlowLimits(time_limit=max(0.0, seconds), seed=self._limits.seed, stop=self._limits.stop, service=service)

    def _promising(self) -> Sequence[_Candidate]:
        """Return the candidates that may be on the front, most tokens first."""
        served = [each for each in self._candidates.values() if math.isfinite(each.token_s)]
        kept = [each for each in served if not any(each.beaten_by(other) for other in served)]
        return sorted(kept, key=lambda each: -each.tokens_per_s)

    def _judged(self, placement: Placement) -> Point:
        served = served_rate(self._instance, placement, self._load, 1 if self._late() else RUNS)
        self._tell(Event(self._elapsed, "judged", served.tokens_per_s, served.token_s))
        return Point(placement=placement, served=served)

    def _largest_flow(self) -> Point | None:
        """Return the plan with the largest flow, if there is time to find and judge it."""
        if self._late():
            return None
        limits = self._flow_limits(self._limits.time_limit - self._elapsed)
        found = load_serving(choose(self._instance, self._bounds))(self._instance, self._bounds, limits)
        return None if found.placement is None or self._late() else self._judged(found.placement)
