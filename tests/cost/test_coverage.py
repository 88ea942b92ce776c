"""What a profile covers, and how far its affine law can be trusted."""

import pytest

from milp_amp.cost.coverage import coverage
from tests.builders import instance


def profiled(**seconds_of_size):
    times = {("fast", 1, int(size[1:])): [value] for size, value in seconds_of_size.items()}
    return instance(times, [("a", 1, "fast", 2)])


def test_an_affine_profile_interpolates_without_error():
    (row,) = coverage(profiled(b1=3.0, b2=4.0, b4=6.0, b8=10.0))
    assert row.microbatch_sizes == (1, 2, 4, 8)
    assert row.interpolation_error == pytest.approx(0.0)
    assert row.extrapolation_error == pytest.approx(0.0)


def test_the_error_is_what_a_line_through_the_neighbours_misses():
    (row,) = coverage(profiled(b1=1.0, b2=4.0, b3=3.0))
    assert row.interpolation_error == pytest.approx(abs(2.0 / 4.0 - 1))  # half way from 1 to 3 lies 2, not 4
    assert row.extrapolation_error == pytest.approx(abs(7.0 / 3.0 - 1))  # on from 1 and 4 lies 7, not 3


@pytest.mark.parametrize("sizes", [{"b1": 1.0}, {"b1": 1.0, "b2": 2.0}])
def test_two_sizes_cannot_check_each_other(sizes):
    (row,) = coverage(profiled(**sizes))
    assert row.interpolation_error is None
    assert row.extrapolation_error is None


def test_a_degree_that_only_another_type_has_is_missing_where_nodes_are_large_enough():
    times = {("fast", 1, 1): [1.0], ("fast", 2, 1): [1.0], ("slow", 1, 1): [2.0], ("tiny", 1, 1): [3.0]}
    rows = coverage(instance(times, [("a", 1, "fast", 2), ("b", 1, "slow", 2), ("c", 1, "tiny", 1)]))
    assert [(row.device, row.tensor_parallel) for row in rows if not row.microbatch_sizes] == [("slow", 2)]
