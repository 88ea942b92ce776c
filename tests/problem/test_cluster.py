"""Groups written out: hosts, devices, layers."""

import msgspec
import pytest

from milp_amp.cost.network import measure
from milp_amp.problem.cluster import Link
from milp_amp.problem.model import Layer, Model
from tests.builders import instance


def test_hosts_stand_in_the_order_of_the_file_with_an_address_for_every_device():
    cluster = instance(nodes=[("b", 1, "fast", 1), ("a", 2, "fast", 2)]).cluster
    assert [host.name for host in cluster.hosts] == ["b.0", "a.0", "a.1"]
    assert [host.index for host in cluster.hosts] == [0, 1, 2]
    assert list(cluster.host_of_device) == ["b.0/0", "a.0/0", "a.0/1", "a.1/0", "a.1/1"]
    assert cluster.host_of_device["a.1/0"].index == 2
    assert cluster.num_devices == 5


def test_a_repeated_layer_stands_as_often_in_the_chain():
    first, second = (Layer(name=name, repeat=count, output_elements=0) for name, count in (("x", 2), ("y", 1)))
    assert [layer.name for layer in Model(name="m", layers=(first, second)).chain] == ["x", "x", "y"]


def test_units_are_converted_at_the_border():
    cluster = instance(memory_GiB=2, inside_GBps=3).cluster
    assert cluster.device_types["fast"].memory == 2 * 2**30
    assert cluster.nodes[0].bandwidth == 3e9
    assert cluster.links[0].bandwidth == 1e9


@pytest.mark.parametrize("one_way", [("a", "b"), ("b", "a")])
def test_a_node_that_can_only_send_or_only_receive_is_refused(one_way):
    link = Link(source=one_way[0], target=one_way[1], bandwidth_GBps=1, one_way=True)
    with pytest.raises(ValueError, match="expected a connected graph"):
        instance(nodes=[("a", 1, "fast", 1), ("b", 1, "fast", 1)], links=[link], switches=())


@pytest.mark.parametrize("ways", [("s", "t"), ("s",)])
def test_equal_nodes_that_cannot_reach_each_other_are_refused(ways):
    """Every node sends to one switch and hears from another, but no way leads from the one to the other."""
    links = [Link(source="a", target="s", bandwidth_GBps=1, one_way=True)]
    links += [Link(source=way, target="a", bandwidth_GBps=1, one_way=True) for way in ways if way == "t"]
    with pytest.raises(ValueError, match=r"cluster\.links: node 'a\.1' cannot be reached from 'a\.0'"):
        instance(nodes=[("a", 2, "fast", 1)], links=links, switches=ways)


def test_equal_nodes_may_reach_each_other_by_a_detour():
    links = [
        Link(source=source, target=target, bandwidth_GBps=1, one_way=True)
        for source, target in ("as", "st", "ta", "tb", "bs")
    ]
    world = instance(nodes=[("a", 3, "fast", 1), ("b", 1, "fast", 1)], links=links, switches=("s", "t"))
    assert (measure(world.cluster).between > 0).all()


def test_links_that_carry_more_together_than_can_be_counted_are_refused():
    link = Link(source="a", target="switch", bandwidth_GBps=1e6)
    with pytest.raises(ValueError, match=r"cluster\.links: 2e\+10 GB/s together, expected at most 1e\+09"):
        instance(nodes=[("a", 2, "fast", 1)], links=[link] * 10_000)


def test_links_as_fast_as_allowed_have_a_flow():
    link = Link(source="a", target="switch", bandwidth_GBps=1e6)
    network = measure(instance(nodes=[("a", 2, "fast", 1)], links=[link] * 500).cluster)
    assert network.outbound.tolist() == network.inbound.tolist() == [500e15, 500e15]


def test_equal_nodes_that_nothing_connects_are_refused():
    with pytest.raises(ValueError, match="expected a connected graph"):
        instance(nodes=[("a", 2, "fast", 1)], links=[], switches=())


def test_hosts_that_another_host_would_have_to_relay_to_are_refused_where_none_does():
    links = [Link(source=v, target=w, bandwidth_GBps=1) for v, w in ("ab", "bc")]
    chain = instance(nodes=[(name, 1, "fast", 1) for name in "abc"], links=links, switches=()).cluster
    with pytest.raises(
        ValueError, match=r"node 'c\.0' cannot be reached from 'a\.0', expected a way that no other host"
    ):
        msgspec.structs.replace(chain, hosts_forward=False)


def test_equal_hosts_on_one_switch_reach_each_other_without_relaying():
    star = instance(nodes=[("a", 3, "fast", 1), ("b", 2, "fast", 1)]).cluster
    assert not msgspec.structs.replace(star, hosts_forward=False).hosts_forward


def test_equal_hosts_that_only_another_group_joins_are_refused_where_no_host_relays():
    links = [Link(source="a", target="b", bandwidth_GBps=1)]
    joined = instance(nodes=[("a", 2, "fast", 1), ("b", 1, "fast", 1)], links=links, switches=()).cluster
    with pytest.raises(ValueError, match=r"node 'a\.1' cannot be reached from 'a\.0'"):
        msgspec.structs.replace(joined, hosts_forward=False)
