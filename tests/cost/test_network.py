"""What nodes can exchange: max flow on graphs small enough to see through."""

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milp_amp.cost.graph import ClusterGraph
from milp_amp.cost.network import measure
from milp_amp.problem.cluster import Link
from tests.builders import instance

GB = 1e9
A_AND_B = [("a", 1, "fast", 1), ("b", 1, "fast", 1)]


def network(nodes, links, switches=(), **fields):
    return measure(cluster(nodes, links, switches, **fields))


def cluster(nodes, links, switches=(), **fields):
    return instance(nodes=nodes, links=links, switches=switches, **fields).cluster


def link(source, target, bandwidth, **fields):
    return Link(source=source, target=target, bandwidth_GBps=bandwidth, **fields)


def test_two_parallel_routes_add_up():
    links = [link("a", "b", 2), link("a", "s", 3), link("s", "b", 3)]
    assert network(A_AND_B, links, ["s"]).between[0, 1] == 5 * GB


def test_two_links_between_the_same_ends_add_up():
    assert network(A_AND_B, [link("a", "b", 2), link("a", "b", 3)]).between[0, 1] == 5 * GB


def test_a_node_relays_for_its_neighbours():
    nodes = [*A_AND_B, ("c", 1, "fast", 1)]
    between = network(nodes, [link("a", "b", 4), link("b", "c", 1)]).between
    assert between[0, 2] == 1 * GB
    assert between[0, 1] == 4 * GB


def test_a_star_gives_a_pair_the_slower_of_its_two_links():
    links = [link("a", "s", 2), link("b", "s", 5)]
    found = network(A_AND_B, links, ["s"])
    assert found.between[0, 1] == found.between[1, 0] == 2 * GB
    assert found.outbound.tolist() == [2 * GB, 2 * GB]  # b has nobody else to send to


def test_what_a_node_sends_to_all_others_together_is_more_than_to_any_one():
    nodes = [("hub", 1, "fast", 1), ("b", 1, "fast", 1), ("c", 1, "fast", 1)]
    found = network(nodes, [link("hub", "b", 1), link("hub", "c", 2)])
    assert found.between[0].tolist()[1:] == [1 * GB, 2 * GB]
    assert found.outbound.tolist() == found.inbound.tolist() == [3 * GB, 1 * GB, 2 * GB]


def test_an_oversubscribed_switch_limits_nodes_that_its_ports_would_not():
    nodes = [("a", 2, "fast", 1), ("b", 2, "fast", 1)]
    links = [link("a", "left", 10), link("b", "right", 10), link("left", "right", 4)]
    found = network(nodes, links, ["left", "right"])
    assert found.between[0, 1] == 10 * GB  # under one switch
    assert found.between[0, 2] == 4 * GB  # across
    assert found.outbound[0] == 10 * GB


def test_a_one_way_link_carries_nothing_back():
    links = [link("a", "b", 5, one_way=True), link("a", "b", 1)]
    between = network(A_AND_B, links).between
    assert (between[0, 1], between[1, 0]) == (6 * GB, 1 * GB)


def test_a_link_that_is_not_one_way_carries_both_directions_at_once():
    found = network(A_AND_B, [link("b", "a", 5)])
    assert found.between[0, 1] == found.between[1, 0] == 5 * GB


def test_a_link_from_a_group_to_itself_connects_every_two_of_its_nodes():
    between = network([("a", 3, "fast", 1)], [link("a", "a", 2)]).between
    # Straight 2, and 2 by way of the third node.
    assert between[0, 1] == between[2, 1] == 4 * GB


def test_inside_a_node_its_own_bandwidth_counts():
    found = network([("a", 2, "fast", 4)], [link("a", "s", 1)], ["s"], inside_GBps=300)
    assert np.diag(found.between).tolist() == [300 * GB, 300 * GB]
    assert (found.fastest, found.fastest_between_nodes) == (300 * GB, 1 * GB)


def test_a_single_node_never_runs_out_of_ways_to_nobody():
    found = network([("a", 1, "fast", 4)], [], inside_GBps=300)
    assert found.outbound.tolist() == found.inbound.tolist() == [np.inf]
    assert found.fastest_between_nodes == 0


def test_every_node_of_a_group_has_the_flows_of_the_first():
    links = [link("a", "s", 2), link("b", "s", 1)]
    found = network([("a", 3, "fast", 1), ("b", 2, "fast", 1)], links, ["s"])
    off = ~np.eye(5, dtype=bool)
    expected = np.minimum.outer([2, 2, 2, 1, 1], [2, 2, 2, 1, 1]) * GB
    assert (found.between[off] == expected[off]).all()


def test_the_minimum_cut_names_the_links_to_upgrade():
    world = cluster(A_AND_B, [link("a", "s", 10), link("s", "b", 3), link("a", "b", 1)], ["s"])
    source, target = world.hosts
    cut = ClusterGraph(world).cut(source, target)
    assert cut.bandwidth == 4 * GB
    assert set(cut.links) == {("s", "b.0"), ("a.0", "b.0")}


def test_a_cut_names_only_links_in_the_direction_that_is_asked():
    world = cluster(A_AND_B, [link("a", "b", 5, one_way=True), link("b", "a", 1, one_way=True)])
    source, target = world.hosts
    assert ClusterGraph(world).cut(target, source).links == (("b.0", "a.0"),)


def test_a_link_slower_than_a_byte_per_second_is_not_absent():
    found = network(A_AND_B, [link("a", "b", 1e-9)])
    assert found.between[0, 1] == pytest.approx(1.0)


def test_a_card_carries_all_transfers_of_its_node_together_in_each_direction():
    nodes = [("a", 1, "fast", 1), ("b", 1, "fast", 1), ("c", 1, "fast", 1)]
    links = [link("a", "b", 4), link("a", "c", 5), link("b", "c", 1)]
    found = cards(nodes, links, {"a": 6})
    assert found.outbound.tolist() == found.inbound.tolist() == [6 * GB, 5 * GB, 6 * GB]
    assert found.between[0, 1] == 5 * GB  # 4 straight, 1 by way of c
    assert cards(nodes, links, {"a": 4}).between[0, 1] == 4 * GB


def test_what_a_node_relays_passes_its_card_on_the_way_in_and_out():
    nodes = [("a", 1, "fast", 1), ("b", 1, "fast", 1), ("c", 1, "fast", 1)]
    links = [link("a", "b", 9), link("b", "c", 9)]
    assert cards(nodes, links, {"b": 2}).between[0, 2] == 2 * GB


def test_a_card_of_another_node_that_relays_nothing_is_no_limit_to_a_pair():
    links = [link("a", "s", 4), link("b", "s", 5)]
    assert cards([("a", 2, "fast", 1), ("b", 1, "fast", 1)], links, {"b": 1}, ["s"]).between[0].tolist()[1:] == [
        4 * GB,
        1 * GB,
    ]


def test_a_card_that_limits_a_flow_stands_in_the_minimum_cut():
    world = with_cards(cluster(A_AND_B, [link("a", "b", 5)]), {"b": 2})
    source, target = world.hosts
    cut = ClusterGraph(world).cut(source, target)
    assert (cut.bandwidth, cut.links, cut.cards) == (2 * GB, (), ("b.0",))


@pytest.mark.parametrize("card", [None, 100.0])
def test_hosts_that_do_not_forward_leave_a_pair_its_own_link(card):
    nodes = [("a", 1, "fast", 1), ("b", 1, "fast", 1), ("c", 1, "fast", 1)]
    links = [link("a", "b", 4), link("b", "c", 1), link("a", "c", 2)]
    world = with_cards(cluster(nodes, links), {} if card is None else dict.fromkeys("abc", card))
    found = measure(msgspec.structs.replace(world, hosts_forward=False))
    assert (found.between[~np.eye(3, dtype=bool)] / GB).tolist() == [4, 2, 4, 1, 2, 1]
    assert found.outbound.tolist() == found.inbound.tolist() == [6 * GB, 5 * GB, 3 * GB]
    assert measure(world).between[0, 1] == 5 * GB  # where they do, c relays


def test_switches_relay_even_where_hosts_do_not():
    world = cluster(A_AND_B, [link("a", "s", 3), link("s", "b", 2), link("a", "b", 1)], ["s"])
    assert measure(msgspec.structs.replace(world, hosts_forward=False)).between[0, 1] == 3 * GB


@given(st.integers(2, 5), st.data())
def test_links_between_every_two_hosts_that_do_not_forward_are_the_bandwidth_matrix(size, data):
    names = [f"n{k}" for k in range(size)]
    matrix = {pair: data.draw(st.integers(1, 99)) for pair in itertools.permutations(range(size), 2)}
    links = [link(names[v], names[w], speed, one_way=True) for (v, w), speed in matrix.items()]
    world = cluster([(name, 1, "fast", 1) for name in names], links)
    found = measure(msgspec.structs.replace(world, hosts_forward=False))
    assert all(found.between[pair] == speed * GB for pair, speed in matrix.items())
    for v in range(size):
        assert found.outbound[v] == sum(speed * GB for (a, _), speed in matrix.items() if a == v)
        assert found.inbound[v] == sum(speed * GB for (_, b), speed in matrix.items() if b == v)


def test_a_message_takes_the_way_of_least_latency_however_little_it_carries():
    nodes = [*A_AND_B, ("c", 1, "fast", 1)]
    links = [link("a", "b", 100, latency_us=50), link("a", "c", 1, latency_us=10), link("c", "b", 1, latency_us=20)]
    found = measure(cluster(nodes, links))
    assert found.latency[0].tolist() == pytest.approx([0, 30e-6, 10e-6])
    alone = measure(msgspec.structs.replace(cluster(nodes, links), hosts_forward=False))
    assert alone.latency[0].tolist() == pytest.approx([0, 50e-6, 10e-6])
    assert (found.least_latency, found.least_latency_between_nodes) == pytest.approx((0, 10e-6))


def test_each_direction_has_a_latency_of_its_own_and_every_node_that_of_its_group():
    links = [
        link("a", "s", 1, one_way=True, latency_us=1),
        link("s", "a", 1, one_way=True, latency_us=2),
        link("s", "b", 1, latency_us=4),
    ]
    found = measure(cluster([("a", 3, "fast", 1), ("b", 1, "fast", 1)], links, ["s"]))
    assert (found.latency[:3, 3], found.latency[3, :3]) == (pytest.approx([5e-6] * 3), pytest.approx([6e-6] * 3))
    assert found.latency[0, 1] == found.latency[2, 0] == pytest.approx(3e-6)


def test_a_card_adds_no_latency():
    links = [link("a", "b", 1, latency_us=7)]
    assert cards(A_AND_B, links, {"a": 1}).latency[0, 1] == pytest.approx(7e-6)


def cards(nodes, links, speeds, switches=()):
    return measure(with_cards(cluster(nodes, links, switches), speeds))


def with_cards(world, speeds):
    replace = msgspec.structs.replace
    return replace(world, nodes=tuple(replace(group, nic_GBps=speeds.get(group.name)) for group in world.nodes))
