"""Where links decide what nodes exchange, standing nodes in for them chooses a plan that is provably wrong."""

from itertools import pairwise
from pathlib import Path

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.cost.graph import ClusterGraph
from milp_amp.cost.network import measure
from milp_amp.problem.files import read
from tests.agreement.brute_force import whole_space
from tests.graph.rule import plan, seen_by_nodes

GRAPHS = Path(__file__).parents[2] / "instances" / "graphs"
NAMES = ("fat-tree", "two-sites")


def world(name):
    return read(GRAPHS / f"{name}.json")


def optimum(asked):
    """The least step time over every placement, by enumeration through the judge."""
    return min(best.value for best in whole_space(asked, prepare(asked).costs).values())


def groups_of_stages(strategy):
    """The groups of nodes that each stage lies on."""
    return [{device.split(".")[0] for replica in stage.replicas for device in replica} for stage in strategy.stages]


@pytest.mark.parametrize("name", NAMES)
def test_the_max_flow_finds_the_best_of_all_plans_and_the_slower_node_of_a_pair_does_not(name):
    true = world(name)
    right, wrong = plan(true, true), plan(seen_by_nodes(true), true)
    best = optimum(true)
    assert right.promised == pytest.approx(best, rel=1e-9)
    assert right.seconds == pytest.approx(best, rel=1e-9)
    assert wrong.seconds > 1.2 * best
    assert wrong.promised < best  # what it was chosen for cannot be had


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_plan_is_the_best_of_what_is_believed(name):
    believed = seen_by_nodes(world(name))
    assert plan(believed, believed).seconds == pytest.approx(optimum(believed), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_right_plan_synchronises_inside_a_leaf_or_site_and_the_wrong_one_across(name):
    true = world(name)
    right = groups_of_stages(plan(true, true).strategy)
    wrong = groups_of_stages(plan(seen_by_nodes(true), true).strategy)
    assert all(len(groups) == 1 for groups in right)
    assert all(a != b for a, b in pairwise(right))
    assert any(len(groups) == 2 for groups in wrong)


def test_across_the_fat_tree_two_spines_add_up():
    true = world("fat-tree")
    between = measure(true.cluster).between / 1e9
    assert between[0].tolist() == [12.5, 12.5, 2.5, 2.5]
    cut = ClusterGraph(true.cluster).cut(true.cluster.hosts[0], true.cluster.hosts[2])
    assert {frozenset(link) & {"left", "right"} for link in cut.links} <= {frozenset({"left"}), frozenset({"right"})}
    assert len(cut.links) == 2


def test_between_the_sites_the_direct_way_and_the_relays_card_add_up():
    true = world("two-sites")
    cluster = true.cluster
    assert measure(cluster).between[0, 3] / 1e9 == pytest.approx(0.125 + 0.625)
    cut = ClusterGraph(cluster).cut(cluster.hosts[0], cluster.hosts[3])
    assert (cut.links, set(cut.cards)) == ((("east-switch", "west-switch"),), {"relay.0"})


def test_nodes_see_the_slower_of_the_two():
    true = world("two-sites")
    network, seen = measure(true.cluster), measure(seen_by_nodes(true).cluster)
    for v in range(5):
        for w in set(range(5)) - {v}:
            assert seen.between[v, w] == min(network.outbound[v], network.inbound[w])
