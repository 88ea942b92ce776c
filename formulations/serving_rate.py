"""Placements that serve most tokens, not those that carry the largest flow (simulated annealing, then simulation).

Question. Which machine holds which layers of a model, for the most output tokens per second that users get.

Method. Stages stand one after another, each held by any machines, which share its requests by their tokens per second.
What stages serve is predicted (``space.service``): requests in flight by the caches, over the seconds that a request
stays. Stages are annealed with respect to it: layers and machines move between stages, stages split, merge and change
places, for their order matters too. At first the least of the caches is a soft one. The best stages of every restart
are simulated, and the simulation decides. With a limit on the seconds of an output token, whatever takes longer counts
less while annealing, and nothing when decided; after a restart whose tokens take too long, the next ones aim lower.

Searched: stages one after another; a request may not pass one machine where another passes two. Nothing is proved: a
bound on what is served is not known, and the largest flow is none.
"""

import math
import statistics
from collections.abc import Sequence
from random import Random

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, FlowSearch
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.engine.trials import ServiceQuestion, Trial
from milp_amp.engine.versions import versions
from milp_amp.errors import InputError
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.service_annealing import Annealer
from milp_amp.space.service_of_stages import StageServices
from milp_amp.space.serving_speeds import demand_of
from milp_amp.space.stage_moves import StageMoves, Stages

RESTARTS = 6
STEPS = 20_000
"""Of every restart."""

LEAST_AIM = 0.5
"""Part of the seconds allowed to an output token by which a restart at most allows less than the one before."""

RUNS = 3
"""Orders of requests in which a finalist is simulated."""

PROMISING = 0.97
"""Part of the best one's tokens that the first run must serve for the others to be worth their time."""


def solve(instance: ServingInstance, bounds: Sequence[FlowBound], limits: FlowLimits) -> ServingResult:
    """Anneal and simulate, restart by restart."""
    if limits.service is None:
        raise InputError("serving_rate: no requests, expected an instance that says what users send")
    search = FlowSearch(limits, math.inf)
    if limits.start is not None:
        _try(limits.start, limits.service, search)
    _begin_anew(instance, limits.service, search)
    return search.result(
        instance=instance.name,
        formulation="serving_rate",
        versions=versions("NumPy"),
        notes=(INTERRUPTED,) if search.stopped else (),
    )


def _begin_anew(instance: ServingInstance, service: ServiceQuestion, search: FlowSearch) -> None:
    """Anneal, and simulate the best stages of every restart.

    Where they take longer than predicted and allowed, the next restarts are allowed as much less.
    """
    demand = demand_of(instance, service.prompt_tokens, service.output_tokens)
    services = StageServices(instance, measure(instance.cluster), demand)
    moves = StageMoves(instance.model.num_layers, services.counts, services.most_layers)
    allowed, taken = service.most_token_s, dict[Stages, float]()
    for restart in range(service.restarts or RESTARTS):
        dice = Random(f"{search.limits.seed}, {restart}")
        start = moves.draw(dice)
        if start is None or search.stopped:
            return
        best, _ = Annealer(services, moves, allowed, lambda: search.stopped).anneal(start, STEPS, dice)
        if best not in taken:
            taken[best] = _try(services.placement(best), service, search)
        if taken[best] > service.most_token_s:
            allowed *= max(LEAST_AIM, service.most_token_s / taken[best])


def _try(placement: Placement, service: ServiceQuestion, search: FlowSearch) -> float:
    """Simulate a placement, as often as it is worth, and keep it if it serves most; return the seconds of a token."""
    trials = [service.simulate(placement, 0)]
    promising = _worth(trials) >= PROMISING * search.value
    if promising:
        trials += [service.simulate(placement, run) for run in range(1, RUNS) if not search.stopped]
    token_s = statistics.mean(trial.token_s for trial in trials)
    if promising and token_s <= service.most_token_s:
        search.improve(_worth(trials), placement)
    return token_s


def _worth(trials: Sequence[Trial]) -> float:
    """Return the mean of what is served, less the part that is refused: to refuse long prompts is no service."""
    return statistics.mean(trial.tokens_per_s * (1 - trial.refused) for trial in trials)
