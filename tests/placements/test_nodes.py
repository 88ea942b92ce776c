"""The program over single nodes finds the best of all plans, and so do programs over places where they claim it."""

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.plan.result import Status
from tests.agreement.checks import Truth, difference, run
from tests.builders import instance
from tests.placements.drawing import draw, even, unlike
from tests.placements.homes import Anywhere
from tests.placements.plans import best_plan

NAMES = ("placement_cpsat", "placement_milp", "placement_search")


def in_one_ring(world):
    """The same question where the slowest pair decides and replicas form one ring."""
    cluster = replace(world.cluster, contention="slowest_pair")
    return replace(world, cluster=cluster, workload=replace(world.workload, all_reduce="ring"))


def truth(world):
    prepass = prepare(in_one_ring(world))
    homes = Anywhere(prepass.instance, prepass.costs)
    return Truth(prepass, best_plan(prepass.instance, prepass.costs, homes, homes.start), {})


@pytest.mark.parametrize("seed", range(150))
def test_it_finds_the_best_of_all_plans_on_any_nodes(seed):
    difference("placement_cpsat", truth(draw(seed)))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_it_finds_the_best_of_all_plans_where_every_number_is_a_power_of_two(seed, mixed):
    difference("placement_cpsat", truth(even(seed, mixed)))


@pytest.mark.parametrize("seed", range(60))
def test_programs_over_places_never_claim_more(seed):
    known = truth(draw(seed))
    for name in ("placement_search", "placement_milp"):
        result = run(name, known.prepass)
        if known.claimed is not None and result.objective is not None:
            assert result.objective >= known.claimed.value * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_all_three_agree_on_up_to_six_unlike_nodes(seed):
    prepass = prepare(unlike(seed))
    results = [run(name, prepass) for name in NAMES]
    assert [result.status for result in results] == [Status.OPTIMAL] * 3
    assert [result.objective for result in results] == pytest.approx([results[0].objective] * 3, rel=1e-6)


def test_with_several_tensor_degrees_a_stage_may_have_to_be_spread_and_only_single_nodes_tell():
    # 3 ms for every layer: the first one by pairs of devices, the second one on a, the third one on b. Eight devices: a
    # pair of each node for the first layer, and what is left of a and of b for the others. One replica: 9 + 15 × 3.
    world = instance(
        {("x", 1): [50, 3, 50], ("y", 1): [50, 50, 3], ("x", 2): [3, 50, 50], ("y", 2): [3, 50, 50]},
        [("a", 1, "x", 4), ("b", 1, "y", 4)],
        batch=16,
        contention="slowest_pair",
    )
    claims = {name: run(name, prepare(world)).objective for name in NAMES}
    assert claims["placement_cpsat"] == pytest.approx((9 + 7 * 3) / 1e3)
    assert claims["placement_search"] == claims["placement_milp"] == pytest.approx((9 + 15 * 3) / 1e3)
