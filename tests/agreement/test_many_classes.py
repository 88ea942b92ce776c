"""Clusters in which hardly two nodes are alike: many classes, each of few devices."""

import pytest

from tests.agreement.checks import EXACT, difference, truth, violations
from tests.builders import instance


@pytest.mark.parametrize("name", EXACT)
def test_replicas_may_sit_on_two_of_twelve_nodes_that_all_differ(name):
    nodes = [(f"n{k}", 1, "fast", 1) for k in range(12)]
    world = instance({"fast": [3.0]}, nodes, batch=2, nic_GBps={f"n{k}": 1.0 + k for k in range(12)})
    known = truth(world, "pipeline")
    assert known.claimed is not None
    assert known.claimed.strategy.data_parallel == 2
    difference(name, known)
    assert violations(known) == []
