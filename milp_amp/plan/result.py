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
        has_plan = self.status in (Status.OPTIMAL, Status.FEASIBLE)
        if has_plan != (self.strategy is not None) or has_plan != (self.objective is not None):
            raise ValueError(f"status {self.status.value!r} contradicts strategy or objective")
        if self.status is Status.OPTIMAL and self.gap is None:
            raise ValueError("status 'optimal' without a gap")
        if self.gap is not None:
            if self.objective is None or self.bound is None:
                raise ValueError(f"gap {self.gap} without an objective and a bound")
            if abs(self.gap - relative_gap(self.objective, self.bound)) > 1e-9 * max(1.0, self.gap):
                raise ValueError(f"gap {self.gap} contradicts objective {self.objective} and bound {self.bound}")
        if self.objective is not None and self.bound is not None and self.bound > self.objective * (1 + 1e-9):
            raise ValueError(f"bound {self.bound} above objective {self.objective}")


def relative_gap(objective: float, bound: float) -> float:
    """Return ``|objective − bound| / |objective|``; zero where both are zero."""
    return abs(objective - bound) / abs(objective) if objective else abs(bound)
