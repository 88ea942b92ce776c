"""Where a search starts."""

from pathlib import Path

from milp_amp.plan.files import read_strategy
from milp_amp.plan.strategy import Strategy


def read_start(named: str) -> Strategy | str:
    """Return the plan in a file, or the name of an installed formulation where there is no such file."""
    from milp_amp.formulation import names

    return named if named in names() and not Path(named).exists() else read_strategy(named)
