"""What a caller may ask of a run, validated where it enters."""

import math
import os
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path

from milp_amp.engine.limits import Limits
from milp_amp.errors import InputError
from milp_amp.plan.result import TracePoint
from milp_amp.problem.files import check_writable

PROGRAM_SUFFIXES = (".lp", ".mps", ".pb")
"""What a mathematical program can be exported as."""

MAX_THREADS = 1024
"""More is taken for a mistake: a solver would try to start them all."""

MAX_SEED = 2**31 - 1
"""Solvers keep seeds in 32 bits."""


def checked_limits(
    time_limit: float | None,
    threads: int,
    seed: int,
    gap: float,
    progress: Callable[[TracePoint], None] | None,
    export_program: str | os.PathLike[str] | None,
) -> Limits:
    """Return the limits of one run; ``time_limit`` is ``None`` for no limit.

    Raises
    ------
    InputError
        If a value is of another type or out of its range; the message names it.
    """
    limit = math.inf if time_limit is None else _real("time_limit", time_limit, "seconds > 0")
    if not limit > 0:
        raise InputError(f"time_limit = {time_limit}, expected seconds > 0")
    fraction = _real("gap", gap, "a fraction from 0 to below 1")
    if not 0 <= fraction < 1:
        raise InputError(f"gap = {gap}, expected a fraction from 0 to below 1")
    if progress is not None and not callable(progress):
        raise InputError(f"progress = {progress!r}, expected a function")
    return Limits(
        time_limit=limit,
        threads=_integer("threads", threads, 1, MAX_THREADS),
        seed=_integer("seed", seed, 0, MAX_SEED),
        gap=fraction,
        progress=progress,
        export_program=None if export_program is None else checked_program(export_program),
    )


def checked_seconds(option: str, value: float) -> float:
    """Return seconds, above zero and finite.

    Raises
    ------
    InputError
        If it is no such number; the message names the option.
    """
    seconds = _real(option, value, "seconds > 0")
    if not 0 < seconds < math.inf:
        raise InputError(f"{option} = {value}, expected seconds > 0")
    return seconds


def checked_program(path: str | os.PathLike[str]) -> Path:
    """Return the place of an exported program.

    Raises
    ------
    InputError
        If it is no path, its suffix is none of ``PROGRAM_SUFFIXES``, or the place cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"export_program = {path!r}, expected a path")
    place = Path(path)
    if place.suffix not in PROGRAM_SUFFIXES:
        raise InputError(f"export_program = {path}, expected a name ending in {', '.join(PROGRAM_SUFFIXES)}")
    try:
        check_writable(place)
    except InputError as failure:
        raise InputError(f"export_program = {failure}") from None
    return place


def _real(option: str, value: object, expected: str) -> float:
    # True and False are numbers to Python; here they are a mistake.
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{option} = {value!r}, expected {expected}")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{option} = {value}, expected {expected}") from None


def _integer(option: str, value: object, least: int, most: int) -> int:
    expected = f"expected an integer from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise InputError(f"{option} = {value!r}, {expected}")
    return int(value)
