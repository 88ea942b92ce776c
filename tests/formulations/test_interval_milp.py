"""The mixed-integer program: drop any family of constraints, and its optimum is another one."""

import math

import pytest

from formulations import interval_milp
from milp_amp.engine.mip import MipStatus, solve_mip
from milp_amp.space.boxes import Box
from tests.builders import instance
from tests.formulations.families import CASES, Case, pair

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)


def run(case, box=None, unit=1e-3):
    """The optimum in milliseconds, the status, and the path graph with its chosen columns."""
    graph, part = case.graph(box)
    program, x = interval_milp.build(graph, part, unit)
    outcome = solve_mip(program, stopped=lambda: False)
    values = outcome.values or {}
    chosen = [column for k, column in enumerate(graph.columns) if values.get(x[k].name, 0) > 0.5]
    return outcome.objective * unit * 1e3, outcome.status, graph, chosen


def solved(case, box=None, unit=1e-3):
    return run(case, box, unit)[:2]


def families(monkeypatch, change):
    """Let ``change`` decide which families a program is subject to."""
    complete = interval_milp.subject_to
    monkeypatch.setattr(interval_milp, "subject_to", lambda program, **rows: complete(program, **change(rows)))


@EACH
def test_with_all_families_the_optimum_is_known_and_it_is_that_of_a_plan(case):
    optimum, status, graph, chosen = run(case)
    assert (optimum, status) == (pytest.approx(case.optimum), MipStatus.OPTIMAL)
    assert graph.path(chosen).step_time(case.weight) * 1e3 == pytest.approx(case.optimum)


@EACH
def test_without_a_family_the_optimum_is_another_one(case, monkeypatch):
    families(monkeypatch, lambda rows: {family: rows[family] for family in rows if family != case.family})
    optimum, *_ = solved(case)
    assert optimum == pytest.approx(case.without)
    assert optimum != pytest.approx(case.optimum)


def test_every_family_has_its_case(monkeypatch):
    seen = []
    families(monkeypatch, lambda rows: seen.extend(rows) or rows)
    solved(CASES[0])
    assert sorted(seen) == sorted(case.family for case in CASES)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
@EACH
def test_the_unit_of_time_does_not_matter(case, unit):
    assert solved(case, unit=unit)[0] == pytest.approx(case.optimum)


TWO_STAGES = Case("bottleneck", pair(batch=4), 6 + 3 * 3, 6)


def test_a_ceiling_forbids_the_longer_columns():
    one_stage = Case("", pair(batch=1, output_MB=0.5), 6, 0)
    assert solved(one_stage)[0] == pytest.approx(6)
    assert solved(one_stage, Box(0, 5e-3))[0] == pytest.approx(7)


def test_below_the_longest_layer_there_is_no_plan():
    graph, _ = TWO_STAGES.graph(Box(0, 2.9e-3))
    assert graph.columns == ()


def test_a_floor_is_paid_though_no_stage_is_as_long():
    assert solved(TWO_STAGES, Box(5e-3, 9e-3))[0] == pytest.approx(6 + 3 * 5)
    assert solved(TWO_STAGES, Box(synchronisation_floor=2e-3))[0] == pytest.approx(6 + 3 * 3 + 2)


def test_a_ceiling_on_the_synchronisation_forbids_the_larger_stages():
    alone = Case("", instance({"fast": [3, 3]}, [("a", 1, "fast", 4)], batch=2, gradient_MB=2, output_MB=2), 10, 0, 2)
    # One microbatch: 6 + 4, or two stages over a boundary of 4 ms (there and back): 10 + 2.
    assert solved(alone)[0] == pytest.approx(10)
    assert solved(alone, Box(synchronisation=3e-3))[0] == pytest.approx(12)


def test_a_program_that_no_path_satisfies_is_infeasible():
    # Two nodes of one device, and only columns of one layer allowed: three stages do not fit.
    (case,) = (case for case in CASES if case.family == "capacity")
    assert solved(case, Box(0, 3.1e-3)) == (math.inf, MipStatus.INFEASIBLE)
