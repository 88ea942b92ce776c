"""Prices that hold whatever order a launcher gives the ranks: the slowest pair of nodes decides."""

import itertools

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.problem.cluster import Link
from tests.builders import instance
from tests.problem.drawing import wired_worlds

ROUNDING = 1 + 1e-12
SPEEDS = {("a", "b"): 10, ("a", "c"): 4, ("b", "c"): 2}


def costs(world=None, contention="slowest_pair"):
    """Three nodes of four devices, joined by links of their own; 100 GB/s inside them."""
    links = [Link(source=v, target=w, bandwidth_GBps=speed) for (v, w), speed in SPEEDS.items()]
    nodes = [(name, 1, "fast", 4) for name in "abc"]
    world = world or instance(nodes=nodes, links=links, switches=(), inside_GBps=100)
    cluster = msgspec.structs.replace(world.cluster, hosts_forward=False, contention=contention)
    world = msgspec.structs.replace(world, cluster=cluster)
    return PipelineCost(world, measure(cluster))


def gigabytes(seconds_per_byte):
    return seconds_per_byte * 1e9


def test_a_boundary_takes_the_slowest_connection_of_any_two_nodes_there_and_back():
    one = costs()
    assert gigabytes(one.transfer_seconds_per_byte([0], [1])) == pytest.approx(2 / 10)
    assert gigabytes(one.transfer_seconds_per_byte([0, 1], [2, 2])) == pytest.approx(2 / 2)
    # Replica by replica nothing would leave a node, but another order of the ranks crosses.
    assert gigabytes(one.transfer_seconds_per_byte([0, 1], [0, 1])) == pytest.approx(2 / 10)
    assert gigabytes(one.transfer_seconds_per_byte([0, 0], [0, 0])) == pytest.approx(2 / 100)


def test_each_direction_has_its_own_slowest_connection():
    links = [Link(source=v, target=w, bandwidth_GBps=s, one_way=True) for v, w, s in (("a", "b", 10), ("b", "a", 2))]
    world = instance(nodes=[("a", 1, "fast", 1), ("b", 1, "fast", 1)], links=links, switches=())
    assert gigabytes(costs(world).transfer_seconds_per_byte([0], [1])) == pytest.approx(1 / 10 + 1 / 2)


def test_transfers_share_nothing():
    one = costs()
    alone = one.transfer_seconds_per_byte([0], [1])
    assert one.transfer_seconds_per_byte([0] * 4, [1] * 4) == alone
    assert costs(contention="shared").transfer_seconds_per_byte([0] * 4, [1] * 4) == pytest.approx(4 * alone)


def test_a_ring_takes_the_slowest_connection_of_any_two_of_its_nodes():
    one = costs()
    # In the order 0, 1, 2 every ring of three has all three edges; of four replicas b and c need not be neighbours.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1], 1)) == pytest.approx(1 / 10)
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1, 0, 2], 1)) == pytest.approx(1.5 / 2)
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 0, 0, 0], 1)) == pytest.approx(1.5 / 100)
    assert one.synchronisation_seconds_per_byte([1], 1) == 0


def test_every_ring_of_a_tensor_group_has_the_connection_for_itself():
    assert gigabytes(costs().synchronisation_seconds_per_byte([0, 1], 2)) == pytest.approx(1 / 10 / 2)


def test_nodes_without_room_for_two_replicas_have_no_edge_of_a_ring_inside():
    world = instance(nodes=[("a", 2, "fast", 3)], inside_GBps=1, nic_GBps=10)
    one = costs(world)
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1], 1)) == pytest.approx(1 / 1)
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1], 2)) == pytest.approx(1 / 10 / 2)


@given(wired_worlds(max_nodes=3, sizes=(1, 2, 4)), st.sampled_from([1, 2]), st.data())
@settings(max_examples=150, deadline=None)
def test_costs_are_functions_of_node_sets_and_never_fall_as_a_set_grows(world, t, data):
    one = slowest(world)
    replicas = data.draw(st.integers(2, 4))
    rooms = {host.index: host.group.devices // t for host in world.cluster.hosts if host.group.devices >= t}
    sets = [
        nodes
        for size in range(1, replicas + 1)
        for nodes in itertools.combinations(rooms, size)
        if sum(rooms[v] for v in nodes) >= replicas
    ]
    assume(sets)
    other = seats(data.draw(st.sampled_from(sets)), replicas)
    for small, large in itertools.product(sets, sets):
        if set(small) <= set(large):
            few, many = seats(small, replicas), seats(large, replicas)
            for before, after in (
                (one.synchronisation_seconds_per_byte(few, t), one.synchronisation_seconds_per_byte(many, t)),
                (one.transfer_seconds_per_byte(few, other), one.transfer_seconds_per_byte(many, other)),
                (one.transfer_seconds_per_byte(other, few), one.transfer_seconds_per_byte(other, many)),
                (one.synchronisation_latency(few, t), one.synchronisation_latency(many, t)),
                (one.transfer_latency(few, other), one.transfer_latency(many, other)),
            ):
                assert before <= after * ROUNDING


@given(wired_worlds(max_nodes=3, sizes=(1, 2, 4)), st.data())
@settings(max_examples=60, deadline=None)
def test_no_order_of_the_replicas_changes_a_price(world, data):
    one = slowest(world)
    rooms = [host.index for host in world.cluster.hosts for _ in range(host.group.devices)]
    nodes = data.draw(st.lists(st.sampled_from(rooms), min_size=2, max_size=4))
    other = data.draw(st.lists(st.sampled_from(rooms), min_size=len(nodes), max_size=len(nodes)))
    shuffled = data.draw(st.permutations(nodes))
    assert one.synchronisation_seconds_per_byte(nodes, 1) == one.synchronisation_seconds_per_byte(shuffled, 1)
    assert one.transfer_seconds_per_byte(nodes, other) == one.transfer_seconds_per_byte(shuffled, other)


def slowest(world):
    cluster = msgspec.structs.replace(world.cluster, contention="slowest_pair")
    workload = msgspec.structs.replace(world.workload, all_reduce="ring")
    return PipelineCost(msgspec.structs.replace(world, cluster=cluster, workload=workload), measure(cluster))


def seats(nodes, replicas):
    """Every node of a set at least once, the last one as often as is left."""
    return [*nodes, *[nodes[-1]] * (replicas - len(nodes))]
