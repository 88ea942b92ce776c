"""The cheapest way of a byte."""

import pytest

from milp_amp.cost.routes import Routes
from milp_amp.problem.cluster import Link
from tests.builders import instance


def priced(*links, **fields):
    """A cluster from (source, target, price per GB)."""
    made = [Link(source=a, target=b, bandwidth_GBps=1, price_per_GB=price) for a, b, price in links]
    cluster = instance(links=made, **fields).cluster
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
