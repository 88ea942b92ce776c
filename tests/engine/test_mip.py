"""HiGHS through PuLP, and CBC where HiGHS fails: a status is a statement of proof."""

import math
import random

import pulp
import pytest

from milp_amp.engine import mip
from milp_amp.engine.mip import CBC_MARGIN, HIGHS_MARGIN, MipOutcome, MipStatus, solve_mip, subject_to
from milp_amp.errors import EngineError


def never():
    return False


def small(right=5, cat=pulp.LpInteger):
    """The least x with 2 x >= right: 3 for 5, or 2.5 where x need not be whole."""
    program = pulp.LpProblem("small")
    x = program.add_variable("x", lowBound=0, upBound=4, cat=cat)
    program += x
    program += 2 * x >= right
    return program


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_is_answered_by_highs_in_one_process(threads):
    outcome = solve_mip(small(), stopped=never, threads=threads)
    assert (outcome.status, outcome.objective, outcome.solver) == (MipStatus.OPTIMAL, pytest.approx(3), "HiGHS")


def market_split(rows=4, columns=30, unit=1.0):
    """Equations over binaries that no solver decides within a second (Cornuéjols and Dawande, 1998)."""
    draw = random.Random(0)
    program = pulp.LpProblem("market_split")
    x = [program.add_variable(f"x_{k}", cat=pulp.LpBinary) for k in range(columns)]
    slack = [program.add_variable(f"s_{i}", lowBound=-9999, upBound=9999) for i in range(rows)]
    size = [program.add_variable(f"t_{i}", lowBound=0) for i in range(rows)]
    program += unit * pulp.lpSum(size)
    for i in range(rows):
        weights = [draw.randrange(100) for _ in range(columns)]
        program += pulp.lpSum(w * v for w, v in zip(weights, x, strict=True)) + slack[i] == sum(weights) // 2
        program += size[i] >= slack[i]
        program += size[i] >= -slack[i]
    return program


def claims_nothing_false(outcome: MipOutcome):
    assert outcome.bound <= outcome.objective
    assert (outcome.values is None) == math.isinf(outcome.objective)


def test_an_optimum_is_its_own_bound():
    outcome = solve_mip(small(), stopped=never)
    assert (outcome.status, outcome.solver) == (MipStatus.OPTIMAL, "HiGHS")
    assert (outcome.objective, outcome.bound) == pytest.approx((3, 3))
    assert outcome.values == pytest.approx({"x": 3})


def test_a_relaxation_need_not_be_whole():
    outcome = solve_mip(small(), stopped=never, relax=True)
    assert (outcome.status, outcome.objective) == (MipStatus.OPTIMAL, 2.5)
    assert outcome.bound == 2.5 - HIGHS_MARGIN * 2.5
    assert outcome.values == {"x": 2.5}


@pytest.mark.parametrize("relax", [False, True])
def test_what_has_no_solution_is_above_every_bound(relax):
    outcome = solve_mip(small(right=9), stopped=never, relax=relax)
    assert outcome == MipOutcome(MipStatus.INFEASIBLE, math.inf, math.inf, None, "HiGHS")


def test_whoever_asks_to_stop_is_heard():
    asked = []
    outcome = solve_mip(market_split(), stopped=lambda: bool(asked.append(1)) or len(asked) > 3)
    assert outcome.status is MipStatus.STOPPED
    assert asked
    claims_nothing_false(outcome)


def test_a_time_limit_leaves_what_was_found_and_proved_by_then():
    outcome = solve_mip(market_split(), stopped=never, time_limit=0.3)
    assert outcome.status is MipStatus.STOPPED
    assert outcome.solver == "HiGHS"
    claims_nothing_false(outcome)


def test_a_time_limit_before_any_solution_leaves_a_bound_and_no_values():
    program = market_split(rows=5, columns=40)
    for row in range(5):  # now every equation must hold exactly
        program += program.variablesDict()[f"t_{row}"] <= 0
    outcome = solve_mip(program, stopped=never, time_limit=0.3)
    assert (outcome.status, outcome.objective, outcome.values) == (MipStatus.STOPPED, math.inf, None)
    assert outcome.bound < math.inf


@pytest.mark.parametrize("relax", [False, True])
def test_with_no_time_at_all_nothing_is_proved(relax):
    outcome = solve_mip(market_split(), stopped=never, time_limit=0.0, relax=relax)
    assert outcome.status in (MipStatus.STOPPED, MipStatus.OPTIMAL)
    claims_nothing_false(outcome)
    if outcome.status is MipStatus.OPTIMAL:
        assert relax  # a linear program this small may be solved before the clock is read


def test_a_running_search_reports_its_bounds():
    bounds = []
    outcome = solve_mip(market_split(3, 15), stopped=never, bounded=bounds.append)
    assert outcome.status is MipStatus.OPTIMAL
    assert all(bound <= outcome.objective + 1e-6 for bound in bounds)
    assert bounds


def test_however_small_the_objective_no_gap_is_left_that_was_not_allowed():
    outcome = solve_mip(market_split(3, 15, unit=1e-3), stopped=never)
    assert outcome.objective > 1e-3
    assert outcome.bound == pytest.approx(outcome.objective, rel=1.1 * HIGHS_MARGIN)


def test_a_gap_that_is_allowed_is_said():
    outcome = solve_mip(market_split(3, 15), stopped=never, gap=0.9)
    assert outcome.status is MipStatus.OPTIMAL
    claims_nothing_false(outcome)
    assert outcome.objective - outcome.bound <= 0.9 * outcome.objective + 1e-9


def test_where_highs_ends_with_a_status_we_do_not_know_cbc_answers_and_is_named(monkeypatch):
    monkeypatch.setattr(mip, "_STATUS", {})
    outcome = solve_mip(small(), stopped=never)
    assert (outcome.status, outcome.solver) == (MipStatus.OPTIMAL, "CBC")
    assert (outcome.objective, outcome.values) == (3, {"x": 3})
    assert outcome.bound == 3 - CBC_MARGIN * 3
    relaxed = solve_mip(small(), stopped=never, relax=True)
    assert (relaxed.solver, relaxed.objective) == ("CBC", 2.5)


def test_cbc_too_can_prove_that_there_is_no_solution(monkeypatch):
    monkeypatch.setattr(mip, "_STATUS", {})
    outcome = solve_mip(small(right=9), stopped=never)
    assert outcome == MipOutcome(MipStatus.INFEASIBLE, math.inf, math.inf, None, "CBC")


def test_cbc_at_its_time_limit_proves_nothing(monkeypatch):
    monkeypatch.setattr(mip, "_STATUS", {})
    outcome = solve_mip(market_split(), stopped=never, time_limit=1.0)
    assert (outcome.status, outcome.bound, outcome.solver) == (MipStatus.STOPPED, -math.inf, "CBC")


def test_where_highs_itself_raises_cbc_answers(monkeypatch):
    def broken(self, lp):
        raise pulp.PulpSolverError("broken")

    monkeypatch.setattr(mip._Highs, "callSolver", broken)
    assert solve_mip(small(), stopped=never).solver == "CBC"


def test_where_both_fail_both_are_blamed(monkeypatch):
    class Broken(pulp.PULP_CBC_CMD):
        def actualSolve(self, lp, **options):
            raise pulp.PulpSolverError("no binary")

    monkeypatch.setattr(mip, "_STATUS", {})
    monkeypatch.setattr(pulp, "PULP_CBC_CMD", Broken)
    with pytest.raises(EngineError, match=r"HiGHS failed \(.*kOptimal.*CBC failed \(no binary\) on small"):
        solve_mip(small(), stopped=never)


def test_the_same_seed_finds_the_same_solution():
    first, second = (solve_mip(market_split(3, 15), stopped=never, seed=7) for _ in range(2))
    assert first.values == second.values


def test_every_row_carries_the_name_of_its_family_and_its_key():
    program = pulp.LpProblem("named")
    x = program.add_variable("x")
    subject_to(program, cover={0: x >= 1, (1, "a"): x >= 2}, memory={(2, (0, 1)): x <= 3})
    names = [row.name for row in program.constraints()]
    assert names == ["cover_0", "cover_1_a", "memory_2_0_1"]
