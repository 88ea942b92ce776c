"""The same question with the same seed has the same answer; threads change only how long it takes."""

import pytest
from hypothesis import given, settings

from milp_amp.plan.result import Status
from milp_amp.solving import solve
from tests.builders import instance
from tests.problem.drawing import worlds

EXACT = ("interval_dp", "interval_milp", "interval_cpsat")
UNEVEN = instance(
    {"fast": [2, 5, 3, 4], "slow": [5, 9, 7, 8]},
    [("a", 2, "fast", 2), ("b", 1, "slow", 2)],
    output_MB=[1, 2, 1, 0],
    gradient_MB=3,
    nic_GBps=2,
    inside_GBps=10,
    batch=8,
)


@pytest.mark.parametrize("formulation", EXACT)
@given(world=worlds(max_layers=3, max_groups=2))
@settings(max_examples=8, deadline=None)
def test_the_same_seed_is_the_same_result(formulation, world):
    first, second = (solve(world, formulation, seed=7, threads=1) for _ in range(2))
    assert (first.strategy, first.objective, first.bound) == (second.strategy, second.objective, second.bound)
    assert first.status is second.status


@pytest.mark.parametrize("formulation", EXACT)
def test_threads_and_seeds_change_nothing_about_the_optimum(formulation):
    results = [solve(UNEVEN, formulation, threads=threads, seed=seed) for threads, seed in ((1, 0), (2, 0), (1, 5))]
    assert {result.status for result in results} == {Status.OPTIMAL}
    assert [result.objective for result in results] == pytest.approx([results[0].objective] * 3, rel=1e-6)


def test_every_exact_formulation_finds_the_same_optimum():
    objectives = [solve(UNEVEN, formulation).objective for formulation in EXACT]
    assert objectives == pytest.approx([objectives[0]] * 3, rel=1e-6)
