"""Where stages sit: slots of both layouts by hand, and why a phase says everything that costs ask."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from milp_amp.space.configuration import Layout
from milp_amp.space.grid import SlotGrid, add
from tests.builders import instance
from tests.problem.drawing import worlds

STAGES, REPLICAS = Layout.STAGE_BY_STAGE, Layout.REPLICA_BY_REPLICA


def grid(nodes, t, d, layout, **fields):
    prepass = prepare(instance(nodes=nodes, **fields))
    return SlotGrid(prepass.costs, prepass.classes, t, d, layout)


def test_stage_by_stage_the_replicas_of_a_stage_fill_a_node_first():
    one = grid([("a", 2, "fast", 2)], 1, 2, STAGES)
    assert (one.capacity, one.unit, one.max_stages, one.compositions) == ((4,), 2, 2, ((2,),))
    assert one.devices((0,), (2,)) == (("a.0/0",), ("a.0/1",))
    assert one.devices((2,), (2,)) == (("a.1/0",), ("a.1/1",))


def test_replica_by_replica_the_stages_of_a_replica_fill_a_node_first():
    one = grid([("a", 2, "fast", 2)], 1, 2, REPLICAS)
    assert (one.capacity, one.unit, one.max_stages, one.compositions) == ((2,), 1, 2, ((1,),))
    assert one.devices((0,), (1,)) == (("a.0/0",), ("a.1/0",))
    assert one.devices((1,), (1,)) == (("a.0/1",), ("a.1/1",))


def test_a_stage_may_lie_across_two_nodes():
    one = grid([("a", 2, "fast", 3)], 1, 2, STAGES)
    assert one.devices((2,), (2,)) == (("a.0/2",), ("a.1/0",))
    other = grid([("a", 2, "fast", 3)], 1, 3, REPLICAS)
    assert other.devices((1,), (1,)) == (("a.0/1",), ("a.1/0",), ("a.1/2",))


def test_a_tensor_group_takes_neighbours_inside_a_node():
    one = grid([("a", 2, "fast", 5)], 2, 2, STAGES, tensor_degrees=(1, 2))
    assert one.period == (2,)  # the fifth device of a node stays idle
    assert one.devices((1,), (2,)) == (("a.0/2", "a.0/3"), ("a.1/0", "a.1/1"))


def test_a_stage_may_mix_classes():
    times, nodes = {"fast": [1], "slow": [1]}, [("a", 1, "fast", 2), ("b", 1, "slow", 2)]
    one = grid(nodes, 1, 2, STAGES, layer_ms=times)
    assert one.compositions == ((0, 2), (1, 1), (2, 0))
    assert one.devices((0, 1), (1, 1)) == (("a.0/0",), ("b.0/1",))
    assert grid(nodes, 1, 2, REPLICAS, layer_ms=times).compositions == ((0, 1), (1, 0))


def test_a_class_too_small_for_a_stage_still_takes_part_in_one():
    times, nodes = {"fast": [1], "slow": [1]}, [("a", 1, "fast", 1), ("b", 1, "slow", 2)]
    one = grid(nodes, 1, 3, STAGES, layer_ms=times)
    assert (one.compositions, one.max_stages) == (((1, 2),), 1)
    assert grid(nodes, 1, 3, REPLICAS, layer_ms=times).compositions == ()


def test_with_very_many_mixtures_only_stages_on_a_single_class_are_left():
    names = "abcd"
    nodes = [(name, 1, "fast", 8 + k) for k, name in enumerate(names)]
    assert len(grid(nodes, 1, 8, STAGES).compositions) == 4  # 165 mixtures: one above eight, for four classes
    assert len(grid(nodes, 1, 7, STAGES).compositions) == 120


def test_an_unprofiled_class_has_no_room():
    times, nodes = {"fast": [1]}, [("a", 1, "fast", 2), ("b", 1, "slow", 2)]
    assert grid(nodes, 1, 1, STAGES, layer_ms=times).capacity == (2, 0)


def test_what_does_not_fit_takes_for_ever():
    one = grid([("a", 1, "fast", 3)], 1, 2, STAGES)
    assert one.transfer((0,), (2,), (2,)) == math.inf
    assert one.ring((2,), (2,)) == math.inf


def test_transfers_by_hand():
    one = grid([("a", 2, "fast", 2)], 1, 1, STAGES, nic_GBps=1, inside_GBps=10)
    # The later stage on slot 0, the earlier on slot 1: there and back inside a.0.
    assert one.transfer((0,), (1,), (1,)) == pytest.approx(0.2e-9)
    # The later on slot 1, the earlier on slot 2: over the card.
    assert one.transfer((1,), (1,), (1,)) == pytest.approx(2e-9)


@st.composite
def grids(draw):
    world = draw(worlds(max_nodes=3, sizes=(1, 2, 3, 4)))
    prepass = prepare(world)
    t, d = draw(st.sampled_from([1, 2])), draw(st.integers(1, 4))
    return SlotGrid(prepass.costs, prepass.classes, t, d, draw(st.sampled_from([STAGES, REPLICAS]))), prepass.costs


def positions(one):
    return itertools.product(*(range(most + 1) for most in one.capacity))


def nodes_at(one, costs, position, composition):
    host = costs.instance.cluster.host_of_device
    return [host[replica[0]].index for replica in one.devices(position, composition)]


@given(grids())
@settings(max_examples=60, deadline=None)
def test_costs_at_a_position_are_those_at_its_phase(drawn):
    one, costs = drawn
    for position in itertools.islice(positions(one), 40):
        for later in one.compositions:
            middle = add(position, later)
            if not one._fits(middle):
                continue
            at = nodes_at(one, costs, position, later)
            ring = costs.synchronisation_seconds_per_byte(at, one.tensor_parallel)
            assert one.ring(one.phase(position), later) == pytest.approx(ring, rel=1e-12)
            for earlier in one.compositions:
                if one._fits(add(middle, earlier)):
                    seconds = costs.transfer_seconds_per_byte(nodes_at(one, costs, middle, earlier), at)
                    assert one.transfer(one.phase(position), earlier, later) == pytest.approx(seconds, rel=1e-12)


@given(grids())
@settings(max_examples=40, deadline=None)
def test_no_device_is_given_away_twice(drawn):
    one, _ = drawn
    position, taken = (0,) * len(one.capacity), []
    while fitting := [c for c in one.compositions if one._fits(add(position, c))]:
        replicas = one.devices(position, fitting[0])
        assert len(replicas) == one.data_parallel
        assert all(len(group) == one.tensor_parallel for group in replicas)
        assert all(len({device.split("/")[0] for device in group}) == 1 for group in replicas)
        taken += [device for group in replicas for device in group]
        position = add(position, fitting[0])
    assert len(taken) == len(set(taken))
