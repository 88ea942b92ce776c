"""One incumbent, one bound, one clock: what every search shares."""

import heapq
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from milp_amp.engine.limits import Limits, Start, within
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result, Status, TracePoint, relative_gap
from milp_amp.plan.strategy import Strategy

Cell = TypeVar("Cell")


class Search:
    """The state of a running search: best plan, proven bound, trace, and when to stop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._started = time.perf_counter()
        self.value = math.inf
        self.strategy: Strategy | None = None
        self.bound = -math.inf
        self._elsewhere = math.inf
        self._left_out: list[str] = []
        self._trace: list[TracePoint] = []
        if limits.start is not None:
            self.improve(limits.start.value, limits.start.strategy)

    @property
    def elapsed(self) -> float:
        """Seconds since the search began."""
        return time.perf_counter() - self._started

    @property
    def remaining(self) -> float:
        """Seconds until the time limit."""
        return max(0.0, self.limits.time_limit - self.elapsed)

    @property
    def stopped(self) -> bool:
        """Whether the time is up or somebody asked to stop."""
        return self.limits.stop.is_set() or self.elapsed >= self.limits.time_limit

    @property
    def cutoff(self) -> float:
        """Value that a cell's bound must stay below to be worth opening."""
        return self.value * (1 - self.limits.gap)

    def improve(self, value: float, strategy: Strategy) -> bool:
        """Take a plan if it is better than the best one; say whether it was."""
        if value >= self.value:
            return False
        self.value, self.strategy = value, strategy
        self._record()
        if self.limits.found is not None:
            self.limits.found(Start(strategy, value))
        return True

    def raise_bound(self, bound: float) -> None:
        """Take a proven lower bound if it is better than the best one."""
        bound = min(bound, self.value)
        if bound > self.bound:
            self.bound = bound
            self._record()

    def leave_out(self, reason: str) -> None:
        """Remember why a part of the space is not searched."""
        self._left_out.append(reason)

    def raise_cell_bound(self, bound: float) -> None:
        """Take a lower bound proved for the cell that is open: it holds everywhere once no other is lower."""
        self.raise_bound(min(bound, self._elsewhere))

    def leave_elsewhere(self, bound: float) -> None:
        """Say what is proved of everything outside the cell that is about to be opened."""
        self._elsewhere = bound

    def _record(self) -> None:
        point = TracePoint(time_s=self.elapsed, objective=_finite(self.value), bound=_finite(self.bound))
        self._trace.append(point)
        if self.limits.progress is not None:
            self.limits.progress(point)

    def result(
        self,
        *,
        instance: str,
        formulation: str,
        cost_model: str,
        exhausted: bool,
        versions: dict[str, str],
        notes: tuple[str, ...] = (),
    ) -> Result:
        """Return what the search has found and proved.

        ``exhausted`` says that the whole space was searched: without a plan that proves infeasibility.
        """
        gap = relative_gap(self.value, self.bound) if self.strategy and math.isfinite(self.bound) else None
        return Result(
            instance=instance,
            formulation=formulation,
            cost_model=cost_model,
            status=self._status(gap, exhausted),
            objective=_finite(self.value),
            bound=_finite(self.bound),
            gap=gap,
            runtime_s=self.elapsed,
            verified=False,
            strategy=self.strategy,
            trace=tuple(self._trace),
            seed=self.limits.seed,
            versions=versions,
            notes=(*notes, *self._about_left_out(), *self._about_start()),
        )

    def _about_left_out(self) -> tuple[str, ...]:
        if not self._left_out:
            return ()
        return (f"parts of the space not searched, so not proved: {len(self._left_out)}; {self._left_out[0]}",)

    def _about_start(self) -> tuple[str, ...]:
        start = self.limits.start
        if start is None or self.strategy is not start.strategy:
            return ()
        return ("no plan of the searched space was found to beat the one it started from",)

    def _status(self, gap: float | None, exhausted: bool) -> Status:
        if self.strategy is None:
            return Status.INFEASIBLE if exhausted else Status.UNKNOWN
        return Status.OPTIMAL if gap is not None and within(gap, self.limits.gap) else Status.FEASIBLE


@dataclass(frozen=True)
class Later(Generic[Cell]):
    """A cell that is too hard under this incumbent: it is opened again after all others, if there is a better one."""

    cell: Cell


Child = tuple[float, Cell | Later[Cell] | None]
"""A part of a cell with its bound; ``None`` where nothing is left to search."""

Expand = Callable[[float, Cell], Iterable[Child[Cell]]]
"""From a cell and its bound to its parts."""


class BestFirst(Generic[Cell]):
    """A heap of cells under one incumbent; its top is a proven bound of the whole space at any moment."""

    def __init__(self, search: Search, expand: Expand[Cell]) -> None:
        self._search = search
        self._expand = expand
        self._heap: list[tuple[float, int, Cell]] = []
        self._pushed = 0
        self._closed = math.inf
        self._later: list[tuple[float, Cell, float]] = []

    def push(self, bound: float, cell: Cell) -> None:
        """Add a cell that holds no plan better than ``bound``."""
        heapq.heappush(self._heap, (bound, self._pushed, cell))
        self._pushed += 1

    def run(self) -> bool:
        """Open the cell with the least bound until none can improve; say whether the space was exhausted.

        ``expand(bound, cell)`` may improve the incumbent, and returns what is left of the cell as smaller
        cells with their bounds. ``None`` for a cell says that nothing is left to search, though nothing
        better than its bound is proved (a solver's tolerance, or plans that are not searched).
        """
        search = self._search
        while self._least() < search.cutoff or self._reopened():
            left = self._left()
            search.raise_bound(min(self._least(), left))
            if search.stopped:
                return False
            bound, _, cell = heapq.heappop(self._heap)
            cutoff = search.cutoff
            search.leave_elsewhere(min(left, self._least(), search.cutoff))
            for child_bound, child in self._children(bound, cell):
                if child is None:
                    self._closed = min(self._closed, max(bound, child_bound))
                elif isinstance(child, Later):
                    self._later.append((max(bound, child_bound), child.cell, cutoff))
                else:
                    self.push(max(bound, child_bound), child)
        # What was pruned on the way could not beat the incumbent by more than the gap: that is all we know.
        search.raise_bound(min(search.cutoff, self._closed))
        return search.strategy is not None or math.isinf(self._closed)  # a closed cell may hold a plan

    def _least(self) -> float:
        """Return the least bound of the cells that wait."""
        return self._heap[0][0] if self._heap else math.inf

    def _left(self) -> float:
        """Return the least bound of what was left."""
        return min(self._closed, min((bound for bound, _, _ in self._later), default=math.inf))

    def _reopened(self) -> bool:
        """Push the cells that were put off under a worse incumbent, close the others; say whether there are such."""
        waiting, self._later = self._later, []
        for bound, cell, cutoff in waiting:
            if bound < self._search.cutoff < cutoff:
                self.push(bound, cell)
            else:
                self._closed = min(self._closed, bound)
        return self._least() < self._search.cutoff

    def _children(self, bound: float, cell: Cell) -> list[Child[Cell]]:
        """Return what is left of a cell; one that is too large for the formulation is left as it is."""
        try:
            return list(self._expand(bound, cell))
        except FormulationError as failure:
            self._search.leave_out(str(failure))
            return [(bound, None)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
