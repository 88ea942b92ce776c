"""Compiling inner loops: Numba, with types that a type checker can follow."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers when it is first called, and keep the machine code on disk.

    Loops read arrays through local names: taken out of a named tuple, an array is counted as referenced every time,
    which costs more than reading it.
    """
    return cast(F, numba.njit(cache=True, nogil=True)(function))


def inlined(function: F) -> F:
    """Put a small function into the compiled ones that call it, so that handing over arrays costs nothing."""
    return cast(F, numba.njit(cache=True, nogil=True, inline="always")(function))
