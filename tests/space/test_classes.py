"""Node classes: who can be exchanged without anybody noticing."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.network import measure
from milp_amp.problem.cluster import Link
from milp_amp.space.classes import node_classes
from tests.builders import instance
from tests.problem.drawing import worlds


def members(cluster):
    """Hosts of every class, by their place in the file."""
    return [[node.index for node in g.nodes] for g in node_classes(cluster, measure(cluster))]


def star(nodes, **fields):
    return members(instance(nodes=nodes, **fields).cluster)


def test_nodes_of_equal_groups_are_one_class():
    assert star([("a", 2, "fast", 4), ("b", 3, "fast", 4)]) == [[0, 1, 2, 3, 4]]


def test_another_device_type_is_another_class():
    assert star([("a", 2, "fast", 4), ("b", 1, "slow", 4)]) == [[0, 1], [2]]


def test_another_number_of_devices_is_another_class():
    assert star([("a", 2, "fast", 4), ("b", 1, "fast", 2)]) == [[0, 1], [2]]


def test_another_bandwidth_inside_is_another_class():
    assert star([("a", 2, "fast", 4), ("b", 1, "fast", 4)], inside_GBps={"a": 2, "b": 3}) == [[0, 1], [2]]


def test_another_network_card_is_another_class():
    assert star([("a", 2, "fast", 4), ("b", 1, "fast", 4)], nic_GBps={"a": 2, "b": 3}) == [[0, 1], [2]]


def test_a_node_with_one_more_link_is_a_class_of_its_own_and_so_is_the_other_end():
    nodes = [(name, 1, "fast", 4) for name in "abcd"]
    links = [Link(source=name, target="s", bandwidth_GBps=1) for name in "abcd"]
    links.append(Link(source="a", target="d", bandwidth_GBps=1, one_way=True))
    assert star(nodes, links=links, switches=("s",)) == [[0], [1, 2], [3]]


def test_a_wider_way_out_counts_though_no_single_flow_shows_it():
    nodes = [(name, 1, "fast", 1) for name in "abc"]
    links = [Link(source="s", target=name, bandwidth_GBps=1, one_way=True) for name in "abc"]
    wide = {"a": 2, "b": 1, "c": 2}
    out = [Link(source=name, target="s", bandwidth_GBps=wide[name], one_way=True) for name in "abc"]
    assert star(nodes, links=links + out, switches=("s",)) == [[0, 2], [1]]
    # And the same for the way in.
    turned = [
        Link(source=x.target, target=x.source, bandwidth_GBps=x.bandwidth_GBps, one_way=True) for x in links + out
    ]
    assert star(nodes, links=turned, switches=("s",)) == [[0, 2], [1]]


def test_a_class_is_named_after_its_type_and_first_group_and_counts_slots_node_by_node():
    cluster = instance(nodes=[("a", 2, "fast", 3), ("b", 1, "fast", 3)]).cluster
    (only,) = node_classes(cluster, measure(cluster))
    assert only.name == "fast@a"
    assert (only.slots_per_node(2), only.slots(2)) == (1, 3)  # the third device of a node stays idle
    assert (only.slots_per_node(4), only.slots(4)) == (0, 0)


@given(worlds(max_nodes=3), st.randoms())
@settings(max_examples=40, deadline=None)
def test_groups_renamed_and_split_into_single_nodes_make_the_same_classes(world, random):
    cluster = world.cluster
    replace = msgspec.structs.replace
    parts = {g.name: [f"{random.randrange(1000)}x{g.name}{k}" for k in range(g.count)] for g in cluster.nodes}
    ends = {**{switch: [switch] for switch in cluster.switches}, **parts}
    links = []
    for link in cluster.links:
        pairs = {(v, w) for v in ends[link.source] for w in ends[link.target] if v != w}
        if link.source == link.target:  # a link of a group to itself joins every two of its nodes once
            pairs = {(v, w) for v, w in pairs if link.one_way or v < w}
        links += [replace(link, source=v, target=w) for v, w in sorted(pairs)]
    nodes = tuple(replace(g, name=name, count=1) for g in cluster.nodes for name in parts[g.name])
    assert members(replace(cluster, nodes=nodes, links=tuple(links))) == members(cluster)
