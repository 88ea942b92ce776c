"""Tables of transfers say what the leaf costs say of every two groups of nodes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.model import PER_BYTE_COST_MODELS, cost_model
from milp_amp.cost.network import measure
from milp_amp.space.classes import node_classes
from milp_amp.space.crossings import Crossings
from milp_amp.space.group import Group, first_nodes
from milp_amp.space.places import splits
from tests.problem.drawing import wired_worlds


@pytest.mark.parametrize("name", PER_BYTE_COST_MODELS)
@given(st.data())
@settings(max_examples=150)
def test_every_two_groups_exchange_as_fast_as_their_nodes(name, data):
    world = data.draw(wired_worlds())
    costs = cost_model(name, world, measure(world.cluster))
    classes = node_classes(world.cluster, costs.network)
    replicas = data.draw(st.sampled_from([1, 2, 4]))
    most = tuple(len(kind.nodes) for kind in classes)
    groups = tuple(
        Group(nodes, each) for each in (1, 2, 4) if replicas % each == 0 for nodes in splits(replicas // each, most)
    )
    seconds, latency = Crossings(costs, classes).between(groups) if groups else ((), ())
    for (a, first), (b, second) in itertools.product(enumerate(groups), repeat=2):
        if any(m + n > limit for m, n, limit in zip(first.nodes, second.nodes, most, strict=True)):
            assert seconds[a, b] == latency[a, b] == float("inf")
            continue
        sources = first_nodes(first, classes)
        both = Group(tuple(m + n for m, n in zip(first.nodes, second.nodes, strict=True)), 1)
        rest = [node for node in first_nodes(both, classes) if node not in sources]
        targets = [node for node in rest for _ in range(second.replicas_per_node)]
        assert seconds[a, b] == pytest.approx(costs.transfer_seconds_per_byte(sources, targets), rel=1e-12)
        assert latency[a, b] == pytest.approx(costs.transfer_latency(sources, targets), rel=1e-12)
