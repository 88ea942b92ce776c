"""Bounds on the flow: by hand, against every placement of small worlds, and on Helix's instances."""

import itertools
from random import Random

import pytest

from milp_amp.bounds.serving import capped_work, cheapest_cover, configurations, flow_bounds, most_layers
from milp_amp.cost.network import measure
from milp_amp.judge.flow import flow_of
from milp_amp.problem.files import read_serving
from milp_amp.space.fleet import Fleet
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, draw_wide, most_tokens, placements, serving


def test_two_machines_that_must_share_three_layers():
    fleet = Fleet.of(serving({"a": (2, (9.0, 4.0, 2.0))}, layers=3))
    assert capped_work(fleet) == pytest.approx(16 / 3)  # 3 F <= 2 * 4 + 2 * 4: either does most with two layers


def test_whole_machines_are_worth_less_than_their_work():
    fleet = Fleet.of(serving({"a": (3, (10.0, 4.0))}, layers=4))
    assert configurations(fleet, capped_work(fleet)) == pytest.approx(4.0)  # some machine holds two layers


def test_the_layers_that_can_be_held_are_those_of_the_cheapest_machines():
    fleet = Fleet.of(serving({"a": (3, (10.0, 4.0))}, layers=4))
    assert most_layers(fleet, 4.0) == pytest.approx(6.0)
    assert most_layers(fleet, 8.0) == pytest.approx(3.0)  # two machines of two layers each, or one of one layer
    assert most_layers(fleet, 11.0) == pytest.approx(2.0)  # 4 + 4 + 4 on three machines of two layers


@pytest.mark.parametrize("seed", range(60))
def test_the_cheapest_cover_is_the_cheapest(seed):
    dice = Random(seed)
    costs = [dice.uniform(0.1, 2.0) for _ in range(3)]
    weights = [dice.choice([1.0, 2.0, 3.5, 5.0]) for _ in range(3)]
    needed = dice.uniform(1, 12)
    every = itertools.product(*(range(int(needed / weight) + 2) for weight in weights))
    best = min(
        sum(n * c for n, c in zip(counts, costs, strict=True))
        for counts in every
        if sum(n * w for n, w in zip(counts, weights, strict=True)) >= needed
    )
    cost, chosen = cheapest_cover(costs, weights, needed)
    assert cost == pytest.approx(best)
    assert sum(n * weights[i] for i, n in chosen.items()) >= needed * (1 - 1e-9)


@pytest.mark.parametrize("drawn", [draw, draw_wide], ids=["small", "wide"])
@pytest.mark.parametrize("block", range(20))
def test_no_placement_of_1000_worlds_carries_more_than_any_bound(block, drawn):
    for seed in range(25 * block, 25 * block + 25):
        world = drawn(seed)
        bounds = flow_bounds(world)
        for partial_inference in (False, True):
            best = most_tokens(world, partial_inference)
            assert all(best <= bound.tokens_per_s * (1 + 1e-7) for bound in bounds), seed


def few_layers(world):
    return world.model.num_layers <= 3


@pytest.mark.parametrize("partial_inference", [False, True])
@pytest.mark.parametrize("world", [w for draws in (draw, draw_wide) for w in map(draws, range(30)) if few_layers(w)])
def test_what_brute_force_leaves_out_carries_no_more(world, partial_inference):
    network = measure(world.cluster)
    every = placements(world, partial_inference)
    best = max(flow_of(world, placement, network).tokens_per_s for placement in every)
    assert most_tokens(world, partial_inference) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("single-70b-24", 2045.6411),
        ("high-heterogeneity-70b-42", 6051.3587),
        ("cluster10-30b", 286.5874),
        ("a100-30b-4", 1044.5334),
        ("l4-30b-8", 252.6499),
        ("t4-30b-12", 397.6851),
    ],
)
def test_what_is_proved_of_helix_instances(name, bound):
    (*_, strongest) = flow_bounds(read_serving(LIBRARY / "helix" / f"{name}.json"))
    assert strongest.tokens_per_s == pytest.approx(bound, abs=1e-4)
