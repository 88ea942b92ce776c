"""The closed form, on plans small enough to price in one's head. 1 MB over a link takes 1 ms."""

import msgspec
import pytest

from milp_amp.judge.evaluate import evaluate
from tests.builders import instance, strategy


def ms(*values):
    return pytest.approx([value * 1e-3 for value in values], rel=1e-12)


def test_two_equal_layers_on_two_equal_devices():
    world = instance({"fast": [3, 3]}, batch=4)
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")))
    assert verdict.stage_seconds == ms(3, 3)
    assert [verdict.step_time] == ms((4 + 2 - 1) * 3)
    assert verdict.valid


def test_one_stage_takes_every_microbatch_once_and_then_synchronises():
    world = instance({"fast": [3, 5]}, batch=8, gradient_MB=10)
    verdict = evaluate(world, strategy((0, 2, "a.0/0", "a.0/1")))
    # Two replicas exchange 2 (2 − 1) / 2 × 20 MB over the 1 GB/s inside the node.
    assert verdict.synchronisation_seconds == ms(20)
    assert [verdict.step_time] == ms(4 * 8 + 20)
    assert verdict.simulated_step_time == pytest.approx(verdict.step_time)


def test_a_link_slower_than_the_stages_is_paid_once_per_microbatch():
    world = instance({"fast": [3, 3]}, output_MB=5, batch=4)
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")))
    assert verdict.boundary_seconds == ms(10)  # activation and gradient, 5 ms each
    assert [verdict.step_time] == ms(3 + 10 + 3 + (4 - 1) * 10)
    assert verdict.limiting == "boundary 0 moves data for 10 ms per microbatch"


def test_amp_pays_a_slow_link_only_once():
    world = instance({"fast": [3, 3]}, output_MB=5, batch=4)
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")), cost_model="amp")
    # 32-bit elements, one direction: 2.5 million elements are 10 MB.
    assert verdict.boundary_seconds == ms(10)
    assert [verdict.step_time] == ms(3 + 10 + 3 + (4 - 1) * 3)
    assert verdict.cost_model == "amp"


def test_two_replicas_through_one_network_card_take_twice_as_long():
    world = instance({"fast": [3, 3]}, [("a", 2, "fast", 2)], output_MB=1, inside_GBps=100)
    alone = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.1/0")))
    together = evaluate(world, strategy((0, 1, "a.0/0", "a.0/1"), (1, 2, "a.1/0", "a.1/1")))
    assert alone.boundary_seconds == ms(2)
    assert together.boundary_seconds == ms(4)


def test_a_stage_is_as_fast_as_its_slowest_replica():
    world = instance({"fast": [2, 2], "slow": [6, 6]}, [("a", 1, "fast", 2), ("b", 1, "slow", 2)])
    verdict = evaluate(world, strategy((0, 1, "a.0/0", "b.0/0"), (1, 2, "a.0/1", "b.0/1")))
    assert verdict.stage_seconds == ms(6, 6)


def test_a_tensor_group_shares_the_work():
    world = instance({"fast": [8, 8]}, tensor_degrees=(1, 2), batch=2)
    verdict = evaluate(world, strategy((0, 2, "a.0/0 a.0/1")))
    assert verdict.stage_seconds == ms(8)
    assert [verdict.step_time] == ms(2 * 8)


def test_a_boundary_moves_what_leaves_the_last_layer_of_the_sender_at_its_tensor_degree():
    world = instance(
        {"fast": [4, 4, 4]},
        [("a", 1, "fast", 3)],
        tensor_degrees=(1, 2),
        output_MB=[9, 6, 9],
        layer={"output_sharded": True},
    )
    verdict = evaluate(world, strategy((0, 2, "a.0/0 a.0/1"), (2, 3, "a.0/2")))
    assert verdict.boundary_seconds == ms(2 * 6 / 2)


def test_larger_microbatches_are_fewer_and_longer():
    world = instance({"fast": [3, 3]}, batch=8)
    verdict = evaluate(world, strategy((0, 2, "a.0/0"), microbatch=4))
    assert verdict.stage_seconds == ms(4 * 6)
    assert [verdict.step_time] == ms(2 * 24)


def test_throughput_counts_tokens():
    world = instance({"fast": [250, 250]}, batch=4, sequence_length=128)
    assert evaluate(world, strategy((0, 2, "a.0/0"))).throughput == pytest.approx(4 * 128 / 2.0)


def test_the_limiting_resource_is_named():
    world = instance({"fast": [3, 9, 3]}, [("a", 1, "fast", 3)])
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"), (2, 3, "a.0/2")))
    assert verdict.limiting == "stage 1 computes 9 ms per microbatch"


def test_a_synchronisation_can_limit_a_step():
    world = instance({"fast": [3, 3]}, gradient_MB=[0, 500], batch=4)
    verdict = evaluate(world, strategy((0, 2, "a.0/0", "a.0/1")))
    assert verdict.limiting == "stage 0 synchronises for 500 ms per step"


def test_layers_that_take_no_time_are_run_infinitely_often():
    world = instance({"fast": [0, 1], "slow": [1, 0]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)])
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "b.0/0")))
    assert verdict.step_time == 0.0
    assert verdict.throughput == float("inf")


def test_an_evaluation_can_be_written_as_json():
    verdict = evaluate(instance(), strategy((0, 2, "a.0/0")))
    assert msgspec.json.decode(msgspec.json.encode(verdict))["step_time"] == verdict.step_time
