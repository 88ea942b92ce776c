"""What a stage takes of the nodes of several classes, where only their number and the slowest class are known.

Under prices ``λ`` on the classes' devices it pays at least

    min { Σ_g λ[g] size[g] n[g] :  Σ n = width,  n[slowest] >= 1,  n[g] <= count[g] for eligible g, 0 for the others }

whose minimum takes the cheapest eligible nodes first.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray

IntArray = npt.NDArray[np.int64]


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
        ``(K, G)``: the classes of which the others may be.
    count, size
        ``(G,)``: nodes of every class, and devices in each.
    """

    width: IntArray
    slowest: IntArray
    eligible: npt.NDArray[np.bool_]
    count: IntArray
    size: IntArray

    def subset(self, alive: npt.NDArray[np.bool_]) -> "Shares":
        """Return the same for some of the places, given as a mask ``(K,)``."""
        return replace(self, width=self.width[alive], slowest=self.slowest[alive], eligible=self.eligible[alive])

    def usage(self, fixed: IntArray, prices: FloatArray) -> IntArray:
        """Return the cheapest usage ``(K, R)`` under prices ``(R,)``; resources beyond the classes are as fixed."""
        classes = len(self.count)
        chosen = np.flatnonzero(self.width)
        one = np.zeros((len(chosen), classes), np.int64)
        one[np.arange(len(chosen)), self.slowest[chosen]] = 1
        cheapest = np.argsort(prices[:classes] * self.size, kind="stable")
        free = np.where(self.eligible[chosen], self.count - one, 0)[:, cheapest]
        before = np.cumsum(free, axis=1) - free
        taken = np.clip(self.width[chosen, None] - 1 - before, 0, free)
        nodes = one.copy()
        nodes[:, cheapest] += taken
        usage = fixed.copy()
        usage[chosen, :classes] = nodes * self.size
        return usage
