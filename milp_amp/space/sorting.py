"""Sorting for compiled functions: compiled once, here, since it takes long."""

from typing import Any

import numpy as np

from milp_amp.space.compiled import compiled


@compiled
def order(values: Any) -> Any:
    """Return the places of values in rising order."""
    return np.argsort(values)


@compiled
def nth_least(values: Any, n: int) -> float:
    """Return the value that ``n`` others lie before in rising order."""
    return float(np.partition(values, n)[n])
