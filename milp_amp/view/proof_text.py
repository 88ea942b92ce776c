"""What is proved, in words: up to a gap, where the one that was asked for is more than rounding."""

from collections.abc import Iterable

from milp_amp.engine.limits import DEFAULT_GAP, within
from milp_amp.view.units_text import percent


def optimal(sentence: str, gaps: Iterable[float | None]) -> str:
    """Return that something is optimal, which the sentence says of it.

    Parameters
    ----------
    gaps
        Those that were reached: a plan counts as optimal that the best one beats by less than was asked for.
    """
    largest = max((gap for gap in gaps if gap is not None), default=0.0)
    if within(largest, DEFAULT_GAP):
        return f"optimal: {sentence}"
    return f"optimal up to {percent(largest)}: beyond that {sentence}"
