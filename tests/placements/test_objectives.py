"""Prices and limits: what the search finds is what enumeration finds, priced by the judge alone."""

import math
import random

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.judge.evaluate import closed_form, evaluate
from milp_amp.plan.result import Status
from milp_amp.problem.objective import Objective
from milp_amp.solving import solve
from milp_amp.space.labels import PlacedStage
from milp_amp.space.worlds import world as world_of
from tests.placements.drawing import draw as draw_per_byte
from tests.space.random_chains import every_path
from tests.space.sailor_plans import best_value
from tests.space.sailor_worlds import draw as draw_sailor
from tests.space.sailor_worlds import space_of

TOLERANCE = 1e-6


def objectives(world, judged, dice):
    """Both questions, without limits, with limits that bind, and with limits that nothing keeps."""
    times, bills = [verdict.step_time for verdict in judged], [verdict.price for verdict in judged]
    some = dice.choice(judged)
    yield Objective(minimise="price")
    yield Objective(minimise="price", least_steps_per_second=1 / dice.choice(times))
    yield Objective(most_price_per_step=dice.choice(bills))
    yield Objective(least_steps_per_second=1 / some.step_time, most_price_per_step=some.price)
    yield Objective(minimise="price", least_steps_per_second=1 / some.step_time, most_price_per_step=some.price)
    yield Objective(least_steps_per_second=1.001 / min(times))
    yield Objective(most_price_per_step=min(bills) * 0.999)
    yield Objective(minimise="price", least_steps_per_second=1 / min(times), most_price_per_step=min(bills))


def agrees(world, best, cost_model):
    result = solve(world, "placement_search", cost_model=cost_model)
    assert result.status is (Status.INFEASIBLE if math.isinf(best) else Status.OPTIMAL)
    assert result.objective is None or result.objective == pytest.approx(best, rel=TOLERANCE)


@pytest.mark.parametrize("seed", range(2000, 2012))
def test_under_sailor_the_best_plan_of_all_is_found(seed):
    world, dice = draw_sailor(seed, max_layers=3, sizes=(1, 2)), random.Random(seed)
    space = space_of(world)
    order = [kind.nodes[0].group.name for kind in space.classes]
    plans = list(plans_of(world, "sailor"))
    judged = [evaluate(world, plan, costs=space.costs) for plan in dice.sample(plans, min(50, len(plans)))]
    judged = [verdict for verdict in judged if verdict.valid]
    for objective in objectives(world, judged, dice) if judged else [Objective(minimise="price")]:
        asked = replace(world, objective=objective)
        agrees(asked, best_value(asked, order), "sailor")


@pytest.mark.parametrize("seed", range(40))
def test_at_costs_per_byte_the_best_plan_of_the_places_is_found(seed):
    world, dice = draw_per_byte(seed, max_devices=4, max_layers=3), random.Random(seed)
    world = with_prices(world, dice)
    plans = list(plans_of(world, "pipeline"))
    costs = prepare(world).costs
    judged = [evaluate(world, plan, costs=costs) for plan in dice.sample(plans, min(50, len(plans)))]
    judged = [verdict for verdict in judged if verdict.valid]
    for objective in objectives(world, judged, dice) if judged else [Objective(minimise="price")]:
        asked = replace(world, objective=objective)
        costs = prepare(asked).costs
        values = [closed_form(asked, plan, costs) for plan in plans]
        best = min((value for value, broken in values if value is not None and not broken), default=math.inf)
        agrees(asked, best, "pipeline")


def with_prices(world, dice):
    types = world.cluster.device_types
    dear = {name: replace(kind, price_per_hour=dice.choice([1.0, 2.5, 7.0])) for name, kind in types.items()}
    return replace(world, cluster=replace(world.cluster, device_types=dear))


def plans_of(world, cost_model):
    """Yield the plan of every path over the places."""
    prepass = prepare(replace(world, objective=Objective(minimise="price")), cost_model)
    places = world_of(prepass.costs, prepass.classes)
    for configuration in places.configurations():
        placed = places.chain(configuration)
        if placed is not None:
            for path in every_path(placed.chain):
                yield placed.strategy(tuple(PlacedStage(*step) for step in path.steps))
