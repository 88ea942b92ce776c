"""Two ways to take times: by the host's clock, and by events in a device's queue."""

from time import perf_counter
from typing import Any, Protocol

from milp_amp.units import millisecond


class Clock(Protocol):
    """Marks moments; how far they are apart is known once everything before them is done."""

    def mark(self) -> Any:
        """Return this moment in the order of the work."""

    def wait(self) -> None:
        """Wait until all marked work is done."""

    def milliseconds(self, start: Any, stop: Any) -> float:
        """Return the milliseconds between two moments."""


class HostClock:
    """The host's clock, for work that is done when its call returns."""

    def mark(self) -> float:
        """Return the seconds of the host's clock."""
        return perf_counter()

    def wait(self) -> None:
        """Return at once: nothing is left to do."""

    def milliseconds(self, start: float, stop: float) -> float:
        """Return the milliseconds between two readings."""
        return (stop - start) / millisecond


class EventClock:
    """Events in the queue of a CUDA device: the host runs ahead, as it does in training, and nobody waits between."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda

    def mark(self) -> Any:
        """Put an event behind the work launched so far."""
        event = self._cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait(self) -> None:
        """Wait for the device."""
        self._cuda.synchronize()

    def milliseconds(self, start: Any, stop: Any) -> float:
        """Return the milliseconds between two events."""
        return float(start.elapsed_time(stop))
