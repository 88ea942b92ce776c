"""How long, how exactly and with what a formulation may search."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from milp_amp.plan.choice import Choice
from milp_amp.plan.result import TracePoint
from milp_amp.plan.strategy import Strategy

DEFAULT_GAP = 1e-7
"""Relative gap at which a search may stop and call its incumbent optimal."""


@dataclass(frozen=True)
class Start:
    """A verified plan to begin with and its step time in seconds."""

    strategy: Strategy
    value: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one run.

    Attributes
    ----------
    time_limit
        Wall seconds; ``inf`` for none.
    gap
        Relative gap at which the search may stop.
    start
        A verified plan whose value may be used from the first moment.
    stop
        Set from outside (Ctrl-C) to end the search with what it has.
    progress
        Called with every new point of the trace.
    export_program
        Where to write the mathematical program of the best configuration; formulations without a
        program refuse.
    without
        Choices that no answer may be; formulations that do not know how to leave them out ignore it, and whoever asks
        has to look.
    found
        Called with every plan that is better than those before it, and its value.
    """

    time_limit: float = math.inf
    threads: int = 2
    seed: int = 0
    gap: float = DEFAULT_GAP
    start: Start | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[TracePoint], None] | None = None
    export_program: Path | None = None
    without: tuple[Choice, ...] = ()
    found: Callable[[Start], None] | None = None


def within(reached: float, gap: float) -> bool:
    """Whether a gap that was reached is the one that was asked for, rounding aside."""
    return reached <= gap * (1 + 1e-9) + 1e-12
