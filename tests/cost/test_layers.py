"""Seconds of layers between, beyond and at the profiled microbatch sizes."""

import pytest

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.layers import layer_seconds
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from tests.builders import instance


def milliseconds(layer_ms, b, t=1, device="fast", **fields):
    times = layer_seconds(instance(layer_ms, **fields), device, t, b)
    return [value * 1e3 for value in times.both]


def test_a_profiled_size_is_taken_as_it_is():
    assert milliseconds({("fast", 1, 1): [3], ("fast", 1, 4): [60]}, 4) == pytest.approx([60])


def test_a_third_is_forward_where_the_backward_pass_was_not_measured():
    times = layer_seconds(instance({"fast": [9]}), "fast", 1, 1)
    assert (times.forward[0], times.backward[0]) == pytest.approx((3e-3, 6e-3))


def test_a_measured_backward_pass_counts_as_measured():
    times = layer_seconds(instance({"fast": [4]}, backward_ms={"fast": [5]}), "fast", 1, 2)
    assert (times.forward[0], times.backward[0]) == pytest.approx((8e-3, 10e-3))


def test_between_two_sizes_seconds_lie_on_the_line():
    points = {("fast", 1, 2): [6, 12], ("fast", 1, 4): [18, 12]}
    assert milliseconds(points, 3) == pytest.approx([12, 12])


def test_between_two_sizes_only_these_two_count():
    points = {("fast", 1, 1): [30], ("fast", 1, 2): [60], ("fast", 1, 4): [90], ("fast", 1, 8): [900]}
    assert milliseconds(points, 3) == pytest.approx([75])


def test_beyond_the_largest_size_the_last_line_goes_on():
    points = {("fast", 1, 1): [3], ("fast", 1, 2): [6], ("fast", 1, 4): [18]}
    assert milliseconds(points, 6) == pytest.approx([30])


def test_below_the_smallest_size_the_first_line_goes_on():
    points = {("fast", 1, 2): [12], ("fast", 1, 4): [18], ("fast", 1, 8): [300]}
    assert milliseconds(points, 1) == pytest.approx([9])


def test_below_the_smallest_size_no_layer_is_free():
    # The line meets zero at a microbatch of 1; half the seconds at 2 is the least we believe.
    points = {("fast", 1, 2): [6], ("fast", 1, 4): [18]}
    assert milliseconds(points, 1) == pytest.approx([3])


def test_beyond_the_largest_size_falling_seconds_stop_falling():
    points = {("fast", 1, 1): [30], ("fast", 1, 2): [6]}
    assert milliseconds(points, 8) == pytest.approx([6])


def test_from_one_size_seconds_are_proportional():
    assert milliseconds({("fast", 1, 2): [6, 9]}, 8) == pytest.approx([24, 36])
    assert milliseconds({("fast", 1, 2): [6, 9]}, 1) == pytest.approx([3, 4.5])


def test_forward_and_backward_are_interpolated_apart():
    points = {("fast", 1, 1): [1], ("fast", 1, 2): [2]}
    back = {("fast", 1, 1): [9], ("fast", 1, 2): [9]}
    times = layer_seconds(instance(points, backward_ms=back), "fast", 1, 3)
    assert (times.forward[0], times.backward[0]) == pytest.approx((3e-3, 9e-3))


def test_an_unprofiled_degree_has_no_seconds():
    world = instance({"fast": [3]})
    assert layer_seconds(world, "fast", 2, 1) is None
    assert PipelineCost(world, measure(world.cluster)).layer_seconds("fast", 2, 1) is None


def test_tensor_degrees_have_profiles_of_their_own():
    points = {("fast", 1): [6], ("fast", 2): [4]}
    assert milliseconds(points, 1, t=2) == pytest.approx([4])


def test_amp_averages_over_all_devices_and_takes_the_backward_pass_for_twice_the_forward():
    nodes = [("a", 1, "fast", 3), ("b", 1, "slow", 1)]
    world = instance({"fast": [1], "slow": [5]}, nodes, backward_ms={"fast": [100], "slow": [100]})
    costs = AmpCost(world, measure(world.cluster))
    # (3 × 1 + 1 × 5) / 4 = 2 ms forward, 6 ms both, proportional to the microbatch.
    assert costs.layer_seconds("fast", 1, 4) == pytest.approx([24e-3])
    assert costs.layer_seconds("slow", 1, 4) == pytest.approx([24e-3])


def test_amp_has_no_seconds_where_some_device_type_was_not_profiled():
    world = instance({("fast", 1): [1], ("fast", 2): [1], ("slow", 1): [5]}, [("a", 1, "fast", 2), ("b", 1, "slow", 2)])
    assert AmpCost(world, measure(world.cluster)).layer_seconds("fast", 2, 1) is None
