"""CP-SAT: a status is a statement of proof."""

import math
import random

import pytest
from ortools.sat.python import cp_model

from milp_amp.engine import cpsat
from milp_amp.engine.cpsat import CpOutcome, CpStatus, solve_cpsat
from milp_amp.errors import EngineError


def run(program, literals, **options):
    found = []
    defaults = {"found": found.append, "bounded": lambda bound: None, "stopped": lambda: False}
    return solve_cpsat(program, literals, **{**defaults, **options}), found


def small(least=2):
    """Of three literals with costs 1, 2, 4, at least ``least`` are true."""
    program = cp_model.CpModel()
    x = [program.new_bool_var(f"x_{k}") for k in range(3)]
    program.add(sum(x) >= least)
    program.minimize(sum(2**k * x[k] for k in range(3)))
    return program, x


def market_split(rows=5, columns=40):
    draw = random.Random(0)
    program = cp_model.CpModel()
    x = [program.new_bool_var(f"x_{k}") for k in range(columns)]
    sizes = []
    for _ in range(rows):
        weights = [draw.randrange(100) for _ in range(columns)]
        slack = sum(w * v for w, v in zip(weights, x, strict=True)) - sum(weights) // 2
        size = program.new_int_var(0, 9999, "")
        program.add(size >= slack)
        program.add(size >= -slack)
        sizes.append(size)
    program.minimize(sum(sizes))
    return program, x


def test_an_optimum_is_its_own_bound_and_its_solution_was_reported():
    outcome, found = run(*small())
    assert outcome == CpOutcome(CpStatus.OPTIMAL, 3)
    assert found[-1] == [0, 1]


def test_what_has_no_solution_is_above_every_bound():
    outcome, found = run(*small(least=4))
    assert outcome == CpOutcome(CpStatus.INFEASIBLE, math.inf)
    assert found == []


def test_a_time_limit_leaves_what_was_proved_by_then():
    values = []
    outcome, _ = run(*market_split(), time_limit=0.3, bounded=values.append)
    assert outcome.status is CpStatus.STOPPED
    assert 0 <= outcome.bound < math.inf
    assert values == sorted(values)


def test_whoever_asks_to_stop_is_heard():
    asked = []
    outcome, _ = run(*market_split(), stopped=lambda: asked.append(1) is None)
    assert outcome.status is CpStatus.STOPPED
    assert asked


def test_an_invalid_program_is_an_error_that_says_why():
    program = cp_model.CpModel()
    x = program.new_int_var(0, 2**62, "x")
    program.add(2**62 * x >= 1)
    with pytest.raises(EngineError, match=r"MODEL_INVALID: \w"):
        run(program, [])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_search_for_the_bound_ends_at_the_same_optimum(threads):
    outcome, found = run(*small(), bound_first=True, threads=threads)
    assert outcome == CpOutcome(CpStatus.OPTIMAL, 3)
    assert found[-1] == [0, 1]


def test_a_status_we_do_not_know_is_an_error(monkeypatch):
    monkeypatch.setattr(cpsat, "_STATUS", {})
    with pytest.raises(EngineError, match="CP-SAT stopped with OPTIMAL: no reason given"):
        run(*small())


def test_the_same_seed_finds_the_same_solutions():
    program, x = market_split(2, 12)
    assert run(program, x, seed=7)[1] == run(program, x, seed=7)[1]


def test_another_seed_searches_another_way():
    program, x = market_split(3, 16)
    ways = {str(run(program, x, seed=seed)[1]) for seed in range(6)}
    assert len(ways) > 1
