"""What earlier questions leave for later ones: plans, and leaf costs."""

from dataclasses import dataclass, field

from msgspec.structs import fields

from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.instance import Instance


@dataclass
class Known:
    """Plans and leaf costs under one cost model."""

    cost_model: str
    _plans: list[Strategy] = field(default_factory=list)
    _costs: list[tuple[Cluster, CostModel]] = field(default_factory=list)

    def costs(self, question: Instance) -> CostModel:
        """Return leaf costs that hold for a question; questions on the same machines share them."""
        for cluster, costs in self._costs:
            if _alike(cluster, question.cluster):
                return costs
        costs = cost_model(self.cost_model, question, measure(question.cluster))
        self._costs.append((question.cluster, costs))
        return costs

    def plans(self, question: Instance) -> list[Strategy]:
        """Return the plans that answer a question, best first; the judge has priced each of them."""
        priced = [(closed_form(question, plan, self.costs(question)), plan) for plan in self._plans]
        valid = [(value, plan) for (value, broken), plan in priced if value is not None and not broken]
        return [plan for _, plan in sorted(valid, key=lambda pair: pair[0])]

    def add(self, plan: Strategy | None) -> None:
        """Keep a plan in mind, if it is one and new."""
        if plan is not None and plan not in self._plans:
            self._plans.append(plan)


def _alike(one: Cluster, other: Cluster) -> bool:
    """Whether two clusters differ in nothing that costs know: of the device types, only the judge knows more."""
    names = (each.name for each in fields(one) if each.name != "device_types")
    return all(getattr(one, name) == getattr(other, name) for name in names)
