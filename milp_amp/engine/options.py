"""What a caller may ask of a run, validated where it enters."""

import math
from collections.abc import Callable
from pathlib import Path

from milp_amp.engine.limits import Limits
from milp_amp.errors import InputError
from milp_amp.plan.result import TracePoint

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
    export_program: Path | None,
) -> Limits:
    """Return the limits of one run; ``time_limit`` is ``None`` for no limit.

    Raises
    ------
    InputError
        If a value is out of its range; the message names it.
    """
    if time_limit is not None and not time_limit > 0:
        raise InputError(f"time_limit = {time_limit}, expected seconds > 0")
    if not 1 <= threads <= MAX_THREADS:
        raise InputError(f"threads = {threads}, expected 1 to {MAX_THREADS}")
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed = {seed}, expected 0 to {MAX_SEED}")
    if not 0 <= gap < 1:
        raise InputError(f"gap = {gap}, expected a fraction from 0 to below 1")
    return Limits(
        time_limit=math.inf if time_limit is None else time_limit,
        threads=threads,
        seed=seed,
        gap=gap,
        progress=progress,
        export_program=None if export_program is None else checked_program(export_program),
    )


def checked_program(path: Path) -> Path:
    """Return the place of an exported program.

    Raises
    ------
    InputError
        If the suffix is none of ``PROGRAM_SUFFIXES``, or the directory does not exist.
    """
    if path.suffix not in PROGRAM_SUFFIXES:
        raise InputError(f"export_program = {path}, expected a name ending in {', '.join(PROGRAM_SUFFIXES)}")
    if not path.parent.is_dir():
        raise InputError(f"export_program = {path}, expected an existing directory")
    return path
