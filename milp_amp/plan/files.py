"""Reading a plan from anywhere: a result of this package, or a strategy written by hand."""

import os
from typing import TypeVar

import msgspec

from milp_amp.errors import PlanError
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import decode_json, read_bytes

Bare = TypeVar("Bare")
Whole = TypeVar("Whole")


def read_plan(path: str | os.PathLike[str]) -> Strategy | Result:
    """Read what a file holds: a result, with its claims, or a bare strategy.

    Raises
    ------
    PlanError
        If the file holds neither.
    """
    return _read(path, Strategy, Result)


def read_strategy(path: str | os.PathLike[str]) -> Strategy:
    """Read the strategy in a file that holds a result or a bare strategy.

    Raises
    ------
    PlanError
        If the file holds neither, or a result without a plan.
    """
    read = read_plan(path)
    return _held(path, read.status, read.strategy, "plan") if isinstance(read, Result) else read


def read_placement(path: str | os.PathLike[str]) -> Placement:
    """Read the placement in a file that holds a result about serving or a bare placement.

    Raises
    ------
    PlanError
        If the file holds neither, or a result without a placement.
    """
    read = _read(path, Placement, ServingResult)
    return _held(path, read.status, read.placement, "placement") if isinstance(read, ServingResult) else read


def _read(path: str | os.PathLike[str], bare: type[Bare], result: type[Whole]) -> Bare | Whole:
    """Read a result where the file holds one, and otherwise the bare plan."""
    text = read_bytes(path, PlanError)
    if _is_result(text):
        return decode_json(text, result, PlanError, where=str(path))
    return decode_json(text, bare, PlanError, where=str(path))


def _held(path: str | os.PathLike[str], status: Status, plan: Bare | None, kind: str) -> Bare:
    """Return the plan of a result, or refuse one that has none."""
    if plan is None:
        raise PlanError(f"{path}: a result with status {status.value!r} has no {kind}")
    return plan


def _is_result(text: bytes) -> bool:
    try:
        keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return "status" in keys
