"""Pricing a strategy from anywhere: from a formulation, a file, or written by hand."""

from milp_amp.cost import model
from milp_amp.cost.model import PER_BYTE_COST_MODELS, CostModel
from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import InputError, PlanError
from milp_amp.judge.bill import broken_objective, price_per_step
from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.prices import Prices, price
from milp_amp.judge.rules import broken_limits, broken_structure, stage_memory
from milp_amp.judge.sailor import SailorPrices, price_sailor, unmeasured
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
    prices, broken = _priced(instance, strategy, costs)
    if prices is None:
        return Evaluation(cost_model=costs.name, violations=broken)
    memory = stage_memory(instance, strategy, costs)
    bill = price_per_step(instance, strategy, costs, prices.step_time)
    workload = instance.workload
    steps_per_second = 1 / prices.step_time if prices.step_time else float("inf")
    return Evaluation(
        cost_model=costs.name,
        step_time=prices.step_time,
        simulated_step_time=_simulated(prices, strategy.schedule),
        throughput=workload.global_batch_size * workload.sequence_length * steps_per_second,
        steps_per_second=steps_per_second,
        price=bill,
        limiting=prices.limiting,
        stage_seconds=prices.stage_seconds,
        boundary_seconds=prices.boundary_seconds,
        synchronisation_seconds=prices.synchronisation_seconds,
        update_seconds=prices.update_seconds,
        memory=memory,
        violations=(
            *broken_limits(instance, strategy, costs, memory),
            *broken_objective(instance, prices.step_time, bill),
        ),
    )


def closed_form(instance: Instance, strategy: Strategy, costs: CostModel) -> tuple[float | None, tuple[str, ...]]:
    """Return what the instance asks to minimise, and a sentence for every rule that is broken.

    That is the step time by the closed form, or its price; ``None`` where a broken rule leaves it without a meaning.
    """
    prices, broken = _priced(instance, strategy, costs)
    if prices is None:
        return None, broken
    bill = price_per_step(instance, strategy, costs, prices.step_time)
    return bill if instance.objective.minimise == "price" else prices.step_time, (
        *broken_limits(instance, strategy, costs, stage_memory(instance, strategy, costs)),
        *broken_objective(instance, prices.step_time, bill),
    )


def _priced(
    instance: Instance, strategy: Strategy, costs: CostModel
) -> tuple[Prices | SailorPrices | None, tuple[str, ...]]:
    """Return the prices, or a sentence for every broken rule without which there are none."""
    if broken := broken_structure(instance, strategy, costs):
        return None, broken
    if not isinstance(costs, SailorCost):
        return price(instance, strategy, costs), ()
    prices = price_sailor(instance, strategy, costs)
    broken = tuple(unmeasured(prices))
    return None if broken else prices, broken


def timeline(
    instance: Instance, strategy: Strategy, cost_model: str = "pipeline", costs: CostModel | None = None
) -> Timeline:
    """Return what every stage and boundary does during one step; parameters as in ``evaluate``.

    Raises
    ------
    PlanError
        If the strategy breaks a rule without which a step has no meaning.
    InputError
        If there is no cost model of that name, or the cost model does not say when what happens.
    """
    costs = costs or model.cost_model(cost_model, instance, measure(instance.cluster))
    prices, broken = _priced(instance, strategy, costs)
    if prices is None:
        raise PlanError(broken[0])
    if isinstance(prices, SailorPrices):
        raise InputError(f"cost model {costs.name!r} has no timeline, expected {' or '.join(PER_BYTE_COST_MODELS)}")
    return simulate(prices, strategy.schedule)


def _simulated(prices: Prices | SailorPrices, schedule: Schedule) -> float | None:
    if isinstance(prices, SailorPrices):
        return None
    passes = prices.num_microbatches * len(prices.stage_seconds)
    return simulate(prices, schedule).step_time if passes <= MAX_SIMULATED_PASSES else None
