"""Where the layers of a served model are: the answer to a serving instance."""

import msgspec

from milp_amp.plan.result import Status, TracePoint, check_gap, check_status


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


class ServedRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What simulations of a placement serve; runs differ in the order of the requests.

    Attributes
    ----------
    tokens_per_s, interval
        Output tokens: mean over runs, and half of the interval that holds it in 95 of 100 cases (Student's t).
    token_s
        Mean seconds of an output token.
    refused
        Part of the requests that no machine admitted.
    flow_tokens_per_s
        The largest flow.
    """

    runs: int
    tokens_per_s: float
    interval: float
    token_s: float
    refused: float
    flow_tokens_per_s: float


class ServingResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of one formulation to one serving instance.

    ``objective`` and ``bound`` are tokens per second, the bound from above; ``gap`` is
    ``|objective − bound| / |objective|``. ``verified`` is true once the judge has confirmed the flow; where served
    tokens were sought, ``served`` is what the judge has simulated, and ``objective`` its mean.
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
    served: ServedRate | None = None
    trace: tuple[TracePoint, ...] = ()
    seed: int = 0
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_status(self.status, self.objective, self.gap, "placement", self.placement)
        check_gap(self.gap, self.objective, self.bound)
        if self.objective is not None and self.bound is not None:
            if self.bound < self.objective * (1 - 1e-9):
                raise ValueError(f"bound {self.bound} below objective {self.objective}")
            if self.gap is None:
                raise ValueError(f"gap None contradicts objective {self.objective} and bound {self.bound}")
