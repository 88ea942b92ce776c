"""What is known before any formulation runs."""

from dataclasses import dataclass

from milp_amp.cost.model import CostModel
from milp_amp.space.classes import NodeClass


@dataclass(frozen=True, eq=False)
class Prepass:
    """Costs, classes, and the candidates with their lower bounds."""

    costs: CostModel
    classes: tuple[NodeClass, ...]
