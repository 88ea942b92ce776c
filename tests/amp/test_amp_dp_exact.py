"""AMP's space searched exactly: it agrees with brute force, and its bound is one."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from formulations import amp_dp, amp_dp_exact
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.plan.result import Status
from tests import builders
from tests.amp.library import MIXED, brute_force, instance, price


def tiny(seed):
    """Three to six layers on two to four nodes of two devices; memory binds on some of them."""
    draw = random.Random(seed)
    L = draw.randint(3, 6)
    layers = {(device, t): [draw.uniform(1, 9) / t for _ in range(L)] for device in ("fast", "slow") for t in (1, 2)}
    return builders.instance(
        layers,
        [("a", draw.randint(1, 2), "fast", 2), ("b", draw.randint(1, 2), "slow", 2)],
        output_MB=[draw.choice([0, 1, 5, 20]) for _ in range(L)],
        gradient_MB=[draw.choice([0, 10, 40]) for _ in range(L)],
        activation_MB=[draw.choice([10, 50, 100]) for _ in range(L)],
        memory_GiB={"fast": draw.choice([0.2, 0.5, 100]), "slow": draw.choice([0.2, 0.6, 100])},
        nic_GBps={"a": draw.choice([0.5, 1, 4]), "b": draw.choice([0.5, 1, 4])},
        inside_GBps=draw.choice([1, 10]),
        batch=draw.choice([4, 8]),
        schedule=draw.choice(["1f1b", "gpipe"]),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), costs=st.sampled_from(["amp", "pipeline"]))
def test_the_proven_optimum_is_the_best_of_all_partitions_priced_one_by_one(seed, costs):
    world = tiny(seed)
    bounds = prepare(world, costs)
    best = brute_force(world, bounds.costs)
    result = amp_dp_exact.solve(world, bounds, Limits(gap=0.0))
    if best is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert result.status is Status.OPTIMAL
        assert result.objective == pytest.approx(best, rel=1e-9)
        assert result.bound == pytest.approx(best, rel=1e-9)
    assert (amp_dp.solve(world, bounds, Limits()).objective or 1e9) >= (best or 1e9) * (1 - 1e-9)


def test_among_the_tiny_instances_memory_decides_some_and_forbids_some():
    """The property above would prove little if no instance were short of memory."""
    statuses, changed = set(), 0
    for seed in range(20):
        world = tiny(seed)
        ample = replace(world, workload=replace(world.workload, state_bytes=1e-9))
        tight, free = (amp_dp_exact.solve(w, prepare(w, "pipeline"), Limits()) for w in (world, ample))
        statuses.add(tight.status)
        changed += tight.objective is not None and tight.objective > free.objective * (1 + 1e-9)
    assert statuses == {Status.OPTIMAL, Status.INFEASIBLE}
    assert changed > 0


def test_two_equal_layers_on_two_equal_devices_split_evenly():
    """One replica of two stages: 2 × 3 ms + 3 × 3 ms = 15 ms; two replicas: 6 ms + 1 × 6 ms, and a free ring."""
    world = builders.instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], batch=4)
    result = amp_dp_exact.solve(world, prepare(world, "pipeline"), Limits())
    assert result.objective == pytest.approx(0.012)
    world = builders.instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], batch=4, gradient_MB=50)
    result = amp_dp_exact.solve(world, prepare(world, "pipeline"), Limits())
    assert [stage.layers for stage in result.strategy.stages] == [(0, 1), (1, 2)]
    assert result.objective == pytest.approx(0.015)


def test_twice_the_speed_is_half_the_time():
    slow = builders.instance({"fast": [4, 6, 8, 2]}, [("a", 2, "fast", 2)], output_MB=2)
    fast = builders.instance({"fast": [2, 3, 4, 1]}, [("a", 2, "fast", 2)], output_MB=1)
    seconds = [amp_dp_exact.solve(world, prepare(world, "pipeline"), Limits()).objective for world in (slow, fast)]
    assert seconds[0] == pytest.approx(2 * seconds[1])


def test_a_slow_link_moves_the_partition_where_links_are_stations():
    """16 stages of one replica on the mixed cluster beat AMP's first choice once a link is paid per microbatch."""
    world = instance(MIXED)
    bounds = prepare(world, "pipeline")
    result = amp_dp_exact.solve(world, bounds, Limits())
    cuts = (0, *(stage.stop for stage in result.strategy.stages))
    assert (result.strategy.pipeline_parallel, result.strategy.data_parallel) == (16, 1)
    assert result.objective == pytest.approx(1.066297, abs=5e-7)
    assert result.objective == pytest.approx(price(bounds.costs, 1, 1, 1, cuts), rel=1e-12)


def test_two_middling_links_beat_a_slow_and_a_fast_one():
    """The link a–b takes 2 ms per MB there and back, b–c a sixtieth of it; 4 layers of 0.3 ms, 8 microbatches.

    Cuts (1, 2): 20 + 0.2 ms, but the pipeline waits 7 × 20 ms. Cuts (2, 3): 12 + 12 ms and 7 × 12 ms, 109.2 ms in all.
    """
    world = builders.instance(
        {"fast": [0.3] * 4},
        [(name, 1, "fast", 1) for name in "abc"],
        output_MB=[10, 6, 360, 0],
        nic_GBps={"a": 1, "b": 60, "c": 60},
        batch=8,
    )
    result = amp_dp_exact.solve(world, prepare(world, "pipeline"), Limits())
    assert [stage.stop for stage in result.strategy.stages] == [2, 3, 4]
    assert result.objective == pytest.approx(0.1092)


def test_a_stopped_search_keeps_a_bound_below_its_plan():
    stop = threading.Event()
    world = tiny(7)

    def stop_at_the_first_plan(point):
        if point.objective is not None:
            stop.set()

    bounds = prepare(world, "amp")
    result = amp_dp_exact.solve(world, bounds, Limits(stop=stop, progress=stop_at_the_first_plan))
    assert result.status is Status.FEASIBLE
    assert result.bound <= brute_force(world, bounds.costs) <= result.objective


def test_same_question_same_answer():
    world = instance(MIXED)
    first, second = (amp_dp_exact.solve(world, prepare(world, "amp"), Limits()) for _ in range(2))
    assert (first.strategy, first.objective, first.bound) == (second.strategy, second.objective, second.bound)
