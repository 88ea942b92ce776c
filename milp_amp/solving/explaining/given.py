"""The plan that is explained: one that somebody brings along, or the best there is."""

from milp_amp.cost.model import CostModel
from milp_amp.errors import PlanError
from milp_amp.judge.check import check
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.explaining.asking import Asker


def plan_of(asker: Asker, plan: Result | Strategy | None) -> Result:
    """Return a plan as a result that the judge has confirmed, or where none is given the result of a search.

    The bound of a given result is taken as it stands; of a bare strategy nothing is proved.

    Raises
    ------
    PlanError
        If the plan breaks a rule, or there is none in the result.
    Discrepancy
        If the judge does not confirm what the result says of it.
    """
    if plan is None:
        return asker.first_plan()
    costs = asker.costs(asker.instance)
    strategy = plan.strategy if isinstance(plan, Result) else plan
    if strategy is None:
        raise PlanError("the result has no plan")
    unproved = _unproved(asker.instance, strategy, costs)
    asker.know(strategy)
    return check(asker.instance, plan if isinstance(plan, Result) else unproved, costs)


def _unproved(instance: Instance, plan: Strategy, costs: CostModel) -> Result:
    """Return a plan as a result of which nothing is proved."""
    value, broken = closed_form(instance, plan, costs)
    if value is None or broken:
        raise PlanError(broken[0])
    return Result(
        instance=instance.name,
        formulation="given",
        cost_model=costs.name,
        status=Status.FEASIBLE,
        objective=value,
        bound=None,
        gap=None,
        runtime_s=0.0,
        verified=False,
        strategy=plan,
    )
