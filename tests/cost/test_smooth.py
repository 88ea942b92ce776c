"""The smooth step time is the judge's where nothing is smoothed, and its slopes are differences."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.cost.blocking import BlockingCost
from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.cost.smooth import SmoothCost
from milp_amp.judge.evaluate import closed_form
from milp_amp.space.labels import PlacedStage
from milp_amp.space.partition import Partitions
from milp_amp.space.worlds import world
from tests.builders import instance, strategy
from tests.space.sailor_worlds import draw, space_of

pytest.importorskip("jax")


def per_byte_world(seed):
    """Two types, four nodes, bytes everywhere; contention, all-reduce and overheads of all kinds."""
    dice = random.Random(seed)
    times = {kind: [dice.uniform(1, 9) for _ in range(4)] for kind in ("fast", "slow")}
    return instance(
        times, [("a", 2, "fast", 2), ("b", 2, "slow", 2)], batch=8, tensor_degrees=(1, 2), output_MB=0.3,
        gradient_MB=[dice.uniform(1, 9) for _ in range(4)], contention=dice.choice(("shared", "slowest_pair")),
        nic_GBps={"a": 1.0, "b": 0.4}, inside_GBps=3.0, all_reduce=dice.choice(("ring", "hierarchical")),
    )  # fmt: skip


def random_plans(bounds, seed, number):
    """Plans of random configurations, on random places with room for them."""
    dice, places = random.Random(seed), world(bounds.costs, bounds.classes)
    configurations, found = sorted(places.configurations()), 0
    while found < number:
        placed = places.chain(dice.choice(configurations))
        layers, count = placed.chain.num_layers, dice.randint(1, 4)
        chosen = [dice.randrange(placed.chain.num_places) for _ in range(count)]
        cuts = [0, *sorted(dice.sample(range(1, layers), count - 1)), layers]
        stages = tuple(PlacedStage(cuts[s], cuts[s + 1], k) for s, k in enumerate(chosen))
        partitions = Partitions(placed.chain)
        if partitions.fits(chosen) and partitions.priced(stages).worth < float("inf"):
            found += 1
            yield placed.strategy(stages)


@pytest.mark.parametrize("name", ["pipeline", "amp"])
@pytest.mark.parametrize("seed", range(4))
def test_unsmoothed_it_is_the_judges_step_time_at_costs_per_byte(name, seed):
    question = per_byte_world(seed)
    bounds = prepare(question, name)
    for plan in random_plans(bounds, seed, 3):
        judged, _ = closed_form(question, plan, bounds.costs)
        assert SmoothCost(bounds.costs, plan).step_time() == pytest.approx(judged, rel=1e-12)


@pytest.mark.parametrize(("kind", "seed"), [(SailorCost, n) for n in range(8)] + [(BlockingCost, n) for n in range(2)])
def test_unsmoothed_it_is_the_judges_step_time_where_messages_are_measured(kind, seed):
    costs, dice = space_of(draw(seed), kind).costs, random.Random(seed)
    space = space_of(draw(seed), kind)
    for d, b in dice.sample(found := list(space.configurations()), min(3, len(found))):
        at = space.places(d, b)
        layers = costs.instance.model.num_layers
        half = layers // 2
        paths = [((0, layers, 0),)] + ([((0, half, 0), (half, layers, len(at.places) - 1))] if half else [])
        for path in paths:
            if (sum(space.chain(at).usage[k] for *_, k in path) > space.chain(at).capacity).any():
                continue
            plan = space.strategy(at, path)
            judged, _ = closed_form(costs.instance, plan, costs)
            if judged is not None:
                assert SmoothCost(costs, plan).step_time() == pytest.approx(judged, rel=1e-12)


def test_slopes_are_finite_differences():
    bounds = prepare(per_byte_world(1), "pipeline")
    for plan in random_plans(bounds, 1, 1):
        smooth = SmoothCost(bounds.costs, plan)
        ones, step = smooth.ones, 1e-6
        slopes = smooth.slopes(temperature=0.1)

        def moved(change, smooth=smooth):
            return smooth.step_time(change, temperature=0.1)

        for kind in ones.devices:
            up, down = (replace(ones, devices=ones.devices | {kind: 1 + x}) for x in (step, -step))
            assert slopes.devices[kind] == pytest.approx((moved(up) - moved(down)) / (2 * step), rel=1e-5, abs=1e-9)
        for ends in ones.connections:
            up, down = (replace(ones, connections=ones.connections | {ends: 1 + x}) for x in (step, -step))
            slope = (moved(up) - moved(down)) / (2 * step)
            assert slopes.connections[ends] == pytest.approx(slope, rel=1e-5, abs=1e-9)
        up, down = ones.layers.copy(), ones.layers.copy()
        up[1], down[1] = 1 + step, 1 - step
        slope = (moved(replace(ones, layers=up)) - moved(replace(ones, layers=down))) / (2 * step)
        assert slopes.layers[1] == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_the_slower_of_two_stages_pays_for_every_microbatch():
    # Stages of 2 ms and 6 ms, four microbatches: 2 + 6 + 3 · 6 = 26 ms, of which the slow device has 24.
    question = instance({"fast": [2.0, 9.0], "slow": [9.0, 6.0]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=4)
    costs = cost_model("pipeline", question, measure(question.cluster))
    smooth = SmoothCost(costs, strategy((0, 1, "a.0/0"), (1, 2, "b.0/0")))
    assert smooth.step_time() == pytest.approx(26e-3)
    slopes = smooth.slopes()
    assert slopes.devices == pytest.approx({"fast": -2e-3, "slow": -24e-3})
    assert slopes.layers == pytest.approx([2e-3, 24e-3])


def test_a_link_that_is_the_slowest_station_has_the_largest_slope():
    # 3 MB there and 3 MB back take 6 ms over the link, the stages 2 ms each: 2 + 2 + 6 + 3 · 6 = 28 ms.
    question = instance({"fast": [2.0, 2.0]}, [("a", 2, "fast", 1)], output_MB=3.0, batch=4, contention="slowest_pair")
    costs = cost_model("pipeline", question, measure(question.cluster))
    smooth = SmoothCost(costs, strategy((0, 1, "a.0/0"), (1, 2, "a.1/0")))
    assert smooth.step_time() == pytest.approx(28e-3)
    assert smooth.slopes().connections == pytest.approx({("a.0", "a.1"): -12e-3, ("a.1", "a.0"): -12e-3})


def test_smoothed_it_is_slower_and_comes_down_as_the_temperature_falls():
    bounds = prepare(per_byte_world(1), "pipeline")
    plan = next(random_plans(bounds, 5, 1))
    smooth = SmoothCost(bounds.costs, plan)
    times = [smooth.step_time(temperature=T) for T in (0.3, 0.1, 0.01, 0.0)]
    assert times == sorted(times, reverse=True)
    assert times[2] == pytest.approx(times[3], rel=0.05)


def test_the_module_is_imported_without_jax():
    code = "import sys, milp_amp.cost.smooth; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
