"""A report claims no more than is proved."""

from milp_amp.solving.replanning import replanned
from milp_amp.view.proof_text import optimal
from milp_amp.view.text import render
from tests.builders import instance, strategy


def test_a_plan_within_the_tolerance_is_not_said_to_be_the_best():
    # 3 + 3 layers of 3 ms on two equal devices take 18 + 99 * 9 = 909 ms, 2 + 4 of them 18 + 99 * 12 = 1206 ms: the
    # best one takes 297 ms less, which is 24.6 % of the plan that stays.
    world = instance({"fast": [3] * 6}, batch=100, parameters=1e6).restricted("data_parallel=1", "microbatch_size=1")
    near = replanned(world, strategy((0, 2, "a.0/0"), (2, 6, "a.0/1")), tolerance=0.5, threads=1)
    first = "tiny: optimal up to 24.6 %: beyond that no plan of the searched space is better"
    assert render(world, near).splitlines()[0] == first


def test_a_gap_of_rounding_is_none():
    assert optimal("nothing is better", [None, 0.0, 1e-7]) == "optimal: nothing is better"
    assert optimal("nothing is better", [0.0, 0.02]) == "optimal up to 2 %: beyond that nothing is better"
