"""Serving over several sites: what is a site, what a border costs, and plans that cross few of them."""

from contextlib import nullcontext
from itertools import product
from random import Random

import numpy as np
import pytest

from benchmarks import serving_sites as family
from formulations import serving_sites
from milp_amp.bounds.covers import Ways, cheapest, prices
from milp_amp.bounds.serving import border_bound, capped_work, configurations, flow_bounds, most_layers
from milp_amp.cost.network import measure
from milp_amp.engine.flow_search import FlowLimits, FlowSearch
from milp_amp.errors import PlanError
from milp_amp.judge.flow import flow_of
from milp_amp.plan.placement import Placement
from milp_amp.plan.result import Status
from milp_amp.problem.cluster import Link
from milp_amp.problem.files import read_serving
from milp_amp.solving.serving import serving_names, solve_serving
from milp_amp.solving.serving_choice import choose
from milp_amp.space.fleet import Fleet
from milp_amp.space.site_chains import Chain, kind_of, placed, reaches
from milp_amp.space.sites import Sites, divided, sites_of
from milp_amp.space.stages import Stage
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import most_tokens, serving


def over_sites(groups, layers, between):
    """Return an instance whose groups' last letters are sites; ``between`` is ``{"ab": 3.0}``, tokens per second."""
    sites = sorted({name[-1] for name in groups})
    links = [Link(source=name, target=f"at {name[-1]}", bandwidth_GBps=1e3) for name in groups]
    # A token is a megabyte.
    slow = [Link(source=f"at {a}", target=f"at {b}", bandwidth_GBps=1e-3 * each) for (a, b), each in between.items()]
    return serving(groups, layers, links=[*links, *slow], switches=[f"at {site}" for site in sites])


def draw(seed):
    """Three or four machines of two types at two or three sites, up to five layers, over links that mostly limit."""
    dice = Random(f"sites {seed}")
    sites = "ab" if dice.random() < 0.7 else "abc"
    layers = dice.randint(2, 5)
    tokens = {kind: (dice.uniform(5, 50), dice.randint(1, layers)) for kind in "pq"}
    where = [*sites, *(dice.choice(sites) for _ in range(dice.randint(3, 4) - len(sites)))]
    names = [dice.choice("ppq") + site for site in where]
    groups = {
        name: (names.count(name), [round(tokens[name[0]][0] / k, 2) for k in range(1, tokens[name[0]][1] + 1)])
        for name in sorted(set(names))
    }
    slow = dice.choice([1.0, 3.0, 10.0, 30.0])
    return over_sites(groups, layers, {a + b: slow * dice.uniform(0.5, 3) for a in sites for b in sites if a < b})


def whole(world):
    """Return the fleet of a world, its sites, and the bound without borders."""
    fleet = Fleet.of(world)
    most = configurations(fleet, capped_work(fleet))
    return fleet, sites_of(world, measure(world.cluster), most), most


TWO = {"xa": (2, (10.0, 4.0)), "xb": (2, (10.0, 4.0))}
"""Two machines at each of two sites; alone, a machine holds one layer at 10 tokens per second, or two at 4."""


# What is a site


def test_sites_are_what_slow_links_divide():
    _, sites, _ = whole(over_sites({"xa": (1, (9.0,)), "ya": (1, (9.0,)), "xb": (1, (9.0,))}, 3, {"ab": 3.0}))
    assert sites.groups == (("xa", "ya"), ("xb",))
    assert sites.least(0, 1) == pytest.approx(3.0)
    assert sites.most(["xa", "ya"], ["xb"]) == pytest.approx(3.0)
    assert sites.most([], ["xb"]) == 0.0


def test_a_link_that_carries_what_the_slower_machine_does_divides_nothing():
    world = over_sites({"xa": (1, (9.0,)), "xb": (1, (3.0,))}, 2, {"ab": 3.0})
    assert len(sites_of(world, measure(world.cluster), 100.0).groups) == 1


def test_a_link_that_carries_more_than_any_placement_divides_nothing():
    world = over_sites(TWO, 4, {"ab": 3.0})
    assert len(sites_of(world, measure(world.cluster), 3.1).groups) == 2
    assert len(sites_of(world, measure(world.cluster), 3.0).groups) == 1


def test_the_fewest_that_two_machines_exchange_is_the_slower_direction():
    sites = Sites((("x",), ("y", "z")), {("x", "y"): 5.0, ("y", "x"): 2.0, ("x", "z"): 4.0, ("z", "x"): 9.0})
    assert sites.least(0, 1) == sites.least(1, 0) == 2.0
    assert sites.most(["x"], ["y", "z"]) == 5.0


def test_three_sites_are_divided_in_four_ways_and_more_than_allowed_in_one():
    assert set(divided((0, 1, 2), 3)) == {((0,), (1,), (2,)), ((0, 1), (2,)), ((0, 2), (1,)), ((0,), (1, 2))}
    assert list(divided((0, 1, 2), 2)) == [((0,), (1,), (2,))]


# What a border costs


def test_a_border_that_four_machines_must_hold():
    """Over links of 3, one machine sends 3 to another; two hold two layers each to send 4 x 3, but only carry 8."""
    fast, slow = over_sites(TWO, 4, {"ab": 1e3}), over_sites(TWO, 4, {"ab": 3.0})
    assert most_tokens(fast) == pytest.approx(10.0)
    assert most_tokens(slow) == pytest.approx(8.0)
    fleet, sites, most = whole(slow)
    assert most == pytest.approx(10.0)
    assert border_bound(fleet, sites, most, partial_inference=False) == pytest.approx(8.0, rel=2e-3)  # in 2,000 units


def test_what_a_site_carries_alone_no_border_forbids():
    world = over_sites({"xa": (2, (10.0,)), "xb": (1, (10.0,))}, 2, {"ab": 1e-3})
    fleet, sites, most = whole(world)
    assert border_bound(fleet, sites, most, partial_inference=False) == most == pytest.approx(10.0)


def test_a_bound_over_borders_is_listed_with_its_reason():
    *_, strongest = flow_bounds(over_sites(TWO, 4, {"ab": 3.0}))
    assert strongest.name == "borders"
    assert strongest.reason == "flow that crosses slow links needs several machines at either end"
    assert [bound.name for bound in flow_bounds(over_sites(TWO, 4, {"ab": 1e3}))] == ["capped work", "configurations"]


@pytest.mark.parametrize("seed", range(120))
def test_no_placement_over_sites_carries_more_than_any_bound(seed):
    world = draw(seed)
    fleet, sites, most = whole(world)
    for partial_inference in (False, True):
        best = most_tokens(world, partial_inference)
        assert best <= border_bound(fleet, sites, most, partial_inference) * (1 + 1e-7)
        assert best <= min(bound.tokens_per_s for bound in flow_bounds(world)) * (1 + 1e-7)
    assert border_bound(fleet, sites, most, partial_inference=False) <= most


def test_borders_often_show_what_is_possible():
    tight = 0
    for seed in range(120):
        world = draw(seed)
        fleet, sites, most = whole(world)
        bound = border_bound(fleet, sites, most, partial_inference=False)
        tight += bound < 0.999 * most and most_tokens(world) >= 0.999 * bound
    assert tight >= 15


def test_covers_cost_what_the_cheapest_machines_cost():
    ways = Ways.of(Fleet(4, {"x": 3}, {"x": (10.0, 4.0)}), 8.0)
    least, way = cheapest(ways.costs(np.array([1.0])), ways.units(ways.tokens_per_s))
    assert least[-1] == pytest.approx(1.0)  # one machine of one layer, or two of two
    assert least[900] == pytest.approx(0.5)  # 3.6 of 8: one machine of two layers
    assert way[900] == 1


@pytest.mark.parametrize("seed", range(20))
def test_prices_say_how_many_layers_can_be_held_in_units_a_little_more_than_in_tokens(seed):
    fleet, _, most = whole(draw(seed))
    for flow in (0.3 * most, 0.7 * most):
        paid, price = prices(Ways.of(fleet, flow), [])
        assert paid == pytest.approx(sum(n * each for n, each in zip(fleet.count.values(), price, strict=True)))
        # Rounded up to units of a flow, machines carry a flow that is less by no more than one unit each.
        assert most_layers(fleet, flow) * (1 - 1e-6) <= paid <= most_layers(fleet, flow * 0.99) * (1 + 1e-6)


def test_prices_of_covers_with_a_machine_of_each_side():
    """At 8 a layer is held by one machine, of one layer; where both sides take part, by two, of two layers."""
    ways = Ways.of(Fleet(4, {"xa": 2, "xb": 2}, {"xa": (10.0, 4.0), "xb": (10.0, 4.0)}), 8.0)
    side = ways.type_of == 0
    assert prices(ways, [])[0] == pytest.approx(4.0)
    assert prices(ways, [side])[0] == pytest.approx(4.0)
    assert prices(ways, [side, ~side])[0] == pytest.approx(4.0)
    dearer = Ways.of(Fleet(4, {"xa": 2, "xb": 2}, {"xa": (10.0, 3.0), "xb": (10.0, 3.0)}), 8.0)
    assert prices(dearer, [])[0] == pytest.approx(4.0)
    assert prices(dearer, [side, ~side])[0] == pytest.approx(8 / 3)  # 1 layer of one, 2 of the other: 1 + 1/2 each


# Plans over sites


def test_it_is_installed():
    assert "serving_sites" in serving_names()


def test_sites_are_chained_by_stages_of_several_machines():
    result = solve_serving(over_sites(TWO, 4, {"ab": 3.0}), "serving_sites", gap=2e-3)
    assert result.objective == pytest.approx(8.0)
    assert result.status is Status.OPTIMAL
    assert sorted(result.placement.layers.values()) == [(0, 2), (0, 2), (2, 4), (2, 4)]


def test_a_machine_to_spare_carries_more_across_a_border():
    """Four layers on five machines of one each: where two hold the same one, two links of 3 lead there."""
    world = over_sites({"xa": (3, (8.0,)), "xb": (2, (8.0,))}, 4, {"ab": 3.0})
    assert most_tokens(world) == pytest.approx(6.0)
    assert solve_serving(world, "serving_sites").objective == pytest.approx(6.0)


def test_sites_that_hold_the_model_serve_beside_each_other_where_links_carry_nothing():
    world = over_sites({"xa": (2, (10.0,)), "xb": (2, (7.0,))}, 2, {"ab": 1e-3})
    assert solve_serving(world, "serving_sites").objective == pytest.approx(17.0)


def test_one_site_is_left_out_where_it_cannot_help():
    world = over_sites({"xa": (2, (10.0,)), "xb": (1, (7.0,))}, 2, {"ab": 1e-3})
    result = solve_serving(world, "serving_sites")
    assert result.objective == pytest.approx(10.0)
    assert result.status is Status.OPTIMAL


def test_stages_of_two_sites_take_turns_where_that_is_best():
    """Layers of 10 at one site and of two times 5 at the other; what goes from two to one and back is 5 per link."""
    world = over_sites({"xa": (1, (10.0,)), "xb": (2, (5.0,))}, 2, {"ab": 5.0})
    assert solve_serving(world, "serving_sites").objective == pytest.approx(10.0)


@pytest.mark.parametrize("seed", range(60))
def test_no_claim_is_above_the_best_placement(seed):
    world, partial_inference = draw(seed), bool(seed % 3 == 0)
    best = most_tokens(world, partial_inference)
    result = solve_serving(world, "serving_sites", partial_inference=partial_inference)
    if result.placement is None:
        assert result.status is Status.UNKNOWN
        return
    assert result.verified
    assert 0 < result.objective <= best * (1 + 1e-6)
    assert result.bound >= best * (1 - 1e-7)
    again = solve_serving(world, "serving_sites", partial_inference=partial_inference)
    assert (again.objective, again.placement) == (result.objective, result.placement)


def test_most_small_worlds_are_answered_by_their_best_placement():
    found = [solve_serving(draw(seed), "serving_sites").objective or 0.0 for seed in range(40)]
    best = [most_tokens(draw(seed)) for seed in range(40)]
    assert sum(each >= 0.999 * most for each, most in zip(found, best, strict=True)) >= 30


def test_a_stage_needs_as_many_machines_across_a_border_as_links_are_too_few_for_one():
    fleet = Fleet(4, {"x": 4}, {"x": (10.0, 5.0)})
    assert kind_of(Stage(1, (("x", 1),)), fleet, 10.0, [None, 3.0, 20.0]) == (1, 0, 4, 1)
    assert kind_of(Stage(2, (("x", 2),)), fleet, 10.0, [None, 3.0, 20.0]) == (2, 0, 2, 1)
    assert kind_of(Stage(1, (("x", 1),)), fleet, 10.0, [1e-6]) == (1, 10_000_000)


def test_two_kinds_are_neighbours_if_each_is_enough_for_the_other():
    assert reaches((1, 0, 2), (2, 1, 0), 0, 1)
    assert not reaches((1, 0, 3), (2, 1, 0), 0, 1)
    assert not reaches((1, 0, 2), (2, 2, 0), 0, 1)


def test_chains_are_placed_one_after_the_other():
    world = serving({"x": (3, (9.0, 4.0)), "y": (2, (9.0, 4.0))}, layers=5)
    first = Chain(
        [Stage(1, (("x", 1),))], [([Stage(2, (("x", 1),))], [Stage(1, (("y", 1),)), Stage(1, (("y", 1),))])], []
    )
    layers = placed(world, [first, Chain([], [], [Stage(2, (("x", 1),))])])
    assert layers == {"x.0": (0, 1), "x.1": (1, 3), "y.0": (1, 2), "y.1": (2, 3), "x.2": (3, 5)}


# No rule can be left out

ONE_EACH = {"xa": (3, (10.0,)), "xb": (1, (10.0,)), "xc": (1, (10.0,)), "xd": (1, (10.0,))}
STAR = Sites(
    (("xa",), ("xb",), ("xc",), ("xd",)),
    {(f"x{a}", f"x{b}"): 3.0 if "a" in (a, b) else 1e-3 for a in "abcd" for b in "abcd" if a != b},
)
"""The first of four sites exchanges 3 with every other one, and they nothing with each other: no chain, but a star."""

APART = {"ab": 3.0, "ac": 1e-3, "bc": 1e-3}
RULES = {
    "chains": (serving({"x": (1, (5.0,)), "y": (1, (4.0,))}, 1), 10.0, None),
    "machines": (serving({"x": (1, (10.0, 10.0))}, 3), 10.0, None),
    "layers": (serving({"x": (3, (10.0,))}, 2), 10.0, None),
    "leaves": (over_sites(ONE_EACH, 6, {"ab": 3.0, "ac": 3.0, "ad": 3.0}), 2.9, STAR),
    "arrives": (over_sites(ONE_EACH, 6, {"ab": 3.0, "ac": 3.0, "ad": 3.0}), 2.9, STAR),
    "joined": (over_sites(TWO, 4, {"ab": 1e-3}), 10.0, None),
    "order": (over_sites({"xa": (2, (10.0,)), "xb": (2, (10.0,)), "xc": (1, (10.0,))}, 5, APART), 2.9, None),
    "sends": (over_sites(TWO, 4, {"ab": 3.0}), 10.0, None),
    "border": (over_sites(TWO, 4, {"ab": 3.0}), 10.0, None),
    # Three machines of two layers reach one across the border; to hold six layers, none may be in such a stage.
    "ends": (over_sites({"xa": (3, (10.0, 3.5)), "xb": (3, (10.0, 3.5))}, 6, {"ab": 3.0}), 7.9, None),
}
"""A world and a target that no chain of sites carries, and the sites, where they are not those of its links."""


def program(world, target, sites):
    """Return what the program places for a target, all sites in one chain."""
    _, found, most = whole(world)
    asked = serving_sites.Asked(world, measure(world.cluster), sites or found, FlowSearch(FlowLimits(), most))
    chains = serving_sites._program(asked, tuple(range(len(asked.sites.groups))), target, sections=True)
    return None if chains is None else Placement(layers=placed(world, chains))


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_can_be_left_out(rule, monkeypatch):
    world, target, sites = RULES[rule]
    kept = program(world, target, sites)
    assert kept is None or flow_of(world, kept).tokens_per_s == pytest.approx(target)
    assert (kept is None) == (rule != "layers")
    add = serving_sites.subject_to

    def without(program, **families):
        add(program, **{family: rows for family, rows in families.items() if family != rule})

    monkeypatch.setattr(serving_sites, "subject_to", without)
    try:
        broken = program(world, target, sites)
    except (IndexError, ValueError, StopIteration):  # more machines than there are, no first site, no such stage
        return
    assert broken is not None
    with pytest.raises(PlanError) if rule == "layers" else nullcontext():
        assert flow_of(world, broken).tokens_per_s < target * (1 - 1e-6)


# What auto asks, and the family


def test_sites_are_asked_for_where_links_can_limit():
    world = over_sites(TWO, 4, {"ab": 3.0})
    assert choose(world, flow_bounds(world)) == "serving_sites"
    assert solve_serving(world).formulation == "serving_sites"
    for fast in (over_sites(TWO, 4, {"ab": 1e3}), read_serving(LIBRARY / "helix" / "single-70b-24.json")):
        assert choose(fast, flow_bounds(fast)) == "serving_stages"


@pytest.mark.parametrize(("seed", "sites"), list(product(range(10), (2, 3))))
def test_an_instance_of_the_family_is_what_it_says(seed, sites):
    world = family.draw(seed, sites)
    assert world == family.draw(seed, sites)
    assert len(world.machines) == 24
    where = [machine.group.site for machine in world.machines]
    assert sorted(set(where)) == sorted(family.SITES[:sites])
    assert min(map(where.count, where)) >= 4
    for link in world.cluster.links:
        share = link.bandwidth_GBps / 1.25
        assert share == 1 or (0.005 <= share <= 0.02 and 10e3 <= link.latency_us <= 50e3)


def test_slow_links_are_where_plans_that_ignore_them_fail():
    world = family.draw(0, 2)
    alike = solve_serving(world, "serving_stages", time_limit=20)
    apart = solve_serving(world, time_limit=20)
    assert alike.objective < 3100
    assert apart.objective == pytest.approx(4096.7, abs=0.1)


def test_a_border_of_the_family_is_proved_to_cost_a_fifth():
    """Ten L4 and fourteen T4, links of 459 tokens per second: 1,347.9 without borders."""
    result = solve_serving(family.draw(8, 2), time_limit=20)
    assert result.objective == pytest.approx(1063.4, abs=0.5)
    assert result.bound == pytest.approx(1064.5, abs=0.5)
