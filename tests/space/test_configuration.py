"""Everything that is decided before the path."""

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.space.configuration import Degrees, Layout, all_degrees, divisors, layouts
from tests.builders import instance


def degrees(world, cost_model="pipeline"):
    prepass = prepare(world, cost_model)
    found = all_degrees(prepass.costs, prepass.classes)
    return [(d.tensor_parallel, d.data_parallel, d.microbatch_size, d.num_microbatches) for d in found]


@pytest.mark.parametrize(
    ("number", "expected"), [(1, [1]), (7, [1, 7]), (12, [1, 2, 3, 4, 6, 12]), (36, [1, 2, 3, 4, 6, 9, 12, 18, 36])]
)
def test_divisors(number, expected):
    assert divisors(number) == expected


def test_the_batch_is_divided_by_replicas_and_microbatches_without_rest():
    world = instance({"fast": [1]}, [("a", 1, "fast", 2)], batch=6)
    assert degrees(world) == [
        *[(1, 1, b, 6 // b) for b in (1, 2, 3, 6)],
        *[(1, 2, b, 3 // b) for b in (1, 3)],
    ]


def test_no_more_replicas_than_tensor_groups_fit():
    # Nodes of three devices hold one pair each; the third device is left over.
    world = instance({("fast", 2): [1]}, [("a", 2, "fast", 3)], batch=6)
    assert {(t, d) for t, d, *_ in degrees(world)} == {(2, 1), (2, 2)}


def test_a_degree_that_a_type_was_not_profiled_for_uses_none_of_its_devices():
    times = {("fast", 1): [1], ("fast", 2): [1], ("slow", 1): [1]}
    world = instance(times, [("a", 1, "fast", 2), ("b", 1, "slow", 2)], batch=4)
    assert {(t, d) for t, d, *_ in degrees(world)} == {(1, 1), (1, 2), (1, 4), (2, 1)}


def test_a_group_larger_than_every_node_does_not_exist():
    assert degrees(instance({("fast", 4): [1]}, [("a", 4, "fast", 2)])) == []


def test_one_replica_has_one_layout():
    assert layouts(Degrees(1, 1, 1, 4)) == (Layout.STAGE_BY_STAGE,)
    assert layouts(Degrees(1, 2, 1, 2)) == (Layout.STAGE_BY_STAGE, Layout.REPLICA_BY_REPLICA)
