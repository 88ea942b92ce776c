"""The least costs that bounds are made of lie below everything that can happen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.model import PER_BYTE_COST_MODELS, cost_model
from milp_amp.cost.network import measure
from tests.builders import instance
from tests.problem.drawing import wired_worlds

ROUNDING = 1 + 1e-12


@st.composite
def placements(draw):
    """A world, a tensor degree and two disjoint lists of nodes for as many replicas, with room for them."""
    world = draw(wired_worlds(max_nodes=3, sizes=(1, 2, 4)))
    t = draw(st.sampled_from([1, 2]))
    slots = [host.index for host in world.cluster.hosts for _ in range(host.group.devices // t)]
    order = draw(st.permutations(slots))
    replicas = draw(st.integers(1, max(1, len(order) // 2)))
    return world, t, order[:replicas], order[replicas : 2 * replicas]


@pytest.mark.parametrize("name", PER_BYTE_COST_MODELS)
@given(drawn=placements())
@settings(max_examples=80, deadline=None)
def test_no_transfer_and_no_ring_is_faster_than_the_least(name, drawn):
    world, t, first, second = drawn
    costs = cost_model(name, world, measure(world.cluster))
    if len(first) == len(second) > 0:
        assert costs.least_transfer_seconds_per_byte() <= costs.transfer_seconds_per_byte(first, second) * ROUNDING
        assert costs.least_transfer_latency() <= costs.transfer_latency(first, second) * ROUNDING
    if first:
        least = costs.least_synchronisation_seconds_per_byte(len(first), t)
        assert least <= costs.synchronisation_seconds_per_byte(first, t) * ROUNDING
        latency = costs.least_synchronisation_latency(len(first), t)
        assert latency <= costs.synchronisation_latency(first, t) * ROUNDING


def test_replicas_that_no_node_has_room_for_synchronise_over_the_network_at_best():
    world = instance(nodes=[("a", 2, "fast", 4)], inside_GBps=100, nic_GBps=1)
    costs = cost_model("pipeline", world, measure(world.cluster))
    assert costs.least_synchronisation_seconds_per_byte(1, 1) == 0
    # Four in a node: 1.5 bytes per byte at 100 GB/s. Eight: 1.75 at 1 GB/s.
    assert costs.least_synchronisation_seconds_per_byte(4, 1) == pytest.approx(1.5 / 100e9)
    assert costs.least_synchronisation_seconds_per_byte(8, 1) == pytest.approx(1.75 / 1e9)
    # Four pairs do not fit either; the pairs' two rings share the card, with half of the bytes each.
    assert costs.least_synchronisation_seconds_per_byte(4, 2) == pytest.approx(1.5 / 1e9)


def test_where_links_are_faster_than_nodes_the_least_is_the_links_speed():
    world = instance(nodes=[("a", 2, "fast", 2)], inside_GBps=1, nic_GBps=10)
    costs = cost_model("pipeline", world, measure(world.cluster))
    assert costs.least_transfer_seconds_per_byte() == pytest.approx(2 / 10e9)
    assert costs.least_synchronisation_seconds_per_byte(2, 1) == pytest.approx(1 / 10e9)


def test_amp_has_one_way_and_one_edge():
    world = instance(nodes=[("a", 2, "fast", 2)], inside_GBps=100, nic_GBps=1)
    costs = cost_model("amp", world, measure(world.cluster))
    assert costs.least_transfer_seconds_per_byte() == pytest.approx(1 / 100e9)
    assert costs.least_synchronisation_seconds_per_byte(4, 2) == pytest.approx(1.5 / 100e9 / 2)
    assert costs.least_synchronisation_seconds_per_byte(1, 2) == 0
