"""What was fitted to measured trials, and how well it then predicts."""

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveInt, Title


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fitted number and its 95 % confidence interval; ``calibration.factors`` says what the names mean."""

    name: Title
    value: float
    low: float
    high: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record: the numbers are part of the instance's other fields already.

    Attributes
    ----------
    cost_model
        Under which they were fitted.
    trials
        How many trials with a measured time they were fitted to.
    mean_error
        Mean error of the predicted step times on these trials, as a fraction.
    cross_validation_error
        The same where every trial was predicted from numbers chosen and fitted without it; ``None`` for few trials.
    """

    cost_model: Title
    numbers: tuple[Number, ...]
    trials: PositiveInt
    mean_error: NonNegativeFloat
    cross_validation_error: NonNegativeFloat | None = None
