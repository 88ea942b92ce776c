"""Why a plan: what limits it, and what the best plan lacks that differs in one choice."""

import pytest

from milp_amp.errors import Discrepancy, PlanError
from milp_amp.plan.result import Result, Status
from milp_amp.solving import solve
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.plan import PlanExplanation, explain_plan
from milp_amp.units import GiB
from tests.builders import instance, result, strategy
from tests.solving.explaining.test_infeasible import STATE_BYTES

WORLD = instance(
    layer_ms={("fast", 1, 1): [3, 3], ("fast", 1, 2): [8, 8], ("fast", 1, 4): [20, 20]},
    nodes=[("a", 1, "fast", 2)],
    batch=4,
)
"""Two replicas take 2 × 6 = 12 ms, two stages (2 + 4 − 1) × 3 = 15 ms, microbatches of two 16 ms, one device 24 ms."""


def of(world, plan=None, **options):
    return explain_plan(Asker(world, threads=1, **options), plan)


def without(told, text):
    (found,) = [each for each in told.alternatives if each.text == text]
    return found


def test_the_runner_up_is_the_best_plan_that_differs_in_a_choice():
    told = of(WORLD)
    assert (told.result.status, told.result.objective) == (Status.OPTIMAL, pytest.approx(0.012))
    assert told.runner_up.text == "data_parallel=2"
    assert told.runner_up.objective == pytest.approx(0.015)
    assert told.runner_up.strategy.pipeline_parallel == 2


def test_it_is_slower_at_the_bottleneck_and_not_while_it_fills():
    """Both fill in 6 ms; then come one microbatch of 6 ms, or three of 3 ms."""
    told = of(WORLD)
    assert (told.parts.fill, told.parts.bottleneck) == (pytest.approx(0.006), pytest.approx(0.006))
    more = told.runner_up.more
    assert (more.fill, more.bottleneck) == (pytest.approx(0.0), pytest.approx(0.003))
    assert more.largest == "bottleneck"


def test_every_choice_with_another_value_is_forbidden_once():
    told = of(WORLD)
    assert sorted(each.text for each in told.alternatives) == [
        "data_parallel=2",
        "microbatch_size=1",
        "pipeline_parallel=1",
    ]


def test_without_the_fast_devices_the_slow_ones_do_all():
    world = instance(
        layer_ms={"fast": [3, 3], "slow": [9, 9]}, nodes=[("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=4
    )
    assert without(of(world), "fast devices").objective == pytest.approx(4 * 0.018)


def test_what_lacks_memory_says_what_it_would_take_with_more():
    """One device of 8 GiB cannot hold both layers of 6 GiB; with memory, two replicas would take 12 ms."""
    world = instance(
        layer_ms={"fast": [3, 3]},
        nodes=[("a", 1, "fast", 2)],
        batch=4,
        parameters=[6 * GiB / STATE_BYTES] * 2,
        gradient_bytes=1e-9,
        memory_GiB=8.0,
    )
    other = without(of(world), "pipeline_parallel=2")
    assert (other.status, other.objective) == (Status.INFEASIBLE, None)
    assert other.with_ample_memory == pytest.approx(0.012)


def test_a_plan_from_outside_is_explained_and_may_have_a_better_one_beside_it():
    told = of(WORLD, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")))
    assert (told.result.status, told.result.bound) == (Status.FEASIBLE, None)
    assert told.runner_up.objective == pytest.approx(0.012)
    assert told.evaluation.limiting == "stage 0 computes 3 ms per microbatch"


def test_a_result_keeps_its_proof_once_the_judge_has_confirmed_its_plan():
    best = solve(WORLD, threads=1)
    told = of(WORLD, best)
    assert (told.result.status, told.result.bound) == (Status.OPTIMAL, best.bound)


def test_a_result_that_lies_about_its_plan_is_refused():
    halves = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
    with pytest.raises(Discrepancy, match=r"claimed 0\.014 s, recomputed 0\.015 s"):
        of(WORLD, result(halves, 0.014))


def test_a_plan_that_breaks_a_restriction_is_refused():
    with pytest.raises(PlanError, match="data_parallel: 1, expected at least 2"):
        of(WORLD.restricted("data_parallel>=2"), strategy((0, 2, "a.0/0")))


def test_where_there_is_no_plan_there_is_nothing_to_explain():
    told = of(WORLD.restricted("data_parallel>=3"))
    assert isinstance(told, Result)
    assert told.status is Status.INFEASIBLE


def test_between_two_nodes_the_cut_names_the_link():
    world = instance(
        layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 1), ("b", 1, "fast", 1)], nic_GBps={"a": 1.0, "b": 4.0}
    )
    told = of(world)
    assert isinstance(told, PlanExplanation)
    assert told.limit.cut.links in ((("a.0", "switch"),), (("switch", "a.0"),))
    assert told.limit.cut.bandwidth == pytest.approx(1e9)


def test_on_one_node_there_is_no_cut():
    assert of(WORLD).limit is None


def test_a_least_speed_leaves_only_what_is_quick_enough():
    told = of(WORLD.asked(least_steps_per_second=70.0))
    assert without(told, "data_parallel=2").status is Status.INFEASIBLE
    assert without(told, "microbatch_size=1").status is Status.INFEASIBLE
