"""Reading a plan from anywhere: a result of this package, or a strategy written by hand."""

import os

import msgspec

from milp_amp.errors import PlanError
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import decode_json, read_bytes


def read_strategy(path: str | os.PathLike[str]) -> Strategy:
    """Read the strategy in a file that holds a result or a bare strategy.

    Raises
    ------
    PlanError
        If the file holds neither, or a result without a plan.
    """
    text = read_bytes(path, PlanError)
    if not _is_result(text):
        return decode_json(text, Strategy, PlanError, where=str(path))
    result = decode_json(text, Result, PlanError, where=str(path))
    if result.strategy is None:
        raise PlanError(f"{path}: a result with status {result.status.value!r} has no plan")
    return result.strategy


def read_placement(path: str | os.PathLike[str]) -> Placement:
    """Read the placement in a file that holds a result about serving or a bare placement.

    Raises
    ------
    PlanError
        If the file holds neither, or a result without a placement.
    """
    text = read_bytes(path, PlanError)
    if not _is_result(text):
        return decode_json(text, Placement, PlanError, where=str(path))
    result = decode_json(text, ServingResult, PlanError, where=str(path))
    if result.placement is None:
        raise PlanError(f"{path}: a result with status {result.status.value!r} has no placement")
    return result.placement


def _is_result(text: bytes) -> bool:
    try:
        keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return "status" in keys
