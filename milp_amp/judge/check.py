"""Whoever claims does not judge: every result passes here before it is shown."""

import math

import msgspec

from milp_amp.cost.model import CostModel
from milp_amp.errors import Discrepancy
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.result import Result, Status, relative_gap
from milp_amp.problem.instance import Instance

TOLERANCE = 1e-9
"""Relative difference that rounding may cause; a solver's tolerance must not reach a claim."""


def check(instance: Instance, result: Result, costs: CostModel, gap: float = math.inf) -> Result:
    """Recompute a result's plan and return the result as verified; without a plan, as not verified.

    Parameters
    ----------
    gap
        Relative gap up to which a plan may be called optimal.

    Raises
    ------
    Discrepancy
        If the plan breaks a rule, does not cost what is claimed, costs less than the claimed bound, or is
        called optimal without a bound within the gap.
    """
    if result.strategy is None or result.objective is None:
        return msgspec.structs.replace(result, verified=False)
    if result.cost_model != costs.name:
        raise Discrepancy(f"claimed for cost model {result.cost_model!r}, recomputed for {costs.name!r}")
    recomputed, broken = closed_form(instance, result.strategy, costs)
    if recomputed is None or broken:
        raise Discrepancy(broken[0])
    unit = instance.objective.unit
    # Negated, so that a claim of NaN fails too.
    if not abs(result.objective - recomputed) <= TOLERANCE * abs(recomputed):
        raise Discrepancy(f"claimed {result.objective:.12g} {unit}, recomputed {recomputed:.12g} {unit}")
    if result.bound is not None and not result.bound <= recomputed * (1 + TOLERANCE):
        raise Discrepancy(f"claimed bound {result.bound:.12g} {unit}, recomputed {recomputed:.12g} {unit} for the plan")
    reached = math.inf if result.bound is None else relative_gap(recomputed, result.bound)
    if result.status is Status.OPTIMAL and not reached <= gap * (1 + TOLERANCE) + TOLERANCE:
        raise Discrepancy(f"claimed optimal with a gap of {reached:.3g}, expected at most {gap:g}")
    return msgspec.structs.replace(result, verified=True)
