"""Groups written out: hosts, devices, layers."""

import pytest

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


def test_equal_nodes_that_nothing_connects_are_refused():
    with pytest.raises(ValueError, match="expected a connected graph"):
        instance(nodes=[("a", 2, "fast", 1)], links=[], switches=())
