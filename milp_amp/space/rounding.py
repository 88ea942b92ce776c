"""Capacities rounded down: what whole stages leave unused, told to the prices.

For a set of resources with capacity ``C`` together, and any whole ``g``, a plan keeps

    Σ_s ⌊ usage(s) / g ⌋ <= ⌊ C / g ⌋

since rounding down never gains by adding up. Shortest paths under prices may mix paths, and so use ten and three
quarters of four nodes each; with prices on these rows they use ten.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rounding:
    """``Q`` rows.

    Attributes
    ----------
    members
        ``(Q, R)``: the resources that are added up.
    unit
        ``(Q,)``: ``g``.
    """

    members: npt.NDArray[np.bool_]
    unit: IntArray

    def rows(self, usage: IntArray) -> IntArray:
        """Return ``⌊ usage / g ⌋`` ``(…, Q)`` of usages ``(…, R)``."""
        rows: IntArray = usage @ self.members.T.astype(np.int64) // self.unit
        return rows


def rounding(capacity: IntArray, order: Sequence[int], claims: Iterable[int]) -> Rounding:
    """Return the rows that say more than the capacity itself.

    Parameters
    ----------
    capacity
        ``(R,)``
    order
        Resources, fastest first: rows are of each alone, and of the first of them together.
    claims
        What single stages may take: rows round down to it.
    """
    alone = [[r] for r in range(len(capacity))]
    first = [list(order[: n + 1]) for n in range(1, len(order))]
    found = [
        (chosen, g)
        for chosen in alone + first
        for g in sorted(set(claims))
        if (total := int(capacity[chosen].sum())) % g and total > g
    ]
    members = np.zeros((len(found), len(capacity)), np.bool_)
    for row, (chosen, _) in zip(members, found, strict=True):
        row[chosen] = True
    return Rounding(members, np.array([g for _, g in found], np.int64))
