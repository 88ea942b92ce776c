"""Bounds, formulation, check: how a question about serving becomes a verified answer."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from milp_amp.bounds.serving import FlowBound, flow_bounds
from milp_amp.engine.flow_search import FlowLimits
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.engine.options import checked_limits, checked_seconds
from milp_amp.errors import Discrepancy, InputError, PlanError
from milp_amp.judge.flow import broken_placement, flow_of
from milp_amp.judge.serve_load import Load
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import TracePoint
from milp_amp.plugins import installed, load_from
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.service import check_served, load_of, question_of
from milp_amp.solving.serving_choice import choose

GROUP = "milp_amp.serving_formulations"
AUTO, SERVED = "auto", "serving_rate"
"""Asks what ``solving.serving_choice`` chooses; seeks served tokens rather than flow."""

TOLERANCE = 1e-6
"""Relative difference of two max flows that are each computed in whole numbers."""


class ServingFormulation(Protocol):
    """A way to answer a serving instance. Stateless: same arguments and seed, same result."""

    def __call__(self, instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
        """Search for the placement that carries most."""


def serving_names() -> tuple[str, ...]:
    """Return the names of all installed formulations, sorted."""
    return installed(GROUP)


def solve_serving(
    instance: ServingInstance,
    formulation: str = AUTO,
    *,
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    gap: float = DEFAULT_GAP,
    partial_inference: bool = False,
    warm_start: Placement | None = None,
    requests: Load | None = None,
    latency_limit: float | None = None,
    progress: Callable[[TracePoint], None] | None = None,
) -> ServingResult:
    """Find a placement that carries many tokens per second, bound what any could, and have the judge confirm its flow.

    Parameters
    ----------
    partial_inference
        Whether a request may enter a machine in the middle of its layers.
    warm_start
        A placement to begin with; what it holds on machines that the instance lacks is left out.
    requests
        To be served: where they are given, ``auto`` seeks served tokens rather than flow.
    latency_limit
        Mean seconds that an output token may take; likewise.

    Raises
    ------
    InputError
        If an option is malformed or the formulation unknown.
    PlanError
        If the placement to begin with breaks a rule.
    EngineError
        If a solver failed.
    Discrepancy
        If a formulation's claim is not confirmed.
    """
    checked = checked_limits(time_limit, threads, seed, gap, progress, None)
    most_token_s = math.inf if latency_limit is None else checked_seconds("latency_limit", latency_limit)
    asked = requests is not None or latency_limit is not None
    if formulation == AUTO and asked:
        formulation = SERVED
    elif asked and formulation != SERVED:
        raise InputError(f"{formulation}: requests and a latency limit are for {SERVED}, expected neither")
    load = load_of(instance, requests) if formulation == SERVED else None
    limits = FlowLimits(
        time_limit=checked.time_limit,
        threads=checked.threads,
        seed=checked.seed,
        gap=checked.gap,
        partial_inference=partial_inference,
        start=None if warm_start is None else _start(instance, warm_start, partial_inference),
        service=None if load is None else question_of(instance, load, most_token_s),
        stop=checked.stop,
        progress=progress,
    )

    def answer() -> ServingResult:
        bounds = flow_bounds(instance)
        found = load_serving(choose(instance, bounds) if formulation == AUTO else formulation)
        result = found(instance, bounds, limits)
        return check_flow(instance, result) if load is None else check_served(instance, result, load)

    return run_interruptibly(answer, limits.stop)


def _start(instance: ServingInstance, given: Placement, partial_inference: bool) -> Placement:
    """Return a placement to begin with, of the machines that there are."""
    names = {machine.name for machine in instance.machines}
    held = {name: layers for name, layers in given.layers.items() if name in names}
    start = Placement(layers=held, partial_inference=partial_inference)
    if broken := broken_placement(instance, start):
        raise PlanError(f"warm_start: {broken[0]}")
    return start


def check_flow(instance: ServingInstance, result: ServingResult) -> ServingResult:
    """Recompute a result's flow and return the result as verified; without a placement, as not verified.

    Raises
    ------
    Discrepancy
        If the placement breaks a rule, does not carry what is claimed, or carries more than the claimed bound.
    """
    if result.placement is None or result.objective is None:
        return msgspec.structs.replace(result, verified=False)
    if broken := broken_placement(instance, result.placement):
        raise Discrepancy(broken[0])
    carried = flow_of(instance, result.placement).tokens_per_s
    if not abs(result.objective - carried) <= TOLERANCE * carried:
        raise Discrepancy(f"claimed {result.objective:.12g} tokens/s, recomputed {carried:.12g} tokens/s")
    if result.bound is not None and not carried <= result.bound * (1 + TOLERANCE):
        raise Discrepancy(f"claimed bound {result.bound:.12g} tokens/s, recomputed {carried:.12g} tokens/s")
    return msgspec.structs.replace(result, verified=True)


def load_serving(name: str) -> ServingFormulation:
    """Return the named formulation.

    Raises
    ------
    FormulationError
        If it is not installed or cannot be imported.
    """
    formulation: ServingFormulation = load_from(GROUP, name, "serving formulation")
    return formulation
