"""Which solvers answer: each is imported and solves a program of one variable."""

from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple


class Probe(NamedTuple):
    """What one solver did; ``failure`` is empty if it answered correctly."""

    solver: str
    package: str
    failure: str


def probe_solvers() -> tuple[Probe, ...]:
    """Ask every solver for the least integer that is at least 2.5."""
    return tuple(_probe(*candidate) for candidate in _CANDIDATES)


def _probe(solver: str, package: str, least: Callable[[], float]) -> Probe:
    try:
        installed = f"{package} {version(package)}"
        answer = least()
    except Exception as failure:  # whatever keeps a solver from answering is the finding
        return Probe(solver, package, " ".join(f"{type(failure).__name__}: {failure}".split()))
    return Probe(solver, installed, "" if abs(answer - 3) < 1e-6 else f"answered {answer}, expected 3")


def _highs() -> float:
    import pulp

    return _least(pulp.getSolver("HiGHS", msg=False))


def _cbc() -> float:
    import pulp

    return _least(pulp.getSolver("PULP_CBC_CMD", msg=False))


def _least(solver: "object") -> float:
    import pulp

    program = pulp.LpProblem("probe")
    x = program.add_variable("x", cat=pulp.LpInteger)
    program += x
    program += 2 * x >= 5
    program.solve(solver)
    return float(x.value())


def _cp_sat() -> float:
    from ortools.sat.python import cp_model

    program = cp_model.CpModel()
    x = program.new_int_var(0, 9, "x")
    program.add(2 * x >= 5)
    program.minimize(x)
    solver = cp_model.CpSolver()
    solver.solve(program)
    return float(solver.value(x))


_CANDIDATES: tuple[tuple[str, str, Callable[[], float]], ...] = (
    ("HiGHS", "highspy", _highs),
    ("CBC", "pulp", _cbc),
    ("CP-SAT", "ortools", _cp_sat),
)
