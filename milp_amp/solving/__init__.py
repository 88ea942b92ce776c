"""Pre-pass, formulation, check: how a question becomes a verified answer."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.engine.options import checked_limits
from milp_amp.errors import InputError
from milp_amp.formulation import load, names
from milp_amp.plan.result import Result, TracePoint
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.answer import answered
from milp_amp.solving.chain import AUTO
from milp_amp.solving.run import Run


def solve(
    instance: Instance,
    formulation: str = AUTO,
    *,
    cost_model: str = "pipeline",
    time_limit: float | None = None,
    threads: int = 2,
    seed: int = 0,
    gap: float = DEFAULT_GAP,
    warm_start: Strategy | Result | str | None = None,
    progress: Callable[[TracePoint], None] | None = None,
    export_program: str | os.PathLike[str] | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Find the best plan for an instance that keeps its restrictions, and have it judged before it is returned.

    Parameters
    ----------
    formulation
        An installed formulation, or ``"auto"``: the baselines for a start, then exact formulations until
        every space that they search is proved.
    time_limit
        Wall seconds for everything; ``None`` for no limit.
    gap
        Relative gap at which a plan counts as optimal.
    warm_start
        A plan to start from, or the name of a formulation that looks for one in a quarter of the time, ten seconds
        at most, such as ``"gradient"``; the baselines ``amp_dp`` and ``amp_dp_exact`` ignore it.
    progress
        Called with every new incumbent and bound. Called from the main thread, ``solve`` works in a thread of
        its own, and ``progress`` is called from there. What it raises ends the run and is raised here.
    export_program
        Where to write the mathematical program: ``.lp``, ``.mps`` or ``.pb``.
    stop
        Set by whoever runs several searches: ends this one with what it has, as the first Ctrl-C does.

    Returns
    -------
    Result
        Verified wherever there is a plan. The time limit returns the best one so far, and so does the first
        Ctrl-C if ``solve`` was called from the main thread; elsewhere signals are left alone.

    Raises
    ------
    InputError
        If an option is malformed or of another type, the formulation unknown or not applicable, or the warm
        start breaks a rule.
    EngineError
        If a solver failed.
    Discrepancy
        If a formulation's claim is not confirmed.
    KeyboardInterrupt
        On the second Ctrl-C, in the main thread.
    """
    limits = checked_limits(time_limit, threads, seed, gap, progress, export_program)
    limits = replace(limits, stop=stop or limits.stop)
    began = time.perf_counter()

    def answer() -> Result:
        return answered(Run(instance, prepare(instance, cost_model), limits, began), formulation, warm_start)

    if formulation != AUTO:
        load(formulation)
    if isinstance(warm_start, str) and warm_start not in names():
        raise InputError(f"warm_start = {warm_start!r}, expected a Strategy, a Result or the name of a formulation")
    return run_interruptibly(answer, limits.stop)
