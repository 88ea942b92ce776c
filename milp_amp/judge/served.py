"""What a simulation of serving counts, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_PLACES = 6
"""Machines and links that are named for what waits there."""


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Seconds that half and 95 % of all passes do not exceed, and their mean; ``None`` where there was no pass."""

    p50: float | None
    p95: float | None
    mean: float | None


@dataclass(frozen=True, kw_only=True)
class Served:
    """What was served.

    Attributes
    ----------
    decode_tokens_per_s, prompt_tokens_per_s
        Of passes that came back in the measured window.
    taken, finished
        Requests that were begun, from the start, and that ended in the window.
    prompt_s, decode_s
        Seconds from the coordinator and back: of prompts, and of one output token.
    dropped
        Requests, from the start, that no machine admitted.
    waited_s
        The machines and links (``A → B``) where most was waited: seconds, added over requests, from the start.
    """

    decode_tokens_per_s: float
    prompt_tokens_per_s: float
    taken: int
    finished: int
    prompt_s: Percentiles
    decode_s: Percentiles
    dropped: int
    waited_s: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class Count:
    """What came back in the measured window, and what was begun and dropped since the start; seconds of every pass."""

    decodes: list[float] = field(default_factory=list)
    prompts: list[float] = field(default_factory=list)
    prompt_tokens: int = 0
    taken: int = 0
    finished: int = 0
    dropped: int = 0

    def served(self, measured_s: float, waited: list[tuple[str, float]]) -> Served:
        """Return what comes of it; ``waited`` are the seconds of every machine and link."""
        return Served(
            decode_tokens_per_s=len(self.decodes) / measured_s,
            prompt_tokens_per_s=self.prompt_tokens / measured_s,
            taken=self.taken,
            finished=self.finished,
            prompt_s=_percentiles(self.prompts),
            decode_s=_percentiles(self.decodes),
            dropped=self.dropped,
            waited_s=tuple(sorted(waited, key=lambda place: -place[1])[:MOST_PLACES]),
        )


def _percentiles(seconds: Sequence[float]) -> Percentiles:
    if not seconds:
        return Percentiles(p50=None, p95=None, mean=None)
    p50, p95 = np.percentile(seconds, (50, 95))
    return Percentiles(p50=float(p50), p95=float(p95), mean=float(np.mean(seconds)))
