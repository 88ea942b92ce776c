"""The constraint program: drop any family of constraints, and its optimum is another one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formulations import interval_cpsat
from formulations.interval_cpsat import TICKS, Ticks
from milp_amp.engine.cpsat import CpStatus, solve_cpsat
from milp_amp.space.boxes import Box
from tests.formulations.families import CASES, Case, pair

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)
TEN_MILLIONTH = 1e-7


def program_of(case, box=None):
    graph, part = case.graph(box)
    scale = Ticks.for_graph(graph, part)
    return graph, scale, *interval_cpsat.build(graph, part, scale)


def run(case, box=None, without=()):
    """The optimum in milliseconds, the status, and the path graph with its chosen columns."""
    graph, scale, program, x = program_of(case, box)
    for row in program.proto.constraints:
        if row.name in without:
            row.clear_linear()
            row.clear_exactly_one()
    found = [[]]
    outcome = solve_cpsat(program, x, found=found.append, bounded=lambda bound: None, stopped=lambda: False)
    return scale.seconds(outcome.bound) * 1e3, outcome.status, graph, [graph.columns[a] for a in found[-1]]


def solved(case, box=None, without=()):
    return run(case, box, without)[:2]


@EACH
def test_with_all_families_the_optimum_is_known_and_it_is_that_of_a_plan(case):
    optimum, status, graph, chosen = run(case)
    assert (optimum, status) == (pytest.approx(case.optimum, rel=TEN_MILLIONTH), CpStatus.OPTIMAL)
    assert optimum <= case.optimum * (1 + 1e-15)
    assert graph.path(chosen).step_time(case.weight) * 1e3 == pytest.approx(case.optimum)


@EACH
def test_without_a_family_the_optimum_is_another_one(case):
    # Cover goes as well: it says some of what the others say.
    optimum, *_ = solved(case, without=(case.family, "cover"))
    assert optimum == pytest.approx(case.without, rel=TEN_MILLIONTH)
    assert optimum != pytest.approx(case.optimum)


@EACH
def test_cover_is_implied(case):
    assert solved(case, without=("cover",))[0] == pytest.approx(case.optimum, rel=TEN_MILLIONTH)


def test_every_family_has_its_case():
    named = {row.name for case in CASES for row in program_of(case)[2].proto.constraints}
    assert named == {case.family for case in CASES} | {"cover"}


TWO_STAGES = Case("bottleneck", pair(batch=4), 6 + 3 * 3, 6)


def test_a_ceiling_forbids_the_longer_columns():
    one_stage = Case("", pair(batch=1, output_MB=0.5), 6, 0)
    assert solved(one_stage, Box(0, 5e-3))[0] == pytest.approx(7)


def test_a_floor_is_paid_though_no_stage_is_as_long():
    assert solved(TWO_STAGES, Box(5e-3, 9e-3))[0] == pytest.approx(6 + 3 * 5)


def test_a_program_that_no_path_satisfies_is_infeasible():
    (case,) = (case for case in CASES if case.family == "capacity")
    assert solved(case, Box(0, 3.1e-3)) == (math.inf, CpStatus.INFEASIBLE)


@given(st.floats(0, 1e3), st.floats(1e-3, 1e9))
def test_ticks_round_down_and_ceilings_round_up(seconds, per_second):
    ticks = Ticks(per_second)
    assert ticks.seconds(ticks(seconds)) <= seconds * (1 + 1e-12)
    assert ticks(seconds) > seconds * per_second - 1
    assert ticks.ceiling(seconds, 10**15) >= seconds * per_second
    assert ticks.ceiling(seconds, 7) <= 7
    assert ticks.ceiling(math.inf, 7) == 7


@EACH
def test_ticks_are_as_fine_as_the_largest_step_time_allows(case):
    graph, part = case.graph()
    ticks = Ticks.for_graph(graph, part)
    assert TICKS / 20 <= case.optimum * 1e-3 * ticks.per_second <= TICKS
    # An incumbent leaves less to count.
    assert Ticks.for_graph(graph, part, case.optimum * 1e-3).per_second >= ticks.per_second
