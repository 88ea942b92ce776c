"""Ranks in the order of launchers: stage by stage, replica by replica, tensor groups innermost."""

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.ranks import contiguous, processes, read_hosts
from tests.builders import instance, strategy

WORLD = instance(nodes=(("a", 2, "fast", 4),), layer_ms={"fast": [3, 3]}, tensor_degrees=(1, 2))
MIXED = strategy((0, 1, "a.1/3 a.1/0", "a.0/0 a.0/1"), (1, 2, "a.1/1 a.1/2", "a.0/2 a.0/3"))
CLUSTER = WORLD.cluster


def test_ranks_count_tensor_ranks_first_then_replicas_then_stages():
    found = [(p.rank, p.stage, p.replica, p.tensor_rank, p.node, p.device) for p in processes(CLUSTER, MIXED, {})]
    assert found[:3] == [(0, 0, 0, 0, "a.1", 3), (1, 0, 0, 1, "a.1", 0), (2, 0, 1, 0, "a.0", 0)]
    assert found[4] == (4, 1, 0, 0, "a.1", 1)
    assert found[-1] == (7, 1, 1, 1, "a.0", 3)


def test_a_process_sees_the_devices_of_its_node_in_the_order_of_their_ranks():
    first = processes(CLUSTER, MIXED, {})[0]
    assert (first.devices, first.local_rank) == ((3, 0, 1, 2), 0)


def test_ranks_that_return_to_a_node_are_not_contiguous():
    assert not contiguous(processes(CLUSTER, MIXED, {}))
    assert contiguous(processes(CLUSTER, strategy((0, 1, "a.1/3 a.1/0"), (1, 2, "a.0/1 a.0/0")), {}))


def test_hosts_have_the_names_that_a_file_gives_them():
    hosts = read_hosts("# rack 1\na.0 gpu17.local\n\na.1\tgpu18\n", "hosts", CLUSTER)
    assert {p.host for p in processes(CLUSTER, MIXED, hosts)} == {"gpu17.local", "gpu18"}


def test_two_nodes_that_would_be_one_host_are_refused():
    hosts = read_hosts("a.0 a.1", "hosts", CLUSTER)  # and a.1 is not named: it is a.1
    with pytest.raises(InputError, match=r"nodes 'a.1' and 'a.0': both are host 'a.1'"):
        processes(CLUSTER, MIXED, hosts)


def test_networks_know_no_capitals():
    with pytest.raises(InputError, match="both are host 'GPU1'"):
        processes(CLUSTER, strategy((0, 2, "a.0/0", "a.1/0")), {"a.0": "gpu1", "a.1": "GPU1"})


def test_a_node_that_a_file_does_not_name_is_the_host_of_its_group():
    world = instance(nodes=(("gpu1", 1, "fast", 2), ("gpu2", 1, "fast", 2)))
    assert read_hosts("gpu1.0 other", "hosts", world.cluster) == {"gpu1.0": "other", "gpu2.0": "gpu2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.0", "hosts:1: 'a.0', expected a node and its host"),
        ("\nb.0 gpu1", "hosts:2: 'b.0' is no node of the instance, expected one such as 'a.0'"),
        ("a.0 gpu1\na.0 gpu2", "hosts:2: 'a.0' or 'gpu2' stands twice"),
        ("a.0 gpu1\na.1 gpu1", "hosts:2: 'a.1' or 'gpu1' stands twice"),
    ],
)
def test_a_line_that_names_no_host_is_refused(text, reason):
    with pytest.raises(InputError, match=reason):
        read_hosts(text, "hosts", CLUSTER)


def test_a_node_whose_name_no_network_knows_needs_another_one():
    world = instance(nodes=(("rack+1", 1, "fast", 2),))
    plan = strategy((0, 2, "rack+1.0/0"))
    with pytest.raises(InputError, match=r"'rack\+1.0' is no name of a host, expected one in --hosts FILE"):
        processes(world.cluster, plan, {})
    assert processes(world.cluster, plan, {"rack+1.0": "r1"})[0].host == "r1"
