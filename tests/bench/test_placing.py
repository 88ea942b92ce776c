"""A trial stands where its launcher put it: in rank order, or on the types of devices that it names."""

import pytest

from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Trial
from milp_amp.errors import PlanError
from tests.builders import instance, strategy

TYPES = {"fast": [3, 3], "slow": [6, 6]}


def trial(t, d, boundaries, types=None):
    return Trial(
        tensor_parallel=t,
        data_parallel=d,
        pipeline_parallel=len(boundaries) - 1,
        microbatch_size=1,
        boundaries=boundaries,
        measured=1.0,
        replica_types=types and tuple(tuple(stage.split()) for stage in types),
    )


def test_ranks_go_to_the_next_node_when_one_is_full():
    world = instance(TYPES, nodes=[("a", 1, "fast", 4), ("b", 1, "slow", 4)])
    expected = strategy(
        (0, 1, "a.0/0", "a.0/1", "a.0/2"),
        (1, 2, "a.0/3", "b.0/0", "b.0/1"),
    )
    assert strategy_of(world, trial(1, 3, (0, 1, 2))) == expected


def test_a_trial_keeps_its_microbatch_and_the_schedule_of_the_instance():
    world = instance(TYPES, nodes=[("a", 1, "fast", 2)], schedule="gpipe")
    plan = strategy_of(world, trial(1, 2, (0, 2)))
    assert (plan.microbatch_size, plan.data_parallel, plan.schedule) == (1, 2, "gpipe")


def test_five_ranks_have_no_place_on_four_devices():
    world = instance(TYPES, nodes=[("a", 1, "fast", 4)])
    with pytest.raises(PlanError, match=r"^5 ranks, expected at most 4 \(devices\)$"):
        strategy_of(world, trial(1, 5, (0, 2)))


def test_every_replica_has_the_next_devices_of_its_type_in_one_node():
    world = instance(TYPES, nodes=[("a", 1, "fast", 4), ("b", 2, "slow", 2)], tensor_degrees=(2,))
    expected = strategy(
        (0, 1, "b.0/0 b.0/1", "a.0/0 a.0/1"),
        (1, 2, "a.0/2 a.0/3", "b.1/0 b.1/1"),
    )
    assert strategy_of(world, trial(2, 2, (0, 1, 2), ["slow fast", "fast slow"])) == expected


def test_a_device_that_is_left_over_in_a_node_stays_idle():
    world = instance(TYPES, nodes=[("a", 2, "fast", 3)], tensor_degrees=(2,))
    expected = strategy((0, 2, "a.0/0 a.0/1", "a.1/0 a.1/1"))
    assert strategy_of(world, trial(2, 2, (0, 2), ["fast fast"])) == expected


@pytest.mark.parametrize("kind", ["slow", "other"])
def test_where_none_of_a_type_is_left_it_is_one_line(kind):
    world = instance(TYPES, nodes=[("a", 1, "fast", 4), ("b", 1, "slow", 3)], tensor_degrees=(2,))
    with pytest.raises(PlanError, match=f"^a replica on '{kind}', expected 2 more devices of it in one node$"):
        strategy_of(world, trial(2, 2, (0, 2), [f"slow {kind}"]))
