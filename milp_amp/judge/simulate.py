"""One training step, event by event.

A replica's pipeline is a line of stations: stage 0, boundary 0, stage 1, boundary 1, …. A microbatch walks
up the line (forward), turns around in the last stage, and walks down (backward).

* A stage runs its passes one at a time, in the order of the schedule (Narayanan et al., "Efficient
  large-scale language model training on GPU clusters using Megatron-LM", SC 2021, figures 3 and 4).
* A boundary moves one thing at a time, first come first served: activation and gradient of a microbatch
  take half of κ each. Where the cost model does not call links stations, κ delays the activation only, and
  any number of them move at the same time.

Replicas run on their own until a stage has finished its last backward pass in all of them; then the stage
synchronises. The step ends with the last synchronisation.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple

from milp_amp.judge.prices import Prices
from milp_amp.problem.workload import Schedule

Direction = Literal["forward", "backward"]


class Job(NamedTuple):
    """A pass of one microbatch, or its transfer."""

    direction: Direction
    microbatch: int


class Span(NamedTuple):
    """Seconds from ``start`` to ``end`` in which a stage, or a boundary, is busy with a job."""

    place: int
    job: Job
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """What happens in a step.

    Attributes
    ----------
    step_time
        Seconds until every stage of every replica is synchronised.
    passes, transfers
        What the stages and the boundaries of replica 0 do, in order of their start.
    synchronisations
        Start and end of every stage's synchronisation, over all replicas.
    """

    step_time: float
    passes: tuple[Span, ...]
    transfers: tuple[Span, ...]
    synchronisations: tuple[tuple[float, float], ...]


def simulate(prices: Prices, schedule: Schedule) -> Timeline:
    """Simulate one step; replicas with equal seconds are simulated once."""
    runs = {passes: _Line(prices, passes, schedule).run() for passes in dict.fromkeys(prices.passes)}
    starts = [max(ends) for ends in zip(*(run.stage_ends() for run in runs.values()), strict=True)]
    synchronisations = tuple(
        (start, start + seconds) for start, seconds in zip(starts, prices.synchronisation_seconds, strict=True)
    )
    first = runs[prices.passes[0]]
    return Timeline(
        step_time=max(end for _, end in synchronisations),
        passes=first.spans(parity=0),
        transfers=first.spans(parity=1),
        synchronisations=synchronisations,
    )


def stage_order(schedule: Schedule, num_microbatches: int, stages_to_end: int) -> list[Job]:
    """Return the passes of a stage in the order it runs them; the last stage is one stage from the end."""
    m = num_microbatches
    ahead = min(m, stages_to_end - 1) if schedule == "1f1b" else m
    warm_up = [Job("forward", k) for k in range(ahead)]
    steady = [job for k in range(ahead, m) for job in (Job("forward", k), Job("backward", k - ahead))]
    return warm_up + steady + [Job("backward", k) for k in range(m - ahead, m)]


class _Station:
    """A place on the line. Jobs run in a given order, or as they come where there is none."""

    def __init__(self, forward: float, backward: float, order: list[Job] | None = None, exclusive: bool = True) -> None:
        self.seconds: dict[Direction, float] = {"forward": forward, "backward": backward}
        self.busy = False
        self._exclusive = exclusive
        self._as_they_come = order is None
        self._order = deque(order or ())
        self._waiting: set[Job] = set()

    def arrive(self, job: Job) -> None:
        """Let a job wait here."""
        self._waiting.add(job)
        if self._as_they_come:
            self._order.append(job)

    def take(self) -> Job | None:
        """Return the job to begin now, if there is one."""
        if self.busy or not self._order or self._order[0] not in self._waiting:
            return None
        self.busy = self._exclusive
        job = self._order.popleft()
        self._waiting.remove(job)
        return job


class _Line:
    """The stations of one replica (stages at even places, boundaries at odd ones), and what they did."""

    def __init__(self, prices: Prices, passes: tuple[tuple[float, float], ...], schedule: Schedule) -> None:
        self._num_microbatches = prices.num_microbatches
        self._stations = list(_stations(prices, passes, schedule))
        self._events: list[tuple[float, int, int, Job]] = []
        self._order = count()  # among events of the same moment, first scheduled is first served
        self._spans: list[Span] = []

    def run(self) -> "_Line":
        """Let every microbatch walk up and down the line."""
        for k in range(self._num_microbatches):
            self._stations[0].arrive(Job("forward", k))
        self._begin(0, 0.0)
        while self._events:
            now, _, place, job = heapq.heappop(self._events)
            self._stations[place].busy = False
            for changed in (self._pass_on(place, job), place):
                self._begin(changed, now)
        return self

    def spans(self, parity: int) -> tuple[Span, ...]:
        """Return what the stages (even places) or the boundaries (odd ones) did, numbered among themselves."""
        return tuple(span._replace(place=span.place // 2) for span in self._spans if span.place % 2 == parity)

    def stage_ends(self) -> list[float]:
        """Return the second at which each stage has finished its last pass."""
        ends = {span.place: span.end for span in self._spans}  # spans of a stage follow each other: the last stays
        return [ends[place] for place in range(0, len(self._stations), 2)]

    def _begin(self, place: int, now: float) -> None:
        station = self._stations[place]
        while (job := station.take()) is not None:
            end = now + station.seconds[job.direction]
            self._spans.append(Span(place, job, now, end))
            heapq.heappush(self._events, (end, next(self._order), place, job))

    def _pass_on(self, place: int, job: Job) -> int:
        """Send a job to the next place on its way, and return that place."""
        last = len(self._stations) - 1
        if job.direction == "forward":
            target, job = (place, Job("backward", job.microbatch)) if place == last else (place + 1, job)
        elif place == 0:
            return place
        else:
            target = place - 1
        self._stations[target].arrive(job)
        return target


def _stations(prices: Prices, passes: tuple[tuple[float, float], ...], schedule: Schedule) -> Iterator[_Station]:
    for s, (forward, backward) in enumerate(passes):
        yield _Station(forward, backward, order=stage_order(schedule, prices.num_microbatches, len(passes) - s))
        if s < len(prices.boundary_seconds):
            seconds = prices.boundary_seconds[s]
            if prices.links_are_stations:
                yield _Station(seconds / 2, seconds / 2)
            else:
                yield _Station(seconds, 0.0, exclusive=False)
