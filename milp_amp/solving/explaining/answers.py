"""What a question is answered with, where any plan will do."""

from typing import NamedTuple

from milp_amp.plan.strategy import Strategy


class Answer(NamedTuple):
    """Whether there is a plan.

    Attributes
    ----------
    plan
        One that the judge has verified for the question.
    impossible
        Whether it is proved that there is none in the searched spaces.
    reason
        Why it is not known, where it is not.
    """

    plan: Strategy | None = None
    impossible: bool = False
    reason: str = ""

    @property
    def decided(self) -> bool:
        """Whether it is known."""
        return self.impossible or self.plan is not None
