"""Transfers and rings that happen at the same time share what they cross. 1 MB at 1 GB/s takes 1 ms."""

import pytest

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.collectives import concurrent_seconds_per_byte, ring_pairs, ring_volume
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.problem.cluster import Link
from tests.builders import instance

PAIR = [("a", 2, "fast", 2)]


def costs(nodes=PAIR, kind=PipelineCost, **fields):
    world = instance(nodes=nodes, **fields)
    return kind(world, measure(world.cluster))


def gigabytes(seconds_per_byte):
    return seconds_per_byte * 1e9


def test_nothing_takes_no_time():
    assert concurrent_seconds_per_byte(costs().network, []) == 0


def test_two_replicas_through_one_network_card_take_twice_as_long():
    star = costs(nic_GBps=10).network
    assert concurrent_seconds_per_byte(star, [(0, 1)]) == pytest.approx(0.1e-9)
    assert concurrent_seconds_per_byte(star, [(0, 1), (0, 1)]) == pytest.approx(0.2e-9)


def test_two_replicas_from_one_card_share_it_though_they_go_to_different_nodes():
    star = costs([("a", 3, "fast", 2)], nic_GBps=10).network
    assert concurrent_seconds_per_byte(star, [(0, 1), (0, 2)]) == pytest.approx(0.2e-9)
    assert concurrent_seconds_per_byte(star, [(1, 0), (2, 0)]) == pytest.approx(0.2e-9)


def test_sending_and_receiving_do_not_share():
    star = costs([("a", 3, "fast", 2)], nic_GBps=10).network
    assert concurrent_seconds_per_byte(star, [(0, 1), (1, 2)]) == pytest.approx(0.1e-9)


def test_links_of_their_own_are_not_shared():
    links = [Link(source=a, target=b, bandwidth_GBps=10) for a, b in (("a", "b"), ("a", "c"))]
    nodes = [(name, 1, "fast", 2) for name in "abc"]
    mesh = costs(nodes, links=links, switches=()).network
    assert concurrent_seconds_per_byte(mesh, [(0, 1), (0, 2)]) == pytest.approx(0.1e-9)
    assert concurrent_seconds_per_byte(mesh, [(0, 1), (0, 1)]) == pytest.approx(0.2e-9)


def test_inside_a_node_nobody_shares():
    star = costs(nic_GBps=1, inside_GBps=100).network
    assert concurrent_seconds_per_byte(star, [(0, 0)] * 5, streams=4) == pytest.approx(0.01e-9)


def test_the_slowest_of_the_transfers_decides():
    star = costs(nic_GBps=1, inside_GBps=100).network
    assert concurrent_seconds_per_byte(star, [(0, 0), (0, 1)]) == pytest.approx(1e-9)


def test_a_ring_closes_where_it_began():
    assert ring_pairs([0, 0, 1]) == [(0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize(("replicas", "volume"), [(1, 0), (2, 1), (4, 1.5)])
def test_each_edge_of_a_ring_carries_all_but_one_share_twice(replicas, volume):
    assert ring_volume(replicas) == volume


def test_one_replica_has_nobody_to_synchronise_with():
    assert costs().synchronisation_seconds_per_byte([0], 2) == 0


def test_a_ring_inside_a_node_runs_at_the_nodes_bandwidth():
    one = costs(inside_GBps=100, nic_GBps=1)
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 0], 1)) == pytest.approx(0.01)


def test_a_ring_through_two_nodes_runs_at_the_card():
    one = costs(inside_GBps=100, nic_GBps=1)
    # Four replicas, two on each node: one edge out, one edge back; 1.5 bytes per byte.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 0, 1, 1], 1)) == pytest.approx(1.5)
    # Taking turns, two edges leave each node at the same time.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1, 0, 1], 1)) == pytest.approx(3.0)


def test_the_rings_of_the_tensor_ranks_share_the_card_and_split_the_bytes():
    one = costs(inside_GBps=100, nic_GBps=1)
    # Two ranks with half of the bytes each through one card: the same time as one with all.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1], 2)) == pytest.approx(1.0)
    # Inside a node every rank has devices of its own: half the time.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 0], 2)) == pytest.approx(0.005)


def test_activations_go_forward_and_gradients_come_back():
    one = costs(nic_GBps=10)
    assert gigabytes(one.transfer_seconds_per_byte([0], [1])) == pytest.approx(0.2)


def test_each_direction_runs_at_its_own_speed():
    links = [
        Link(source="a", target="b", bandwidth_GBps=10, one_way=True),
        Link(source="b", target="a", bandwidth_GBps=2, one_way=True),
    ]
    one = costs([("a", 1, "fast", 1), ("b", 1, "fast", 1)], links=links, switches=())
    assert gigabytes(one.transfer_seconds_per_byte([0], [1])) == pytest.approx(0.1 + 0.5)


def test_amp_averages_the_replicas_and_forgets_the_way_back():
    one = costs([("a", 2, "fast", 2), ("b", 1, "fast", 2)], AmpCost, nic_GBps={"a": 10, "b": 5}, inside_GBps=100)
    # Replica 0 stays in its node (0.01), replica 1 crosses to b (0.2).
    assert gigabytes(one.transfer_seconds_per_byte([0, 1], [0, 2])) == pytest.approx(0.105)


def test_amp_looks_only_at_the_edge_that_closes_the_ring():
    nodes = [("a", 2, "fast", 2), ("b", 1, "fast", 2)]
    one = costs(nodes, AmpCost, nic_GBps={"a": 10, "b": 1}, inside_GBps=100)
    # From the last replica back to the first: a.1 to a.0 at 10 GB/s; the slow b in the middle is not seen.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 2, 1], 1)) == pytest.approx(4 / 3 / 10)
    # The ring's last replica beside its first: inside the node.
    assert gigabytes(one.synchronisation_seconds_per_byte([0, 1, 0], 2)) == pytest.approx(4 / 3 / 100 / 2)
    assert one.synchronisation_seconds_per_byte([0], 1) == 0


def test_a_boundary_carries_the_sharded_output_divided():
    whole = costs(output_MB=3)
    sharded = costs(output_MB=3, layer={"output_sharded": True})
    assert whole.boundary_bytes(0, 2, 4) == pytest.approx(12e6)
    assert sharded.boundary_bytes(0, 2, 4) == pytest.approx(6e6)
    # AMP counts 4 bytes per element where the workload says 2.
    assert costs(kind=AmpCost, output_MB=3).boundary_bytes(0, 2, 4) == pytest.approx(24e6)
