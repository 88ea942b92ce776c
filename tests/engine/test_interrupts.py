"""Ctrl-C, sent by a process to itself."""

import os
import signal
import threading

import pytest

from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.probe import probe_solvers


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_interrupt_asks_to_stop_and_the_answer_comes():
    stop = threading.Event()

    def work():
        interrupt()
        return stop.wait(10) and "the best so far"

    assert run_interruptibly(work, stop) == "the best so far"


def test_the_second_interrupt_does_not_wait():
    stop, never = threading.Event(), threading.Event()

    def work():
        interrupt()
        stop.wait(10)
        interrupt()
        never.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(work, stop)
    never.set()


def test_the_handler_from_before_comes_back():
    before = signal.getsignal(signal.SIGINT)
    assert run_interruptibly(lambda: signal.getsignal(signal.SIGINT), threading.Event()) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_what_the_work_raises_is_raised():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError):
        run_interruptibly(lambda: 1 // 0, threading.Event())
    assert signal.getsignal(signal.SIGINT) is before


def test_every_solver_answers():
    assert [(probe.solver, probe.failure) for probe in probe_solvers()] == [("HiGHS", ""), ("CBC", ""), ("CP-SAT", "")]
