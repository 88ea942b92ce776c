"""Which links a program leaves open under a ceiling."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from tests.space.random_chains import draw

# Two layers and two kinds of stages: either is quick at one layer and slow at the other; none may hold both.
QUICK_AND_SLOW = np.array([[[inf, 1.0, inf], [inf, inf, 9.0]], [[inf, 9.0, inf], [inf, inf, 1.0]]])


def program():
    chain = next(chain for chain in map(draw, range(1000)) if (chain.num_layers, chain.num_places) == (2, 2))
    return replace(chain, seconds=QUICK_AND_SLOW, volume=np.full((2, 3), 4.0), link_share=1.0)


def test_stages_of_two_kinds_on_the_same_nodes_may_hold_all_layers_though_none_holds_them_alone():
    assert program().slowest_link(1.0, together=2) == inf


def test_where_all_layers_take_longer_than_the_stages_of_a_node_may_a_link_is_under_the_ceiling():
    assert program().slowest_link(1.0, together=1) == pytest.approx(1.0 / 4.0)
