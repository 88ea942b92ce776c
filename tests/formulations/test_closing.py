"""What the search around the programs makes of their answers."""

import math

import pytest

from formulations import interval_cpsat, interval_milp
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.cpsat import CpOutcome, CpStatus
from milp_amp.engine.limits import Limits
from milp_amp.engine.mip import MipOutcome, MipStatus
from milp_amp.plan.result import Status
from tests.formulations.families import CASES

(WORLD,) = (case.world for case in CASES if case.family == "memory")


def solved(formulation, **limits):
    return formulation.solve(WORLD, prepare(WORLD), Limits(**limits))


def once(outcome, answer, concerned=lambda options: True):
    """A solver that gives an outcome of ours the first time that it is concerned."""
    asked = []

    def patched(*program, **options):
        if concerned(options) and not asked:
            asked.append(1)
            return outcome
        return answer(*program, **options)

    return patched, asked


def test_a_mip_that_did_not_end_is_opened_again(monkeypatch):
    expected = solved(interval_milp)
    stopped = MipOutcome(MipStatus.STOPPED, math.inf, -math.inf, None, "HiGHS")
    patched, asked = once(stopped, interval_milp.solve_mip, lambda options: not options["relax"])
    monkeypatch.setattr(interval_milp, "solve_mip", patched)
    result = solved(interval_milp)
    assert asked
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


def test_a_relaxation_that_did_not_end_proves_nothing(monkeypatch):
    expected = solved(interval_milp)
    stopped = MipOutcome(MipStatus.STOPPED, math.inf, -math.inf, None, "HiGHS")
    patched, _ = once(stopped, interval_milp.solve_mip, lambda options: options["relax"])
    monkeypatch.setattr(interval_milp, "solve_mip", patched)
    result = solved(interval_milp)
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


def test_a_constraint_program_that_did_not_end_is_opened_again(monkeypatch):
    expected = solved(interval_cpsat)
    patched, asked = once(CpOutcome(CpStatus.STOPPED, -math.inf), interval_cpsat.solve_cpsat)
    monkeypatch.setattr(interval_cpsat, "solve_cpsat", patched)
    result = solved(interval_cpsat)
    assert asked
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


def test_every_program_is_solved_more_exactly_than_the_answer_must_be(monkeypatch):
    gaps = []
    answer = interval_milp.solve_mip
    monkeypatch.setattr(
        interval_milp, "solve_mip", lambda program, **options: gaps.append(options["gap"]) or answer(program, **options)
    )
    assert solved(interval_milp, gap=0.01).status is Status.OPTIMAL
    assert gaps
    assert max(gaps) < 0.01
