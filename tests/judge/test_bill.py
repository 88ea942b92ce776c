"""What a step costs in money, under every cost model."""

import pytest

from milp_amp.cost.model import COST_MODELS, cost_model
from milp_amp.cost.network import measure
from milp_amp.judge.evaluate import closed_form, evaluate
from milp_amp.problem.cluster import Link
from tests.builders import curve, instance, strategy

FLAT = curve("fast", "fast", 1)
HALVES = strategy((0, 1, "a.0/0"), (1, 2, "b.0/0"))
APART = [("a", 1, "fast", 2), ("b", 1, "fast", 2)]
TOLL = [Link(source="a", target="b", bandwidth_GBps=1, price_per_GB=3)]


def bill(plan, model="pipeline", **fields):
    return evaluate(instance(curves=[FLAT], **fields), plan, model).price


@pytest.mark.parametrize("model", COST_MODELS)
def test_devices_are_paid_for_the_time_of_the_step(model):
    # Two devices at 3600 an hour for (2 + 4 − 1) · 3 ms.
    assert bill(strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")), model, price_per_hour={"fast": 3600}) == pytest.approx(0.03)


def test_idle_devices_cost_nothing():
    assert bill(strategy((0, 2, "a.0/0")), price_per_hour={"fast": 3600}) == pytest.approx(4 * 6e-3)


@pytest.mark.parametrize(("model", "size"), [("pipeline", 2e6), ("amp", 4e6), ("sailor", 4e6)])
def test_every_microbatch_pays_there_and_back_over_a_priced_link(model, size):
    # 1 million elements; 4 microbatches, two directions, 3 per 10⁹ bytes.
    assert bill(HALVES, model, nodes=APART, links=TOLL, output_MB=2) == pytest.approx(4 * 2 * size * 3e-9)


@pytest.mark.parametrize("model", COST_MODELS)
def test_every_edge_of_a_ring_that_crosses_a_priced_link_is_paid(model):
    # 2 (3 − 1) / 3 × 12 MB over each edge; a to b and b to a are two of the three.
    plan = strategy((0, 2, "a.0/0", "a.0/1", "b.0/0"))
    paid = bill(plan, model, nodes=APART, links=TOLL, parameters=1.5e6, batch=3)
    assert paid == pytest.approx(2 * (4 / 3 * 12e6) * 3e-9)


def test_where_nothing_has_a_price_there_is_no_bill():
    assert bill(strategy((0, 2, "a.0/0"))) is None


def test_too_slow_and_too_dear_are_named():
    limits = {"least_steps_per_second": 50, "most_price_per_step": 0.02}
    verdict = evaluate(instance(price_per_hour={"fast": 3600}, objective=limits), strategy((0, 2, "a.0/0")))
    assert verdict.violations == (
        "objective.least_steps_per_second: 41.6667 steps per second, expected at least 50",
        "objective.most_price_per_step: 0.024 per step, expected at most 0.02",
    )
    assert verdict.steps_per_second == pytest.approx(1 / 0.024)


def test_limits_that_are_just_kept_are_kept():
    limits = {"least_steps_per_second": 1 / 0.024, "most_price_per_step": 0.024}
    world = instance(price_per_hour={"fast": 3600}, objective=limits)
    assert evaluate(world, strategy((0, 2, "a.0/0"))).valid


def test_where_the_least_price_is_asked_for_a_plan_is_worth_its_price():
    world = instance(price_per_hour={"fast": 7200}, objective={"minimise": "price"})
    costs = cost_model("pipeline", world, measure(world.cluster))
    assert closed_form(world, strategy((0, 2, "a.0/0")), costs) == (pytest.approx(0.048), ())
