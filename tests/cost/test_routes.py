"""The cheapest way of a byte."""

import pytest
from msgspec.structs import replace

from milp_amp.cost.routes import Routes
from milp_amp.problem.cluster import Link
from tests.builders import instance


def priced(*links, hosts_forward=True, **fields):
    """A cluster from (source, target, price per GB)."""
    made = [Link(source=a, target=b, bandwidth_GBps=1, price_per_GB=price) for a, b, price in links]
    cluster = replace(instance(links=made, **fields).cluster, hosts_forward=hosts_forward)
    return Routes(cluster), {group.name: group for group in cluster.nodes}


def test_a_byte_pays_every_link_that_it_crosses():
    nodes = [("a", 2, "fast", 1), ("b", 1, "fast", 1)]
    routes, group = priced(
        ("a", "left", 1), ("left", "right", 5), ("b", "right", 0), nodes=nodes, switches=["left", "right"]
    )
    assert routes.price_per_byte(group["a"], group["b"], same_node=False) == pytest.approx(6e-9)
    assert routes.price_per_byte(group["b"], group["a"], same_node=False) == pytest.approx(6e-9)


def test_two_nodes_of_a_group_pay_the_way_out_and_in_and_one_node_nothing():
    routes, group = priced(("a", "switch", 1), nodes=[("a", 2, "fast", 1)])
    assert routes.price_per_byte(group["a"], group["a"], same_node=False) == pytest.approx(2e-9)
    assert routes.price_per_byte(group["a"], group["a"], same_node=True) == 0


def test_a_byte_takes_the_cheapest_way_not_the_shortest():
    nodes = [("a", 1, "fast", 1), ("b", 1, "fast", 1)]
    routes, group = priced(("a", "b", 3), ("a", "switch", 1), ("switch", "b", 1), nodes=nodes)
    assert routes.price_per_byte(group["a"], group["b"], same_node=False) == pytest.approx(2e-9)


@pytest.mark.parametrize(("forward", "price"), [(True, 2e-9), (False, 5e-9)])
def test_a_byte_goes_through_another_node_only_where_nodes_forward(forward, price):
    nodes = [(name, 1, "fast", 1) for name in "abc"]
    routes, group = priced(("a", "b", 1), ("b", "c", 1), ("a", "c", 5), nodes=nodes, hosts_forward=forward)
    assert routes.price_per_byte(group["a"], group["c"], same_node=False) == pytest.approx(price)
