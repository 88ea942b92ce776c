"""The house keeps its own rules."""

import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

import formulations

ROOT = Path(__file__).parents[1]

PULP = """
import pulp
program = pulp.LpProblem("house")
x = program.add_variable("x", cat=pulp.LpInteger)
program += x
program += 2 * x >= 5
program.solve(pulp.HiGHS(msg=False))
assert x.value() == 3
"""

OR_TOOLS = """
from ortools.sat.python import cp_model
model = cp_model.CpModel()
y = model.new_int_var(0, 9, "y")
model.add(2 * y >= 5)
model.minimize(y)
solver = cp_model.CpSolver()
assert solver.solve(model) == cp_model.OPTIMAL
assert solver.value(y) == 3
"""


def test_every_import_goes_the_way_the_rooms_open():
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_the_import_name_formulations_belongs_to_us():
    """Another distribution of that name exists; whoever comes first would shadow the other."""
    assert set(packages_distributions().get("formulations", ["milp-amp"])) == {"milp-amp"}
    assert Path(formulations.__file__).parent == ROOT / "formulations"


@pytest.mark.parametrize("program", [PULP + OR_TOOLS, OR_TOOLS + PULP], ids=["pulp-first", "ortools-first"])
def test_both_solver_packages_work_in_one_process(program):
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_highspy_is_one_that_shares_a_process_with_ortools():
    assert tuple(map(int, version("highspy").split(".")[:2])) < (1, 14)


def test_pulp_still_has_the_names_that_its_next_version_drops():
    assert int(version("pulp").split(".")[0]) < 4
