"""Running a CP-SAT program: one function, one table of statuses."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ortools.sat.python import cp_model

from milp_amp.errors import EngineError


class CpStatus(Enum):
    """What a run has proved about the program."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"


_STATUS = {
    cp_model.OPTIMAL: CpStatus.OPTIMAL,
    cp_model.INFEASIBLE: CpStatus.INFEASIBLE,
    cp_model.FEASIBLE: CpStatus.STOPPED,
    cp_model.UNKNOWN: CpStatus.STOPPED,
}


@dataclass(frozen=True)
class CpOutcome:
    """What a run has found: a proven lower bound of the integer objective (``-inf`` if unknown)."""

    status: CpStatus
    bound: float


class _Watch(cp_model.CpSolverSolutionCallback):
    """Hands every solution's values on, as the search finds it."""

    def __init__(self, literals: list[cp_model.IntVar], found: Callable[[list[int]], None]) -> None:
        super().__init__()
        self._literals = literals
        self._found = found

    def on_solution_callback(self) -> None:
        """Report the indices of the literals that are true."""
        self._found([k for k, literal in enumerate(self._literals) if self.boolean_value(literal)])


def solve_cpsat(
    program: cp_model.CpModel,
    literals: list[cp_model.IntVar],
    *,
    found: Callable[[list[int]], None],
    bounded: Callable[[float], None],
    stopped: Callable[[], bool],
    time_limit: float = math.inf,
    threads: int = 1,
    seed: int = 0,
    bound_first: bool = False,
) -> CpOutcome:
    """Minimise a program.

    Parameters
    ----------
    found
        Called with the indices of the true literals of every solution.
    bounded
        Called with every proven lower bound of the integer objective.
    stopped
        Asked several times a second whether to give up.
    bound_first
        Give one thread to the bound. Where the objective has a thousand million values, a search that looks for better
        and better ones may creep from one to the next.

    Raises
    ------
    EngineError
        If the program is invalid or the status unknown to us.
    """
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = threads
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    # OR-Tools 9.15 proves wrong optima with either of them: from large enforced lower bounds, and where its presolve
    # compares a linear row with an at-most-one row (https://github.com/google/or-tools/issues/5293).
    solver.parameters.auto_detect_greater_than_at_least_one_of = False
    solver.parameters.presolve_inclusion_work_limit = 0
    if bound_first:
        solver.parameters.linearization_level = 2
        solver.parameters.optimize_with_lb_tree_search = threads == 1
        solver.parameters.extra_subsolvers.append("lb_tree_search")
    if math.isfinite(time_limit):
        solver.parameters.max_time_in_seconds = max(time_limit, 0.01)
    solver.best_bound_callback = bounded
    done = threading.Event()
    watcher = threading.Thread(target=_stop_when, args=(solver, stopped, done), daemon=True)
    watcher.start()
    try:
        code = solver.solve(program, _Watch(literals, found))
    finally:
        done.set()
        watcher.join()
    if code not in _STATUS:
        raise EngineError(f"CP-SAT stopped with {solver.status_name(code)}: {program.validate() or 'no reason given'}")
    status = _STATUS[code]
    return CpOutcome(status, math.inf if status is CpStatus.INFEASIBLE else float(solver.best_objective_bound))


def _stop_when(solver: cp_model.CpSolver, stopped: Callable[[], bool], done: threading.Event) -> None:
    while not done.wait(0.1):
        if stopped():
            solver.stop_search()
