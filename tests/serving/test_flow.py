"""What a placement carries, by hand and by two max flows that share no code."""

from random import Random

import pytest

from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.judge.flow import SINK, SOURCE, flow_of
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Link
from milp_amp.problem.files import read_serving
from milp_amp.space.token_flow import tokens_per_s
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, placements, serving

TWO = serving({"a": (2, (10.0, 6.0)), "b": (1, (7.0,))}, layers=2)


def test_a_chain_carries_what_its_slowest_machine_does():
    flow = flow_of(TWO, Placement(layers={"a.0": (0, 1), "b.0": (1, 2)}))
    assert flow.tokens_per_s == 7.0
    assert flow.cut == ("b.0",)
    assert flow.arcs == {(SOURCE, "a.0"): 7.0, ("a.0", "b.0"): 7.0, ("b.0", SINK): 7.0}


def test_machines_beside_each_other_add_up():
    assert flow_of(TWO, Placement(layers={"a.0": (0, 2), "a.1": (0, 2)})).tokens_per_s == 12.0


def test_a_layer_that_nobody_holds_stops_everything():
    assert flow_of(TWO, Placement(layers={"a.0": (0, 1)})).tokens_per_s == 0.0


def test_only_partial_inference_enters_a_machine_in_the_middle_of_its_layers():
    world = serving({"a": (1, (10.0, 6.0)), "b": (1, (9.0, 5.0))}, layers=3)
    layers = {"a.0": (0, 2), "b.0": (1, 3)}  # b holds the second layer too
    assert flow_of(world, Placement(layers=layers)).tokens_per_s == 0.0
    assert flow_of(world, Placement(layers=layers, partial_inference=True)).tokens_per_s == 5.0


def test_a_slow_link_is_the_cut():
    links = [Link(source=name, target="switch", bandwidth_GBps=3e-3) for name in "ab"]  # three tokens of a megabyte
    world = serving({"a": (1, (10.0,)), "b": (1, (7.0,))}, layers=2, links=links)
    flow = flow_of(world, Placement(layers={"a.0": (0, 1), "b.0": (1, 2)}))
    assert flow.tokens_per_s == pytest.approx(3.0)
    assert flow.cut == ("a.0 → b.0",)


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        ({"c.0": (0, 1)}, "layers.c.0: no such machine, expected one like 'a.0'"),
        ({"b.0": (0, 2)}, "layers.b.0: [0, 2] are 2 layers, expected at most 1"),
        ({"a.0": (1, 3)}, "layers.a.0: [1, 3], expected 0 <= start < stop <= 2"),
        ({"a.0": (1, 1)}, "layers.a.0: [1, 1], expected 0 <= start < stop <= 2"),
    ],
)
def test_a_placement_that_breaks_a_rule_carries_nothing_but_a_sentence(layers, complaint):
    with pytest.raises(PlanError, match=r"^layers\.") as caught:
        flow_of(TWO, Placement(layers=layers))
    assert str(caught.value) == complaint


@pytest.mark.parametrize("seed", range(40))
def test_what_is_claimed_is_what_the_judge_finds(seed):
    world, dice = draw(seed), Random(seed)
    network = measure(world.cluster)
    every = list(placements(world, partial_inference=bool(seed % 2)))
    for placement in dice.sample(every, min(25, len(every))):
        if placement.layers:
            claimed = tokens_per_s(world, placement, network)
            assert claimed == pytest.approx(flow_of(world, placement, network).tokens_per_s, rel=1e-6, abs=1e-6)


def test_one_machine_after_the_other_carries_what_its_slowest_one_does():
    world = read_serving(LIBRARY / "helix" / "single-70b-24.json")
    chain = {f"T4.{k}": (2 * k, 2 * k + 2) for k in range(12)}
    chain |= {f"L4.{k}": (24 + 3 * k, 27 + 3 * k) for k in range(8)}
    chain |= {f"A100.{k}": (48 + 8 * k, 56 + 8 * k) for k in range(4)}
    flow = flow_of(world, Placement(layers=chain))
    assert flow.tokens_per_s == pytest.approx(2045.641047)  # an A100 with eight layers
    assert len(flow.cut) == 1
