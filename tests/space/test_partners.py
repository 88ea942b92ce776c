"""What is known of a stage by its slowest node alone is never more than what any such stage needs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.generate.instance import generate
from milp_amp.generate.request import NETWORKS, Request
from milp_amp.space.classes import node_classes
from milp_amp.space.columns import LayerTables
from milp_amp.space.crossings import Crossings
from milp_amp.space.group import Group, first_nodes
from milp_amp.space.mixtures import Mixtures
from milp_amp.space.places import splits
from tests.problem.drawing import wired_worlds

ROUNDING = 1 + 1e-12


def check_bounds(world, replicas):
    costs = PipelineCost(world, measure(world.cluster))
    classes = node_classes(world.cluster, costs.network)
    mixtures = Mixtures(LayerTables(costs), classes)
    groups = tuple(
        Group(nodes, each)
        for each in (1, 2, 4)
        if replicas % each == 0
        for nodes in splits(replicas // each, tuple(len(k.nodes) * (k.devices_per_node >= each) for k in classes))
    )
    if not groups:
        return
    slowest = [max((g for g, n in enumerate(group.nodes) if n), key=mixtures.rank.index) for group in groups]
    names = [
        Group(tuple(sum(group.nodes) * (g == s) for g in range(len(classes))), group.replicas_per_node)
        for group, s in zip(groups, slowest, strict=True)
    ]
    real, bound = Crossings(costs, classes).between(groups), mixtures.partners.crossings(names)
    for a, b in itertools.product(range(len(groups)), repeat=2):
        assert bound[0][a, b] <= real[0][a, b] * ROUNDING
        assert bound[1][a, b] <= real[1][a, b] * ROUNDING
    narrow = min(sum(group.nodes) for group in groups)
    for a, group in enumerate(groups):
        least = mixtures.partners.least_link(np.array([group.nodes]), group.replicas_per_node, narrow)
        assert least <= min(real[0][a].min(), real[0][:, a].min()) * ROUNDING
    if costs.slowest_pair_decides:
        for group, s in zip(groups, slowest, strict=True):
            if (width := sum(group.nodes)) > 1:
                edge = mixtures.partners.edge(s, width)
                least = costs.least_synchronisation_seconds_per_byte(replicas, 1, edge)
                ring = costs.synchronisation_seconds_per_byte(first_nodes(group, classes), 1)
                assert least <= ring * ROUNDING


@given(wired_worlds(), st.sampled_from([1, 2, 3, 4, 6]))
@settings(max_examples=400, deadline=None)
def test_no_two_groups_of_any_graph_exchange_sooner_than_their_slowest_nodes_allow(world, replicas):
    check_bounds(world, replicas)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("shared", "seed"), [(s, n) for s in (False, True) for n in range(3)])
def test_no_two_groups_of_unlike_nodes_exchange_sooner_than_their_slowest_nodes_allow(network, shared, seed):
    request = Request(kind="matrix", devices=24, layers=12, network=network, shared_nic=shared, uneven=True, seed=seed)
    for replicas in (2, 4, 8):
        check_bounds(generate(request, "drawn", "drawn"), replicas)
