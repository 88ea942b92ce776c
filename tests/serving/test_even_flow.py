"""The max flow that loads machines most evenly."""

from collections import defaultdict
from random import Random

import pytest

from milp_amp.cost.network import measure
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.flow import SINK, SOURCE, flow_of
from milp_amp.plan.placement import Placement
from tests.serving.worlds import draw, placements, serving


def even(world, layers):
    return even_flow(world, Placement(layers=layers), measure(world.cluster))


def test_a_machine_is_not_idle_beside_its_equal():
    """Both hold the first layer and carry 10 each; the second layer lets 10 through, which either could bring."""
    world = serving({"a": (2, (10.0,)), "b": (1, (10.0,))}, layers=2)
    flow = even(world, {"a.0": (0, 1), "a.1": (0, 1), "b.0": (1, 2)})
    assert flow.tokens_per_s == pytest.approx(10.0)
    assert flow.arcs[SOURCE, "a.0"] == pytest.approx(5.0)
    assert flow.arcs[SOURCE, "a.1"] == pytest.approx(5.0)


def test_a_machine_that_is_twice_as_fast_gets_twice_as_much():
    world = serving({"fast": (1, (12.0,)), "slow": (1, (6.0,)), "last": (1, (9.0,))}, layers=2)
    flow = even(world, {"fast.0": (0, 1), "slow.0": (0, 1), "last.0": (1, 2)})
    assert flow.arcs[SOURCE, "fast.0"] == pytest.approx(6.0, rel=1 / 16)
    assert flow.arcs[SOURCE, "slow.0"] == pytest.approx(3.0, rel=1 / 16)


def test_between_equally_loaded_machines_every_link_is_used():
    world = serving({"a": (2, (10.0,)), "b": (2, (10.0,))}, layers=2)
    flow = even(world, {"a.0": (0, 1), "a.1": (0, 1), "b.0": (1, 2), "b.1": (1, 2)})
    for pair in (("a.0", "b.0"), ("a.0", "b.1"), ("a.1", "b.0"), ("a.1", "b.1")):
        assert flow.arcs[pair] == pytest.approx(5.0)


def test_what_carries_nothing_has_no_arcs():
    world = serving({"a": (1, (10.0,))}, layers=2)
    assert even(world, {"a.0": (0, 1)}).arcs == {}


@pytest.mark.parametrize("seed", range(100))
def test_it_is_a_max_flow(seed):
    world, dice = draw(seed), Random(seed)
    network = measure(world.cluster)
    every = [each for each in placements(world, partial_inference=bool(seed % 2)) if each.layers]
    for placement in dice.sample(every, min(5, len(every))):
        most = flow_of(world, placement, network).tokens_per_s
        into, out_of = defaultdict(float), defaultdict(float)
        for (tail, head), tokens in even_flow(world, placement, network).arcs.items():
            out_of[tail] += tokens
            into[head] += tokens
        assert out_of[SOURCE] == pytest.approx(most, rel=1e-5, abs=1e-5)
        assert into[SINK] == pytest.approx(most, rel=1e-5, abs=1e-5)
        for machine in world.machines:
            if machine.name in placement.layers:
                start, stop = placement.layers[machine.name]
                assert into[machine.name] == pytest.approx(out_of[machine.name], rel=1e-4, abs=1e-4 * most)
                assert into[machine.name] <= world.tokens_per_s(machine, stop - start) * (1 + 1e-5)
