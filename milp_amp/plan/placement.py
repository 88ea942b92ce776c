"""Where the layers of a served model are: the answer to a serving instance."""

import msgspec

from milp_amp.plan.result import Status, TracePoint, relative_gap


class Placement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Layers of every machine.

    Attributes
    ----------
    layers
        By the machine's name (``A100.0``): ``[start, stop]``. Machines that are not named hold nothing.
    partial_inference
        Whether a request may enter a machine in the middle of its layers.
    """

    layers: dict[str, tuple[int, int]]
    partial_inference: bool = False


class ServingResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of one formulation to one serving instance.

    ``objective`` and ``bound`` are tokens per second, the bound from above; ``gap`` is
    ``|objective − bound| / |objective|``. ``verified`` is true once the judge has confirmed the flow.
    """

    instance: str
    formulation: str
    status: Status
    objective: float | None
    bound: float | None
    gap: float | None
    runtime_s: float
    verified: bool
    placement: Placement | None
    trace: tuple[TracePoint, ...] = ()
    seed: int = 0
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        has_plan = self.status in (Status.OPTIMAL, Status.FEASIBLE)
        if has_plan != (self.placement is not None) or has_plan != (self.objective is not None):
            raise ValueError(f"status {self.status.value!r} contradicts placement or objective")
        if self.status is Status.OPTIMAL and self.gap is None:
            raise ValueError("status 'optimal' without a gap")
        if self.objective is not None and self.bound is not None:
            if self.bound < self.objective * (1 - 1e-9):
                raise ValueError(f"bound {self.bound} below objective {self.objective}")
            if self.gap is None or abs(self.gap - relative_gap(self.objective, self.bound)) > 1e-9 * max(1.0, self.gap):
                raise ValueError(f"gap {self.gap} contradicts objective {self.objective} and bound {self.bound}")
