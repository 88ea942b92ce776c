"""The best known answer to every question of the library: a value that a plan attains, and what bounds it."""

import datetime
from pathlib import Path
from typing import Literal

import msgspec

from milp_amp.bench.library import PLANS
from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.engine.limits import DEFAULT_GAP, within
from milp_amp.errors import Discrepancy
from milp_amp.judge.check import TOLERANCE
from milp_amp.judge.evaluate import closed_form
from milp_amp.judge.flow import broken_placement, flow_of
from milp_amp.plan.files import read_placement, read_strategy
from milp_amp.plan.placement import Placement
from milp_amp.plan.result import relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance
from milp_amp.problem.types import NonNegativeFloat

TABLE = "best_known.csv"
"""Name of the table, in the folder of the library."""

FLOW = "flow"
"""What stands in the column of the cost model where serving is asked about: tokens per second are a max flow."""

Aim = Literal["least step_time", "least price", "most flow"]


class BestKnown(msgspec.Struct, frozen=True, kw_only=True):
    """The best known answer to one question: an instance under one cost model.

    Attributes
    ----------
    objective
        What is sought: seconds per step, dollars per step, or tokens per second.
    value
        What the plan attains, as the judge computes it.
    bound
        What no plan of the space that ``bound_by`` searches can better; ``None`` where none is known.
    gap
        ``|value − bound| / |value|``.
    formulation, bound_by
        What found the plan, and what proved the bound.
    version
        Of the package whose result was taken last; ``None`` where another program's was.
    plan
        From the folder of the library.
    """

    instance: str
    cost_model: str
    objective: Aim
    value: NonNegativeFloat
    bound: NonNegativeFloat | None = None
    gap: NonNegativeFloat | None = None
    status: Literal["optimal", "feasible"]
    formulation: str
    bound_by: str | None = None
    version: str | None = None
    date: datetime.date
    plan: str

    @property
    def key(self) -> tuple[str, str]:
        """The question."""
        return self.instance, self.cost_model


def aim_of(instance: Instance | ServingInstance) -> Aim:
    """Return what an instance asks for."""
    if isinstance(instance, ServingInstance):
        return "most flow"
    return "least price" if instance.objective.minimise == "price" else "least step_time"


def plan_path(instance: str, cost_model_name: str) -> str:
    """Return where the plan of a question is, from the folder of the library."""
    return f"{PLANS}/{instance.removesuffix('.json')}--{cost_model_name}.json"


def status_of(value: float, bound: float | None) -> Literal["optimal", "feasible"]:
    """Return what value and bound prove together."""
    return "optimal" if bound is not None and within(relative_gap(value, bound), DEFAULT_GAP) else "feasible"


def exceeds(aim: Aim, better: float, worse: float) -> bool:
    """Whether one value is better than another by more than rounding."""
    margin = TOLERANCE * abs(worse)
    return better > worse + margin if aim == "most flow" else better < worse - margin


def read_plan(instance: Instance | ServingInstance, file: Path) -> Strategy | Placement:
    """Read a plan for an instance.

    Raises
    ------
    PlanError
        If the file cannot be read, or holds a plan for the other kind of question.
    """
    return read_placement(file) if isinstance(instance, ServingInstance) else read_strategy(file)


def attained(instance: Instance | ServingInstance, cost_model_name: str, plan: Strategy | Placement) -> float:
    """Return what a plan attains, by the judge.

    Raises
    ------
    InputError
        If there is no such cost model.
    Discrepancy
        If the plan breaks a rule or answers another question.
    """
    if isinstance(instance, ServingInstance) and isinstance(plan, Placement):
        return _flow(instance, cost_model_name, plan)
    if isinstance(instance, ServingInstance) or isinstance(plan, Placement):
        raise Discrepancy(f"a {type(plan).__name__}, expected the other kind of plan")
    value, broken = closed_form(instance, plan, cost_model(cost_model_name, instance, measure(instance.cluster)))
    if value is None or broken:
        raise Discrepancy(broken[0])
    return value


def _flow(instance: ServingInstance, cost_model_name: str, placement: Placement) -> float:
    """Return the max flow of a placement, whose requests enter machines at their first layer alone."""
    if cost_model_name != FLOW:
        raise Discrepancy(f"cost model {cost_model_name!r}, expected {FLOW!r} for a question about serving")
    if placement.partial_inference:
        raise Discrepancy("partial_inference = true, expected false: it answers another question")
    if broken := broken_placement(instance, placement):
        raise Discrepancy(broken[0])
    return flow_of(instance, placement).tokens_per_s
