"""Sailor's leaf costs, by hand. A flat curve of 1 GB/s moves 1 MB in 1 ms."""

import math

import pytest

from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.problem.model import MeasuredSize, SharedParameters
from milp_amp.units import GiB
from tests.builders import curve, instance


def costs(**fields):
    world = instance(**fields)
    return SailorCost(world, measure(world.cluster)), world.cluster.nodes


def test_bandwidth_grows_with_the_message_along_its_parabola():
    # x = log2(4 MB / 1 MB) = 2, so 0.25 · 4 + 0.5 · 2 + 2 = 4 GB/s.
    sailor, (a,) = costs(curves=[curve("fast", "fast", 0.25, 0.5, 2)])
    assert sailor.transfer_seconds(4e6, a, a) == pytest.approx(1e-3)
    assert sailor.transfer_seconds(1e6, a, a) == pytest.approx(0.5e-3)


def test_nothing_moves_in_no_time_and_unmeasured_sizes_never_arrive():
    sailor, (a,) = costs(curves=[curve("fast", "fast", 0, 1, 1)])
    assert sailor.transfer_seconds(0, a, a) == 0
    assert sailor.transfer_seconds(0.5e6, a, a) == math.inf  # 1 · (−1) + 1 GB/s
    assert sailor.transfer_seconds(2e6, a, a, 2, 1) == math.inf  # no curve for two streams


def test_each_direction_site_and_number_of_streams_has_a_curve_of_its_own():
    nodes = [("a", 1, "fast", 2), ("b", 1, "fast", 2)]
    curves = [curve("east:fast/2", "west:fast", 4), curve("west:fast", "east:fast/2", 1)]
    sailor, (a, b) = costs(nodes=nodes, sites={"a": "east", "b": "west"}, curves=curves)
    assert sailor.transfer_seconds(4e6, a, b, 2, 1) == pytest.approx(1e-3)
    assert sailor.transfer_seconds(4e6, b, a, 1, 2) == pytest.approx(4e-3)


def test_a_microbatch_that_was_not_profiled_cannot_be_used():
    sailor, _ = costs(layer_ms={("fast", 1, 1): [3, 3], ("fast", 1, 4): [6, 9]})
    assert sailor.layer_seconds("fast", 1, 4).tolist() == pytest.approx([6e-3, 9e-3])
    assert sailor.layer_seconds("fast", 1, 2) is None
    assert sailor.layer_seconds("fast", 2, 1) is None


def test_gradients_go_round_twice_in_buckets_of_half_a_gigabyte():
    # 1.2 GB in two buckets of 500 MB and one of 200 MB; each of 4 replicas sends a quarter at a time, 2 · 3 times.
    sailor, (a,) = costs(curves=[curve("fast", "fast", 1)])
    assert sailor.all_reduce_seconds(1.2e9, 4, a, a) == pytest.approx((2 * 0.125 + 0.05) * 6)
    assert sailor.all_reduce_seconds(1.2e9, 1, a, a) == 0


def test_the_size_of_a_bucket_decides_its_bandwidth():
    # x = log2(500 / 2) for full buckets; a bucket of 2 MB is two messages of 1 MB at 1 GB/s.
    sailor, (a,) = costs(curves=[curve("fast", "fast", 0, 0.5, 1)])
    full = 250e6 / ((1 + 0.5 * math.log2(250)) * 1e9)
    assert sailor.all_reduce_seconds(502e6, 2, a, a) == pytest.approx(2 * (full + 1e-3))


def test_at_most_four_devices_share_a_ring():
    sailor, _ = costs(parameters=[1e6, 3e6])
    assert [sailor.ring_bytes(0, 2, t) for t in (1, 2, 4, 8)] == [16e6, 8e6, 4e6, 4e6]


def test_shared_parameters_are_reduced_and_held_once():
    sailor, _ = costs(layer={"shared_parameters": SharedParameters(name="tied", parameters=5e5)})
    assert sailor.stage_gradient_bytes(0, 2) == 4 * 5e5
    assert sailor.stage_bytes(range(2), 2, 1, 1) == 24 * 5e5 / 2 + 3 * GiB


def test_memory_is_state_and_a_microbatch_for_every_stage_to_the_end_and_a_reserve():
    sailor, _ = costs(parameters=[1e6, 3e6], activation_MB=2)
    assert sailor.stage_bytes(range(2), 1, 4, 3) == 24 * 4e6 + 4 * 3 * 4e6 + 2 * GiB
    assert sailor.stage_bytes(range(1), 2, 1, 1) == 24 * 0.5e6 + 2e6 + 3 * GiB


def test_measured_sizes_take_the_place_of_divided_ones():
    size = MeasuredSize(tensor_parallel=2, parameters=7e5, stored_MB=3)
    sailor, _ = costs(parameters=1e6, activation_MB=2, layer={"measured": (size,)})
    assert sailor.stage_bytes(range(1), 2, 1, 1) == 24 * 7e5 + 3e6 + 3 * GiB
    assert sailor.stage_bytes(range(1), 4, 1, 1) == 24 * 2.5e5 + 2e6 + 3 * GiB
