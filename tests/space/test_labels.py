"""Labels and priced paths never claim more than is true of all paths, and find the best one when nothing stops them."""

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from milp_amp.space import label_store
from milp_amp.space.boxes import Box
from milp_amp.space.dual import improve, start
from milp_amp.space.labels import set_labels
from milp_amp.space.priced import PricedPaths
from milp_amp.space.rounding import rounding
from milp_amp.space.usage import pack
from tests.space.random_chains import draw, every_path, price

SEEDS = 2000
GROUPS = pytest.mark.parametrize("group", range(8))
"""Every test takes its seeds in groups, so that they can run side by side."""

HUGE, ROUNDING = 10**6, 1e-9


def seeds(group):
    return range(group, SEEDS, 8)


def boxes(random, paths):
    """The whole range, and boxes whose sides lie close to what some paths cost, farther from it than rounding."""
    yield Box()
    for _ in range(3 if paths else 0):
        sides = []
        for values in ([p.bottleneck for p in paths], [p.synchronisation for p in paths]):
            low, high = sorted(random.choice(values) * random.choice((1.0007, 0.9993, 0.9, 1.1003)) for _ in range(2))
            sides += [random.choice((0.0, low)), random.choice((high, math.inf))]
        yield Box(*sides)


def inside(box, paths):
    return [
        p
        for p in paths
        if box.bottleneck_floor <= p.bottleneck <= box.bottleneck
        and box.synchronisation_floor <= p.synchronisation <= box.synchronisation
    ]


def least(paths):
    return min((p.value for p in paths), default=math.inf)


def some_prices(random, chain):
    return np.array([random.choice((0.0, random.uniform(0, 8))) for _ in chain.capacity])


def drawn(seed):
    random, chain = Random(-1 - seed), draw(seed)
    return random, chain, PricedPaths(chain), every_path(chain)


def below(claim, truth):
    return claim <= truth * (1 + ROUNDING)


def same(claim, truth):
    return claim == pytest.approx(truth, rel=ROUNDING)


@GROUPS
def test_with_room_for_all_labels_the_best_path_of_all_is_found(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        found = set_labels(paths, pack(chain), some_prices(random, chain), Box(), math.inf, HUGE)
        assert found.dropped == math.inf, seed
        assert same(found.value, least(every)), seed


@GROUPS
def test_what_labels_find_is_a_path_that_costs_what_they_say(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        for box in boxes(random, every):
            found = set_labels(
                paths, pack(chain), some_prices(random, chain), box, math.inf, random.choice((1, 3, HUGE))
            )
            steps = tuple((stage.start, stage.stop, stage.place) for stage in found.stages)
            assert not steps or steps in {p.steps for p in every}, seed
            assert found.value == math.inf if not steps else same(found.value, price(chain, steps).value), seed


@GROUPS
def test_nothing_in_a_box_is_better_than_what_labels_leave_of_it(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        best = least(every)
        for box in boxes(random, every):
            cutoff, beam = random.choice((math.inf, 1.2 * best, best, 0.9 * best)), random.choice((1, 2, 5, HUGE))
            found = set_labels(paths, pack(chain), some_prices(random, chain), box, cutoff, beam)
            assert below(min(found.value, cutoff, found.dropped), least(inside(box, every))), seed
            assert found.value >= best * (1 - ROUNDING), seed


@GROUPS
def test_labels_that_no_room_is_left_for_are_not_forgotten(group, monkeypatch):
    monkeypatch.setattr(label_store, "MAX_LABELS", 12)
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        found = set_labels(paths, pack(chain), some_prices(random, chain), Box(), math.inf, HUGE)
        assert below(min(found.value, found.dropped), least(every)), seed
        assert found.value >= least(every) * (1 - ROUNDING), seed


@GROUPS
def test_priced_paths_bound_every_path_of_a_box_whatever_the_prices(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        for box in boxes(random, every):
            best, prices = least(inside(box, every)), some_prices(random, chain)
            assert below(paths.bound(box, paths.price(prices, box)), best), seed
            enough = random.choice((math.inf, best, 1.5 * best))
            dual = improve(paths, replace(start(paths), prices=prices), box, enough, 12)
            assert below(dual.value, best), seed
            assert (dual.prices >= 0).all()
            for part in boxes(random, every):
                assert below(improve(paths, dual, part, math.inf, 3).value, least(inside(part, every))), seed


@GROUPS
def test_no_place_of_a_better_path_is_eliminated(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        for box in boxes(random, every):
            through = paths.through(some_prices(random, chain), box)
            for k in range(chain.num_places):
                users = [p for p in inside(box, every) if any(place == k for _, _, place in p.steps)]
                assert below(through[k], least(users)), seed


@GROUPS
def test_the_fitted_box_holds_every_better_path(group):
    for seed in seeds(group):
        random, chain, paths, every = drawn(seed)
        for box in boxes(random, every):
            cutoff = random.choice((math.inf, 1.5 * least(every) + 1e-9))
            fitted = paths.survey(some_prices(random, chain), box, cutoff).box
            better = [p for p in inside(box, every) if p.value < cutoff * (1 - ROUNDING)]
            assert better == inside(fitted, better), seed


@GROUPS
def test_rows_that_round_capacities_down_lose_no_path(group):
    for seed in seeds(group):
        random, chain, _, every = drawn(seed)
        order = random.sample(range(len(chain.capacity)), len(chain.capacity))
        rows = rounding(chain.capacity, order, [random.randint(2, 5) for _ in range(2)])
        sharper = PricedPaths(chain.rounded(rows))
        prices = some_prices(random, sharper.chain)
        assert below(sharper.bound(Box(), sharper.price(prices, Box())), least(every)), seed
        dual = improve(sharper, start(sharper), Box(), 2 * least(every), 10)
        assert below(dual.value, least(every)), seed


@GROUPS
def test_least_bottleneck_and_synchronisation_bound_those_of_every_path(group):
    for seed in seeds(group):
        _, _, paths, every = drawn(seed)
        assert below(paths.least_bottleneck(), min((p.bottleneck for p in every), default=math.inf)), seed
        assert below(paths.least_synchronisation(), min((p.synchronisation for p in every), default=math.inf)), seed
        assert all(p.value <= paths.worst for p in every), seed


@GROUPS
def test_a_program_over_some_places_has_the_paths_over_these_places(group):
    for seed in seeds(group):
        random, chain, _, every = drawn(seed)
        kept = np.array([random.random() < 0.7 for _ in range(chain.num_places)])
        kept[random.randrange(chain.num_places)] = True
        among = [p for p in every if all(kept[place] for _, _, place in p.steps)]
        part = chain.subset(kept)
        found = set_labels(PricedPaths(part), pack(part), np.zeros(len(part.capacity)), Box(), math.inf, HUGE)
        assert same(found.value, least(among)), seed


def test_capacity_or_memory_forbids_the_cheapest_path_of_many_programs():
    """The agreement above would prove little if neither bound."""
    free, tight = 0, 0
    for seed in range(100):
        chain = draw(seed)
        every = every_path(chain)
        unlimited = every_path(without_limits(chain))
        free += bool(unlimited)
        tight += bool(unlimited) and least(every) > least(unlimited)
    assert free > 60
    assert tight > 15


def without_limits(chain):
    arrays = {field: getattr(chain, field) for field in chain.__dataclass_fields__}
    return type(chain)(**{**arrays, "usage": 0 * chain.usage, "most_stages": 0 * chain.most_stages + 10**6})
