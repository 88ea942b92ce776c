"""Ctrl-C: the first one asks a search to stop with what it has, the second one ends it."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import TypeVar

Answer = TypeVar("Answer")

INTERRUPTED = "interrupted: this is what there was when the search was stopped, not what it would have chosen"
"""Note of a result whose search proves nothing and was stopped: nobody could tell it from a finished one."""


def run_interruptibly(work: Callable[[], Answer], stop: threading.Event) -> Answer:
    """Run ``work``; the first SIGINT sets ``stop``, the second raises ``KeyboardInterrupt`` here.

    Python handles signals in the main thread, between two of its own instructions: a solver in one long
    call would hold them back until it is done. So the work runs in a thread of its own and the main thread
    only waits. Called from another thread, the work runs in place and signals stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcome: Future[Answer] = Future()
    # A daemon: after the second Ctrl-C nobody waits for a solver that does not listen.
    thread = threading.Thread(target=_deliver, args=(work, outcome), name="milp-amp-solve", daemon=True)
    before = signal.signal(signal.SIGINT, _handler(stop))
    try:
        thread.start()
        return outcome.result()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _deliver(work: Callable[[], Answer], outcome: "Future[Answer]") -> None:
    try:
        outcome.set_result(work())
    except BaseException as failure:  # raised again where the outcome is awaited
        outcome.set_exception(failure)


def _handler(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    return interrupt
