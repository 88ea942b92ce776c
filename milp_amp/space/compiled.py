"""Compiling inner loops: Numba, with types that a type checker can follow."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers when it is first called, and keep the machine code on disk."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))
