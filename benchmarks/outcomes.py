"""One run of a formulation, measured: what the other scripts of this folder make their tables of."""

import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.errors import MilpAmpError
from milp_amp.formulation import load
from milp_amp.generate.instance import generate
from milp_amp.generate.request import Request
from milp_amp.judge.check import check
from milp_amp.plan.result import Result, Status, TracePoint
from milp_amp.problem.files import read
from milp_amp.problem.instance import Instance
from milp_amp.solving import solve


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run: its result, or in one line why there is none.

    Attributes
    ----------
    build_s, search_s, check_s
        Wall seconds of the pre-pass (reading included, where a file was read), of everything up to the answer, and
        of the judge's check of it.
    memory_MiB
        Peak of the whole process.
    """

    result: Result | None
    failure: str = ""
    build_s: float = 0.0
    search_s: float = 0.0
    check_s: float = 0.0
    memory_MiB: float = 0.0

    @property
    def proved(self) -> bool:
        """Whether the plan is proved optimal."""
        return self.result is not None and self.result.status is Status.OPTIMAL

    @property
    def value(self) -> float | None:
        """What the plan costs, in the unit of the instance's objective."""
        return None if self.result is None else self.result.objective

    @property
    def status(self) -> str:
        """The result's status, or the failure."""
        return self.failure or (self.result.status.value if self.result else "")


def from_nothing(instance: Instance, formulation: str, cost_model: str, time_limit: float) -> Outcome:
    """Run a formulation without a start, so that what it finds is its own; its claim is checked."""
    began = time.perf_counter()
    built = began
    try:
        bounds = prepare(instance, cost_model)
        built = time.perf_counter()
        result = load(formulation)(instance, bounds, Limits(time_limit=time_limit))
        found = time.perf_counter()
        result = check(instance, result, bounds.costs)
    except MilpAmpError as failure:
        return Outcome(result=None, failure=_line(failure), build_s=built - began)
    checked = time.perf_counter()
    return Outcome(result=result, build_s=built - began, search_s=found - built, check_s=checked - found)


def as_users_do(path: Path, formulation: str, cost_model: str, time_limit: float) -> Outcome:
    """Read an instance and solve it as ``milp-amp solve`` does, with the baselines' plans for a start."""
    began = time.perf_counter()
    try:
        instance = read(path)
        bounds = prepare(instance, cost_model)
        built = time.perf_counter()
        result = solve(instance, formulation, cost_model=cost_model, time_limit=time_limit)
        found = time.perf_counter()
        check(instance, result, bounds.costs)
    except MilpAmpError as failure:
        return Outcome(result=None, failure=_line(failure))
    return Outcome(
        result=result,
        build_s=built - began,
        search_s=found - built,
        check_s=time.perf_counter() - found,
        memory_MiB=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def apart(path: Path, formulation: str, cost_model: str, time_limit: float) -> Outcome:
    """Do the same in a process of its own, so that its peak of memory, and its end, are its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        try:
            return pool.submit(as_users_do, path, formulation, cost_model, time_limit).result()
        except BrokenProcessPool:
            return Outcome(result=None, failure="the process died")


def compile_once(formulations: Iterable[str]) -> None:
    """Run formulations on a small instance, so that no clock runs while inner loops are compiled."""
    small = generate(Request(kind="matrix", devices=16, layers=12, batch=16), "small", "to compile")
    for formulation in formulations:
        from_nothing(small, formulation, "pipeline", 60.0)


def first_plan(result: Result) -> TracePoint | None:
    """Return the moment of the first plan."""
    return next((point for point in result.trace if point.objective is not None), None)


def gap_at(trace: Iterable[TracePoint], seconds: float) -> float | None:
    """Return the gap between plan and bound at a moment of a run; ``None`` where one of them was missing."""
    gap = None
    for point in trace:
        if point.time_s > seconds:
            break
        if point.objective and point.bound is not None:
            gap = (point.objective - point.bound) / point.objective
    return gap


def median_where_proved(outcomes: Iterable[Outcome]) -> float:
    """Return the median seconds to a proof; ``inf`` where at most half of the runs have one."""
    return statistics.median(outcome.search_s if outcome.proved else math.inf for outcome in outcomes)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for a table, an en dash where there is none or no end to it."""
    return "–" if value is None or math.isinf(value) else f"{value:#.{digits}g}".rstrip(".")


def percent(fraction: float | None) -> str:
    """Return a gap for a table."""
    return "–" if fraction is None else f"{fraction:.2%}"


def _line(failure: MilpAmpError) -> str:
    return " ".join(str(failure).split())
