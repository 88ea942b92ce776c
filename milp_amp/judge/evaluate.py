"""Pricing a strategy from anywhere: from a formulation, a file, or written by hand."""

from milp_amp.cost import model
from milp_amp.cost.model import CostModel
from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.prices import Prices, price
from milp_amp.judge.rules import broken_limits, broken_structure, stage_memory
from milp_amp.judge.simulate import Timeline, simulate
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.workload import Schedule

MAX_SIMULATED_PASSES = 200_000
"""Microbatches times stages above which a step is not simulated: a few seconds' work."""


def evaluate(
    instance: Instance, strategy: Strategy, cost_model: str = "pipeline", costs: CostModel | None = None
) -> Evaluation:
    """Price a strategy and list the rules it breaks.

    Parameters
    ----------
    cost_model
        Name of the cost model; ignored where ``costs`` is given.
    costs
        Leaf costs of the instance, where they have been computed before.

    Raises
    ------
    InputError
        If there is no cost model of that name.
    """
    costs = costs or model.cost_model(cost_model, instance, measure(instance.cluster))
    if broken := broken_structure(instance, strategy, costs):
        return Evaluation(cost_model=costs.name, violations=broken)
    prices = price(instance, strategy, costs)
    memory = stage_memory(instance, strategy)
    workload = instance.workload
    tokens = workload.global_batch_size * workload.sequence_length
    return Evaluation(
        cost_model=costs.name,
        step_time=prices.step_time,
        simulated_step_time=_simulated(prices, strategy.schedule),
        throughput=tokens / prices.step_time if prices.step_time else float("inf"),
        limiting=prices.limiting,
        stage_seconds=prices.stage_seconds,
        boundary_seconds=prices.boundary_seconds,
        synchronisation_seconds=prices.synchronisation_seconds,
        memory=memory,
        violations=broken_limits(instance, strategy, costs, memory),
    )


def closed_form(instance: Instance, strategy: Strategy, costs: CostModel) -> tuple[float | None, tuple[str, ...]]:
    """Return the step time by the closed form alone, and a sentence for every rule that is broken.

    The step time is ``None`` where a broken rule leaves it without a meaning.
    """
    if broken := broken_structure(instance, strategy, costs):
        return None, broken
    prices = price(instance, strategy, costs)
    return prices.step_time, broken_limits(instance, strategy, costs, stage_memory(instance, strategy))


def timeline(
    instance: Instance, strategy: Strategy, cost_model: str = "pipeline", costs: CostModel | None = None
) -> Timeline:
    """Return what every stage and boundary does during one step; parameters as in ``evaluate``.

    Raises
    ------
    PlanError
        If the strategy breaks a rule without which a step has no meaning.
    InputError
        If there is no cost model of that name.
    """
    costs = costs or model.cost_model(cost_model, instance, measure(instance.cluster))
    if broken := broken_structure(instance, strategy, costs):
        raise PlanError(broken[0])
    return simulate(price(instance, strategy, costs), strategy.schedule)


def _simulated(prices: Prices, schedule: Schedule) -> float | None:
    passes = prices.num_microbatches * len(prices.stage_seconds)
    return simulate(prices, schedule).step_time if passes <= MAX_SIMULATED_PASSES else None
