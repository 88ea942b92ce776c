"""Ending one search of many, or all of them."""

import threading


class Stop(threading.Event):
    """Set from outside to end all searches; each has an event of its own, so that one can be ended alone."""

    def __init__(self) -> None:
        super().__init__()
        self._latest = threading.Event()

    def another(self) -> threading.Event:
        """Return the event of the next search."""
        self._latest = threading.Event()
        if self.is_set():
            self._latest.set()
        return self._latest

    def set(self) -> None:
        """End the search that runs, and all that come."""
        super().set()
        self._latest.set()
