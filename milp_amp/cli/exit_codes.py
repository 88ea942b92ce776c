"""Exit codes: scripts depend on them."""

from typing import TYPE_CHECKING

from milp_amp.errors import Discrepancy, InputError, MilpAmpError

if TYPE_CHECKING:
    from milp_amp.plan.result import Status

SUCCESS = 0
INVALID_PLAN = 11
BAD_INPUT = 20
SOLVER_FAILURE = 30
FAILED_CHECK = 31
INTERRUPTED = 130
"""What a shell reports for a program that Ctrl-C ended."""

_STATUS = {"optimal": 0, "feasible": 10, "infeasible": 11, "unknown": 12}


def of_status(status: "Status") -> int:
    """Return the exit code of an answer."""
    return _STATUS[status.value]


def of_failure(failure: Exception) -> int:
    """Return the exit code of an exception; what nobody expected counts as a solver failure."""
    if isinstance(failure, InputError):
        return BAD_INPUT
    return FAILED_CHECK if isinstance(failure, Discrepancy) else SOLVER_FAILURE


def describe(failure: Exception) -> str:
    """Return an exception in one line: our own by their message, others with their type and the way to more."""
    if isinstance(failure, Discrepancy):
        return f"a claim failed its check: {failure}"
    if isinstance(failure, MilpAmpError):
        return str(failure)
    return f"{type(failure).__name__}: {failure} (--debug shows where)"
