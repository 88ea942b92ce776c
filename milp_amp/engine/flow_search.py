"""One incumbent, one bound, one clock, for searches that maximise a flow of tokens."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from milp_amp.cost.network import Network
from milp_amp.engine.limits import DEFAULT_GAP, within
from milp_amp.engine.trials import ServiceQuestion
from milp_amp.errors import Discrepancy
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Status, TracePoint, relative_gap
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.token_flow import tokens_per_s

ROUNDING = 1e-9
"""By which a flow may lie above its bound, relative: both are sums of the same numbers."""


@dataclass(frozen=True, kw_only=True)
class FlowLimits:
    """Limits of one run; the names mean what they mean in ``engine.limits``.

    Attributes
    ----------
    partial_inference
        Whether a request may enter a machine in the middle of its layers.
    start
        A placement that breaks no rule, to begin with.
    service
        Requests and a simulator, where served tokens are sought rather than flow.
    """

    time_limit: float = math.inf
    threads: int = 2
    seed: int = 0
    gap: float = DEFAULT_GAP
    partial_inference: bool = False
    start: Placement | None = None
    service: ServiceQuestion | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[TracePoint], None] | None = None


def begin(instance: ServingInstance, network: Network, limits: FlowLimits, bound: float) -> "FlowSearch":
    """Return a search that knows a proven bound, and the placement to begin with."""
    search = FlowSearch(limits, bound)
    if limits.start is not None:
        search.improve(tokens_per_s(instance, limits.start, network), limits.start)
    return search


class FlowSearch:
    """The state of a running search: best placement, proven bound from above, trace, and when to stop."""

    def __init__(self, limits: FlowLimits, bound: float) -> None:
        self.limits = limits
        self.value, self.bound = -math.inf, bound
        self.placement: Placement | None = None
        self._started = time.perf_counter()
        self._trace: list[TracePoint] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the search began."""
        return time.perf_counter() - self._started

    @property
    def stopped(self) -> bool:
        """Whether the time is up or somebody asked to stop."""
        return self.limits.stop.is_set() or self.elapsed >= self.limits.time_limit

    @property
    def remaining(self) -> float:
        """Seconds until the time limit."""
        return max(0.0, self.limits.time_limit - self.elapsed)

    @property
    def closed(self) -> bool:
        """Whether the best placement is proved to be within the gap."""
        return self.value > 0 and within(relative_gap(self.value, max(self.bound, self.value)), self.limits.gap)

    def improve(self, value: float, placement: Placement) -> bool:
        """Take a placement if it carries anything, and more than the best one; say whether it did."""
        if value > self.bound * (1 + ROUNDING):
            raise _contradiction(value, self.bound)
        if value <= max(self.value, 0.0):
            return False
        self.value, self.placement = value, placement
        point = TracePoint(time_s=self.elapsed, objective=value, bound=self._held_bound)
        self._trace.append(point)
        if self.limits.progress is not None:
            self.limits.progress(point)
        return True

    def lower(self, bound: float) -> None:
        """Take a proven bound from above, if it is below the one that is known."""
        if self.value > bound * (1 + ROUNDING):
            raise _contradiction(self.value, bound)
        self.bound = min(self.bound, bound)

    @property
    def _held_bound(self) -> float | None:
        """The bound; what is carried is no more than it, rounding aside."""
        return max(self.bound, self.value) if math.isfinite(self.bound) else None

    def result(
        self, *, instance: str, formulation: str, versions: dict[str, str], notes: tuple[str, ...] = ()
    ) -> ServingResult:
        """Return what the search has found and proved."""
        found = self.placement is not None
        bound = self._held_bound
        gap = relative_gap(self.value, bound) if found and bound is not None else None
        status = Status.INFEASIBLE if self.bound <= 0 else Status.UNKNOWN
        if found:
            status = Status.OPTIMAL if self.closed else Status.FEASIBLE
        return ServingResult(
            instance=instance,
            formulation=formulation,
            status=status,
            objective=self.value if found else None,
            bound=bound,
            gap=gap,
            runtime_s=self.elapsed,
            verified=False,
            placement=self.placement,
            trace=tuple(self._trace),
            seed=self.limits.seed,
            versions=versions,
            notes=notes,
        )


def _contradiction(value: float, bound: float) -> Discrepancy:
    return Discrepancy(f"a placement carries {value:.12g} tokens/s, above the bound {bound:.12g} tokens/s")
