"""Whoever claims does not judge: every result passes here before it is shown."""

import msgspec

from milp_amp.cost.model import CostModel
from milp_amp.errors import Discrepancy
from milp_amp.evaluate.prices import price
from milp_amp.evaluate.rules import broken_limits, broken_structure, stage_memory
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance

TOLERANCE = 1e-9
"""Relative difference that rounding may cause; a solver's tolerance must not reach a claim."""


def check(instance: Instance, result: Result, costs: CostModel) -> Result:
    """Recompute a result's plan and return the result as verified; without a plan, as not verified.

    Raises
    ------
    Discrepancy
        If the plan breaks a rule, does not cost what is claimed, or costs less than the claimed bound.
    """
    if result.strategy is None or result.objective is None:
        return msgspec.structs.replace(result, verified=False)
    if result.cost_model != costs.name:
        raise Discrepancy(f"claimed for cost model {result.cost_model!r}, recomputed for {costs.name!r}")
    recomputed = _step_time(instance, result.strategy, costs)
    # Negated, so that a claim of NaN fails too.
    if not abs(result.objective - recomputed) <= TOLERANCE * abs(recomputed):
        raise Discrepancy(f"claimed {result.objective:.12g} s, recomputed {recomputed:.12g} s")
    if result.bound is not None and not result.bound <= recomputed * (1 + TOLERANCE):
        raise Discrepancy(f"claimed bound {result.bound:.12g} s, recomputed {recomputed:.12g} s for the plan")
    return msgspec.structs.replace(result, verified=True)


def _step_time(instance: Instance, strategy: Strategy, costs: CostModel) -> float:
    """Seconds by the closed form; a check needs no simulation."""
    if broken := broken_structure(instance, strategy, costs):
        raise Discrepancy(broken[0])
    if broken := broken_limits(instance, strategy, costs, stage_memory(instance, strategy)):
        raise Discrepancy(broken[0])
    return price(instance, strategy, costs).step_time
