"""What makes one plan better than another."""

from typing import Literal

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveFloat


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quantity to minimise, and what a plan must keep.

    Attributes
    ----------
    minimise
        Seconds per step, or their price: all devices in use for the time of a step, and the bytes over priced links.
    least_steps_per_second
        Slower plans are no answers.
    most_price_per_step
        Dearer plans are no answers.
    """

    minimise: Literal["step_time", "price"] = "step_time"
    least_steps_per_second: PositiveFloat | None = None
    most_price_per_step: NonNegativeFloat | None = None

    @property
    def asks_price(self) -> bool:
        """Whether the answer depends on prices."""
        return self.minimise == "price" or self.most_price_per_step is not None

    @property
    def unit(self) -> str:
        """What a plan's value counts."""
        return "$" if self.minimise == "price" else "s"

    @property
    def is_least_time(self) -> bool:
        """Whether the least step time is all that is asked for."""
        return self == Objective()
