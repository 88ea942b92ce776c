"""What a run returns: a claim, its proof, and how it came about."""

from enum import Enum

import msgspec

from milp_amp.plan.strategy import Strategy


class Status(Enum):
    """What has been proved."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


class TracePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Incumbent and bound at one moment; ``None`` where there is none yet."""

    time_s: float
    objective: float | None
    bound: float | None


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of one formulation to one instance.

    ``objective`` and ``bound`` are seconds per step, or money per step where the instance asks for the least price;
    ``gap`` is ``|objective − bound| / |objective|``.
    ``verified`` is true once the judge has recomputed the plan and confirmed the objective.
    """

    instance: str
    formulation: str
    cost_model: str
    status: Status
    objective: float | None
    bound: float | None
    gap: float | None
    runtime_s: float
    verified: bool
    strategy: Strategy | None
    trace: tuple[TracePoint, ...] = ()
    seed: int = 0
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_status(self.status, self.objective, self.gap, "strategy", self.strategy)
        check_gap(self.gap, self.objective, self.bound)
        if self.objective is not None and self.bound is not None and self.bound > self.objective * (1 + 1e-9):
            raise ValueError(f"bound {self.bound} above objective {self.objective}")


def check_status(status: Status, objective: float | None, gap: float | None, named: str, plan: object | None) -> None:
    """Refuse a status that contradicts the plan, which is ``named`` so, or what is said of it."""
    has_plan = status in (Status.OPTIMAL, Status.FEASIBLE)
    if has_plan != (plan is not None) or has_plan != (objective is not None):
        raise ValueError(f"status {status.value!r} contradicts {named} or objective")
    if status is Status.OPTIMAL and gap is None:
        raise ValueError("status 'optimal' without a gap")


def check_gap(gap: float | None, objective: float | None, bound: float | None) -> None:
    """Refuse a gap that is not that of objective and bound."""
    if gap is None:
        return
    if objective is None or bound is None:
        raise ValueError(f"gap {gap} without an objective and a bound")
    if abs(gap - relative_gap(objective, bound)) > 1e-9 * max(1.0, gap):
        raise ValueError(f"gap {gap} contradicts objective {objective} and bound {bound}")


def relative_gap(objective: float, bound: float) -> float:
    """Return ``|objective − bound| / |objective|``; zero where both are zero."""
    return abs(objective - bound) / abs(objective) if objective else abs(bound)
