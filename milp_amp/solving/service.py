"""Served tokens: who simulates for a search, and who judges what it found."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from scipy.stats import t

from milp_amp.cost.network import measure
from milp_amp.engine.trials import ServiceQuestion, Trial
from milp_amp.errors import Discrepancy, InputError
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.flow import broken_placement
from milp_amp.judge.serve import serve
from milp_amp.judge.serve_load import Load, drawn_load
from milp_amp.judge.served import Served
from milp_amp.plan.placement import Placement, ServedRate, ServingResult
from milp_amp.problem.serving import ServingInstance

RUNS = 5
"""Orders of requests in which a result is judged: the first seeds. A search is given others."""


def load_of(instance: ServingInstance, given: Load | None) -> Load:
    """Return the requests that were given, or some with the means that the instance states.

    Raises
    ------
    InputError
        If there are neither, or those given arrive at certain times: no placement serves more than what arrives.
    """
    if given is not None:
        if not isinstance(given, Load):
            raise InputError(f"requests = {given!r}, expected a load")
        if given.arrivals is not None:
            raise InputError("requests: arrivals are given, expected requests that follow one another")
        return given
    if instance.requests is None:
        raise InputError(f"{instance.name}: requests are missing, expected an instance that says what users send")
    return drawn_load(instance.requests)


def question_of(instance: ServingInstance, load: Load, most_token_s: float) -> ServiceQuestion:
    """Return the question that a search for served tokens is given."""
    network = measure(instance.cluster)

    def simulate(placement: Placement, run: int) -> Trial:
        flow = even_flow(instance, placement, network)
        if not flow.arcs:
            return Trial(0.0, math.inf, 1.0)
        served = serve(instance, placement, replace(load, seed=RUNS + run), flow)
        return Trial(served.decode_tokens_per_s, served.decode_s.mean or math.inf, _refused(served))

    return ServiceQuestion(
        prompt_tokens=load.prompt_tokens,
        output_tokens=load.output_tokens,
        simulate=simulate,
        most_token_s=most_token_s,
    )


def check_served(instance: ServingInstance, result: ServingResult, load: Load) -> ServingResult:
    """Serve the placement of a result in orders of requests that the search has not seen, and return it as verified.

    Raises
    ------
    Discrepancy
        If the placement breaks a rule.
    """
    if result.placement is None:
        return msgspec.structs.replace(result, verified=False)
    if broken := broken_placement(instance, result.placement):
        raise Discrepancy(broken[0])
    served = served_rate(instance, result.placement, load)
    note = f"chosen for {result.objective:.6g} tokens/s in other orders of the requests"
    return msgspec.structs.replace(
        result, objective=served.tokens_per_s, served=served, verified=True, notes=(*result.notes, note)
    )


def served_rate(instance: ServingInstance, placement: Placement, load: Load, runs: int = RUNS) -> ServedRate:
    """Serve a placement in several orders of the requests."""
    flow = even_flow(instance, placement, measure(instance.cluster))
    found = [serve(instance, placement, replace(load, seed=seed), flow) for seed in range(runs)]
    rates = [each.decode_tokens_per_s for each in found]
    return ServedRate(
        runs=runs,
        tokens_per_s=statistics.mean(rates),
        interval=half_width(rates),
        token_s=statistics.mean(each.decode_s.mean or math.inf for each in found),
        refused=statistics.mean(map(_refused, found)),
        flow_tokens_per_s=flow.tokens_per_s,
    )


def half_width(values: Sequence[float]) -> float:
    """Return half the interval that holds the mean in 95 of 100 cases; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


def _refused(served: Served) -> float:
    return served.dropped / (served.dropped + served.taken) if served.dropped else 0.0
