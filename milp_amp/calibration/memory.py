"""How much memory a device keeps for itself, from measured peaks or from which trials ran.

Both change the workload's reserve, by ``reserve_GiB``. Measured peaks are followed by the median of what is missing.
Where none was measured, the reserve is the one that calls the fewest trials wrong, in the middle of all such reserves.
"""

from collections.abc import Sequence
from statistics import median

from milp_amp.bench.validation import Priced
from milp_amp.units import GiB

FEWEST = 4
"""Trials of a kind below which nothing is concluded from them."""


def reserve_change(rows: Sequence[Priced], reserve_GiB: float) -> float | None:
    """Return GiB by which the reserve should grow from what it is; ``None`` where the trials do not say."""
    peaks = [(row.trial.memory - row.memory) / GiB for row in rows if row.memory and row.trial.memory]
    if len(peaks) >= FEWEST:
        return max(median(peaks), -reserve_GiB)
    known = [(row.headroom / GiB, row.trial.measured is not None) for row in rows if row.headroom is not None]
    failed = sum(not ran for _, ran in known)
    if min(failed, len(known) - failed) < FEWEST:
        return None
    return _dividing(known, -reserve_GiB)


def _dividing(known: Sequence[tuple[float, bool]], least: float) -> float:
    """Return the growth of the reserve that leaves the fewest trials on the wrong side of their memory.

    ``known`` holds the headroom of every trial and whether it ran; one with less headroom than the growth does not fit.
    """
    steps = sorted({headroom for headroom, _ in known if headroom > least})
    edges = [least, *steps]
    middles = [(low + high) / 2 for low, high in zip(edges, steps, strict=False)]

    def wrong(growth: float) -> int:
        return sum((headroom >= growth) != ran for headroom, ran in known)

    fewest = min(map(wrong, middles), default=0)
    best = [growth for growth in middles if wrong(growth) == fewest]
    return best[len(best) // 2] if best else 0.0
