"""Whoever claims does not judge."""

import pytest

from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.errors import Discrepancy
from milp_amp.judge.check import check
from milp_amp.plan.result import Status
from tests.builders import instance, result, strategy

WORLD = instance({"fast": [3, 3]}, batch=4)
COSTS = cost_model("pipeline", WORLD, measure(WORLD.cluster))
HALVES = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
TRUTH = 0.015
"""Seconds: (4 + 2 − 1) × 3 ms."""


def test_a_true_claim_is_verified_and_nothing_else_changes():
    claim = result(HALVES, TRUTH, bound=0.012)
    checked = check(WORLD, claim, COSTS)
    assert checked.verified
    assert checked == result(HALVES, TRUTH, bound=0.012, verified=True)


@pytest.mark.parametrize("factor", [1 + 1e-12, 1 - 1e-12])
def test_rounding_is_no_lie(factor):
    assert check(WORLD, result(HALVES, TRUTH * factor, bound=TRUTH * factor), COSTS).verified


@pytest.mark.parametrize("claimed", [0.014, 0.016, TRUTH * (1 - 1e-8), TRUTH * (1 + 1e-8), float("inf"), float("nan")])
def test_a_wrong_claim_is_caught(claimed):
    with pytest.raises(Discrepancy, match=rf"^claimed {claimed:.12g} s, recomputed 0.015 s$"):
        check(WORLD, result(HALVES, claimed), COSTS)


@pytest.mark.parametrize("bound", [TRUTH * (1 + 1.5e-9), float("nan")])
def test_a_bound_above_the_plan_is_caught(bound):
    # The result itself refuses a bound above its objective: the claim lies as high as rounding allows.
    claim = result(HALVES, TRUTH * (1 + 0.9e-9), bound)
    with pytest.raises(Discrepancy, match=r"^claimed bound \S+ s, recomputed 0.015 s for the plan$"):
        check(WORLD, claim, COSTS)


def test_a_plan_that_breaks_a_rule_is_caught():
    with pytest.raises(Discrepancy, match=r"^stages\[0\]\.layers: ends at 1, expected 2, the model's end$"):
        check(WORLD, result(strategy((0, 1, "a.0/0")), TRUTH), COSTS)


def test_a_plan_that_does_not_fit_is_caught():
    world = instance({"fast": [3, 3]}, batch=4, parameters=1e9, memory_GiB=1)
    costs = cost_model("pipeline", world, measure(world.cluster))
    with pytest.raises(
        Discrepancy, match=r"^stages\[0\]: needs .* GiB per device, expected at most 1 GiB \(fast a.0/0\)$"
    ):
        check(world, result(HALVES, TRUTH), costs)


def test_a_claim_is_judged_by_its_own_cost_model():
    with pytest.raises(Discrepancy, match="claimed for cost model 'amp', recomputed for 'pipeline'"):
        check(WORLD, result(HALVES, TRUTH, cost_model="amp"), COSTS)


@pytest.mark.parametrize("status", [Status.INFEASIBLE, Status.UNKNOWN])
def test_without_a_plan_there_is_nothing_to_verify(status):
    claim = result(None, None, bound=1.0, status=status)
    assert check(WORLD, claim, COSTS) == claim
    assert not check(WORLD, result(None, None, status=status, verified=True), COSTS).verified
