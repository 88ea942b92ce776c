"""What a stage takes of the nodes of several classes, where only their number and the slowest class are known.

Under prices ``λ`` on the classes' devices it pays at least

    min { Σ_g λ[g] size[g] n[g] :  Σ n = width,  1 <= n[slowest] < width,  n[g] <= count[g] if eligible, else n[g] = 0 }

whose minimum takes the cheapest eligible nodes first. Of the rows that round capacities down (``space.rounding``) it
takes what any such ``n`` does.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.rounding import IntArray, Rounding


@dataclass(frozen=True, eq=False)
class Shares:
    """The stages of ``K`` places over ``G`` classes of nodes.

    Attributes
    ----------
    width
        ``(K,)``: nodes that a stage claims; 0 where ``usage`` says what it takes.
    slowest
        ``(K,)``: the class of which one of them is.
    eligible
        ``(K, G)``: the classes of which the others may be; where there is but one, all are of it.
    count, size
        ``(G,)``: nodes of every class, and devices in each.
    rounding
        Rows of the rounded capacities, which are the last resources.
    """

    width: IntArray
    slowest: IntArray
    eligible: npt.NDArray[np.bool_]
    count: IntArray
    size: IntArray
    rounding: Rounding | None = None

    def subset(self, alive: npt.NDArray[np.bool_]) -> "Shares":
        """Return the same for some of the places, given as a mask ``(K,)``."""
        return replace(self, width=self.width[alive], slowest=self.slowest[alive], eligible=self.eligible[alive])

    def usage(self, fixed: IntArray, prices: FloatArray) -> IntArray:
        """Return the cheapest usage ``(K, R)`` under prices ``(R,)``; what is neither class nor row is as fixed."""
        classes = len(self.count)
        chosen = np.flatnonzero(self.width)
        nodes = self._nodes(chosen, np.argsort(prices[:classes] * self.size, kind="stable"))
        usage = fixed.copy()
        usage[chosen, :classes] = nodes * self.size
        if self.rounding is not None:
            rows = self._rows(chosen, self.rounding)
            usage[chosen, usage.shape[1] - rows.shape[1] :] = rows
        return usage

    def _nodes(self, chosen: IntArray, cheapest: IntArray) -> IntArray:
        """Return the cheapest nodes ``(chosen, G)``."""
        mixed = self.eligible[chosen].sum(axis=1) > 1
        one = np.zeros((len(chosen), len(self.count)), np.int64)
        one[np.arange(len(chosen)), self.slowest[chosen]] = 1
        most = np.minimum(self.count, self.width[chosen, None] - mixed[:, None])
        free = np.where(self.eligible[chosen], most - one, 0)[:, cheapest]
        before = np.cumsum(free, axis=1) - free
        nodes = one
        nodes[:, cheapest] += np.clip(self.width[chosen, None] - 1 - before, 0, free)
        return nodes

    def _rows(self, chosen: IntArray, rounding: Rounding) -> IntArray:
        """Return what they take at least of every row ``(chosen, Q)``: nothing where their nodes may be elsewhere."""
        eligible = self.eligible[chosen]
        smallest = np.where(eligible, self.size, self.size.max()).min(axis=1)
        inside = ~(eligible[:, None, :] & ~rounding.members[None]).any(axis=2)
        rows: IntArray = np.where(inside, (self.width[chosen] * smallest)[:, None] // rounding.unit, 0)
        return rows
