"""Running a PuLP program: HiGHS, and CBC where HiGHS fails or is missing. One function, one table of statuses.

PuLP reports "Optimal" at a time limit and gives no bound, so HiGHS is asked directly.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulp

from milp_amp.errors import EngineError

TOLERANCE = 1e-9
"""Feasibility tolerances: the bottleneck is paid once per microbatch, so an error in it is multiplied."""

HIGHS_MARGIN = 1e-8
CBC_MARGIN = 1e-6
"""What a bound is lowered by, relative: a solver's tolerances let its bound lie a little above the truth."""


class MipStatus(Enum):
    """What a run has proved about the program."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"


@dataclass(frozen=True)
class MipOutcome:
    """What a run has found.

    ``bound`` is a proven lower bound of the program (``inf`` if infeasible, ``-inf`` if unknown);
    ``values`` maps variable names to values, and is ``None`` without a solution.
    """

    status: MipStatus
    objective: float
    bound: float
    values: Mapping[str, float] | None
    solver: str


_STATUS = {
    "kOptimal": MipStatus.OPTIMAL,
    "kInfeasible": MipStatus.INFEASIBLE,
    "kTimeLimit": MipStatus.STOPPED,
    "kInterrupt": MipStatus.STOPPED,
}
"""HiGHS's model statuses by name; any other is an error."""


class _Highs(pulp.HiGHS):  # type: ignore[misc]
    """PuLP's HiGHS, interruptible from outside."""

    def __init__(self, stopped: Callable[[], bool], bounded: Callable[[float], None], **options: Any) -> None:
        super().__init__(msg=False, **options)
        self._stopped = stopped
        self._bounded = bounded

    def callSolver(self, lp: pulp.LpProblem) -> None:
        """Run with callbacks that ask whether to go on."""
        highs = lp.solverModel
        highs.setCallback(self._ask, None)
        for kind in (
            self.hscb.HighsCallbackType.kCallbackMipInterrupt,
            self.hscb.HighsCallbackType.kCallbackSimplexInterrupt,
        ):
            highs.startCallback(kind)
        # One pool of threads serves all of a process's models, and HiGHS refuses to run one that asks for another size.
        highs.resetGlobalScheduler(True)
        highs.run()

    def _ask(self, kind: Any, message: str, out: Any, answer: Any, data: Any) -> None:
        if kind == self.hscb.HighsCallbackType.kCallbackMipInterrupt and math.isfinite(out.mip_dual_bound):
            self._bounded(lowered(float(out.mip_dual_bound), HIGHS_MARGIN))
        if self._stopped():
            answer.user_interrupt = True


def solve_mip(
    program: pulp.LpProblem,
    *,
    stopped: Callable[[], bool],
    bounded: Callable[[float], None] = lambda bound: None,
    time_limit: float = math.inf,
    threads: int = 1,
    seed: int = 0,
    gap: float = 0.0,
    relax: bool = False,
) -> MipOutcome:
    """Minimise a program, or its linear relaxation, and return what was proved.

    Parameters
    ----------
    stopped
        Asked many times a second whether to give up.
    bounded
        Called with the proven lower bounds of a running search.
    relax
        Solve the linear relaxation instead.

    Raises
    ------
    EngineError
        If no solver gives an answer that can be read.
    """
    limit = None if math.isinf(time_limit) else max(time_limit, 0.01)
    options = {
        "threads": threads,
        "random_seed": seed,
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
        "mip_feasibility_tolerance": TOLERANCE,
    }
    started = time.perf_counter()
    try:
        if pulp.HiGHS.hscb is None:
            raise EngineError("highspy is not installed")
        program.solve(_Highs(stopped, bounded, mip=not relax, timeLimit=limit, gapRel=gap, gapAbs=0.0, **options))
        return _read(program, relax)
    except (EngineError, pulp.PulpError) as failure:
        left = None if limit is None else limit - (time.perf_counter() - started)
        return _fall_back(program, failure, left, seed, relax)


def _read(program: pulp.LpProblem, relax: bool) -> MipOutcome:
    highs = program.solverModel
    code = highs.getModelStatus()
    if code.name not in _STATUS:
        raise EngineError(f"HiGHS stopped with {code.name} on {program.name}")
    status = _STATUS[code.name]
    if status is MipStatus.INFEASIBLE:
        return MipOutcome(status, math.inf, math.inf, None, "HiGHS")
    info = highs.getInfo()
    objective = float(info.objective_function_value)
    solved = info.primal_solution_status == 2  # a feasible point; HiGHS returns other points too
    if status is MipStatus.OPTIMAL and not solved:
        raise EngineError(f"HiGHS calls a point optimal that is not feasible on {program.name}")
    values = {v.name: float(v.varValue) for v in program.variables()} if solved else None
    return MipOutcome(status, objective if solved else math.inf, _bound(highs, status, relax), values, "HiGHS")


def _bound(highs: Any, status: MipStatus, relax: bool) -> float:
    """Return what HiGHS has proved; an unfinished relaxation proves nothing."""
    if not relax:
        return lowered(float(highs.getInfo().mip_dual_bound), HIGHS_MARGIN)
    objective = float(highs.getInfo().objective_function_value)
    return lowered(objective, HIGHS_MARGIN) if status is MipStatus.OPTIMAL else -math.inf


def _fall_back(
    program: pulp.LpProblem, failure: Exception, time_limit: float | None, seed: int, relax: bool
) -> MipOutcome:
    """Ask CBC; it never claims a bound, except that of a finished search."""
    started = time.perf_counter()
    solver = pulp.PULP_CBC_CMD(
        mip=not relax, msg=False, timeLimit=time_limit, options=[f"randomSeed {seed + 1}"], gapRel=0.0
    )
    try:
        program.solve(solver)
    except (pulp.PulpError, OSError) as second:
        raise EngineError(f"HiGHS failed ({failure}) and CBC failed ({second}) on {program.name}") from second
    if program.status == pulp.LpStatusInfeasible and program.sol_status == pulp.LpSolutionInfeasible:
        return MipOutcome(MipStatus.INFEASIBLE, math.inf, math.inf, None, "CBC")
    if program.sol_status == pulp.LpSolutionOptimal:
        objective = float(pulp.value(program.objective))
        values = {v.name: float(v.varValue) for v in program.variables()}
        return MipOutcome(MipStatus.OPTIMAL, objective, lowered(objective, CBC_MARGIN), values, "CBC")
    if time_limit is None or time.perf_counter() - started < time_limit:
        raise EngineError(f"HiGHS failed ({failure}) and CBC gave up ({program.status}) on {program.name}")
    return MipOutcome(MipStatus.STOPPED, math.inf, -math.inf, None, "CBC")


def lowered(bound: float, margin: float) -> float:
    """Return a bound that holds in spite of a solver's tolerance."""
    return bound - margin * abs(bound) if math.isfinite(bound) else bound


def subject_to(program: pulp.LpProblem, **families: Mapping[Any, Any]) -> None:
    """Add families of constraints; row ``k`` of family ``f`` is named ``f_k``."""
    for family, rows in families.items():
        for key, row in rows.items():
            program += (row, f"{family}_{_label(key)}")


def _label(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "_".join(_label(part) if isinstance(part, tuple) else str(part) for part in parts)
