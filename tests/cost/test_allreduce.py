"""Hierarchical all-reduce: inside every node first, then across the nodes. 1 MB at 1 GB/s takes 1 ms."""

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from tests.builders import instance
from tests.problem.drawing import worlds

ROUNDING = 1 + 1e-12


def costs(all_reduce="hierarchical", contention="shared", **fields):
    """Three nodes of four devices; 10 GB/s inside them, 1 GB/s and 50 us between them and a switch."""
    world = instance(nodes=[("a", 3, "fast", 4)], inside_GBps=10, all_reduce=all_reduce, **fields)
    replace, cluster = msgspec.structs.replace, world.cluster
    links = tuple(replace(link, latency_us=50) for link in cluster.links)
    nodes = tuple(replace(group, latency_us=5) for group in cluster.nodes)
    cluster = replace(cluster, links=links, nodes=nodes, contention=contention)
    return PipelineCost(replace(world, cluster=cluster), measure(cluster))


def gigabytes(seconds_per_byte):
    return seconds_per_byte * 1e9


def test_nodes_reduce_inside_first_so_that_every_byte_crosses_a_card_once_each_way():
    # Inside: 2 * 1/2 bytes at 10 GB/s. Across: two rings of two nodes, half a byte each, share the card.
    assert gigabytes(costs().synchronisation_seconds_per_byte([0, 0, 1, 1], 1)) == pytest.approx(1 / 10 + 1)
    # One ring through all four: 1.5 bytes over the card; and 3 where the replicas take turns.
    assert gigabytes(costs("ring").synchronisation_seconds_per_byte([0, 0, 1, 1], 1)) == pytest.approx(1.5)
    assert gigabytes(costs("ring").synchronisation_seconds_per_byte([0, 1, 0, 1], 1)) == pytest.approx(3)
    assert gigabytes(costs().synchronisation_seconds_per_byte([0, 1, 0, 1], 1)) == pytest.approx(1 / 10 + 1)


def test_tensor_ranks_have_rings_of_their_own_inside_and_share_the_card():
    assert gigabytes(costs().synchronisation_seconds_per_byte([0, 0, 1, 1], 2)) == pytest.approx(1 / 10 / 2 + 1)


def test_where_pairs_have_their_bandwidth_for_themselves_the_rings_run_side_by_side():
    one = costs(contention="slowest_pair")
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 0, 1, 1], 1)) == pytest.approx(1 / 10 + 1 / 2)


def test_replicas_that_share_their_nodes_unevenly_form_one_ring():
    for nodes in ([0, 0, 1], [0, 0, 0, 1]):
        assert costs().synchronisation_seconds_per_byte(nodes, 1) == costs("ring").synchronisation_seconds_per_byte(
            nodes, 1
        )
        assert costs().synchronisation_latency(nodes, 1) == costs("ring").synchronisation_latency(nodes, 1)


@pytest.mark.parametrize("contention", ["shared", "slowest_pair"])
@pytest.mark.parametrize("nodes", [[0], [0, 0, 0], [0, 1, 2], [2, 1]])
def test_inside_one_node_or_with_one_replica_a_node_there_is_no_hierarchy(contention, nodes):
    one, ring = costs(contention=contention), costs("ring", contention)
    assert one.synchronisation_seconds_per_byte(nodes, 1) == pytest.approx(
        ring.synchronisation_seconds_per_byte(nodes, 1)
    )
    assert one.synchronisation_latency(nodes, 1) == pytest.approx(ring.synchronisation_latency(nodes, 1))


def test_a_hierarchy_has_fewer_rounds_between_nodes():
    assert costs().synchronisation_latency([0, 0, 1, 1], 1) == pytest.approx(2 * 5e-6 + 2 * 100e-6)
    assert costs("ring").synchronisation_latency([0, 0, 1, 1], 1) == pytest.approx(6 * 100e-6)


def test_the_least_is_that_of_the_best_shape():
    # Six replicas fit into two nodes (three each) or three (two each), not into one; a ring has 10/6 over the card.
    one = costs()
    two, three = 4 / 3 / 10 + 1, 1 / 10 + 4 / 3
    assert gigabytes(one.least_synchronisation_seconds_per_byte(6, 1)) == pytest.approx(min(two, three))
    assert gigabytes(costs("ring").least_synchronisation_seconds_per_byte(6, 1)) == pytest.approx(10 / 6)
    assert one.least_synchronisation_latency(6, 1) == pytest.approx(4 * 5e-6 + 2 * 100e-6)


@given(worlds(max_nodes=3, sizes=(1, 2, 4, 8), all_reduce="hierarchical"), st.sampled_from([1, 2]), st.data())
@settings(max_examples=150, deadline=None)
def test_among_nodes_shared_evenly_the_cost_never_falls_as_the_set_grows_and_an_uneven_ring_is_no_better(
    world, t, data
):
    one = slowest(world)
    replicas = data.draw(st.sampled_from([2, 4, 8]))
    rooms = {host.index: host.group.devices // t for host in world.cluster.hosts if host.group.devices >= t}
    seatings = {
        nodes: seats({v: rooms[v] for v in nodes}, replicas)
        for size in range(1, min(4, replicas) + 1)
        for nodes in itertools.combinations(rooms, size)
        if sum(rooms[v] for v in nodes) >= replicas
    }
    even = [nodes for nodes, seated in seatings.items() if len(set(Counter(seated).values())) == 1]
    assume(even)
    for small, large in itertools.product(even, seatings):
        if set(small) <= set(large):
            before, after = seatings[small], seatings[large]
            assert (
                one.synchronisation_seconds_per_byte(before, t)
                <= one.synchronisation_seconds_per_byte(after, t) * ROUNDING
            )


def slowest(world):
    cluster = msgspec.structs.replace(world.cluster, contention="slowest_pair")
    return PipelineCost(msgspec.structs.replace(world, cluster=cluster), measure(cluster))


def seats(rooms, replicas):
    """As many replicas on every node of a set as on any other, as far as its room goes."""
    rounds = itertools.chain.from_iterable([v for v, room in rooms.items() if room > r] for r in range(replicas))
    return list(itertools.islice(rounds, replicas))
