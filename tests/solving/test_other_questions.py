"""Questions that the formulations over intervals refuse, in one line, before any search; ``auto`` has others."""

import pytest

from milp_amp.errors import FormulationError
from milp_amp.judge.evaluate import evaluate
from milp_amp.plan.result import Status
from milp_amp.problem.cluster import Link
from milp_amp.solving import solve
from tests.builders import instance, strategy

INTERVALS = ("interval_dp", "interval_milp", "interval_cpsat", "amp_dp", "amp_dp_exact")
PRICED = {"fast": 3600.0}


@pytest.mark.parametrize("formulation", INTERVALS)
def test_costs_that_are_not_per_byte_are_refused(formulation):
    with pytest.raises(FormulationError, match=r"cost model 'sailor': its costs are not per byte, .*expected"):
        solve(instance(), formulation, cost_model="sailor")


@pytest.mark.parametrize("formulation", INTERVALS)
@pytest.mark.parametrize(
    "objective", [{"minimise": "price"}, {"most_price_per_step": 1.0}, {"least_steps_per_second": 1.0}]
)
def test_prices_and_limits_are_refused(formulation, objective):
    with pytest.raises(FormulationError, match=r"objective: prices or limits of a step, .*expected"):
        solve(instance(price_per_hour=PRICED, objective=objective), formulation)


def test_auto_answers_under_costs_that_are_not_per_byte_without_a_word_about_baselines():
    result = solve(instance(), cost_model="sailor")
    # One device for 4 microbatches of 6 ms, or two for 2 of them each: their gradients have no bytes.
    assert (result.formulation, result.status, result.notes) == ("auto:placement_search", Status.OPTIMAL, ())
    assert result.objective == pytest.approx(2 * 6e-3)


# One device takes 4 · 6 ms; two replicas 2 · 6 ms and 1 ms for 1 MB of gradients; two stages (4 + 1) · 3 ms.
# A device costs 1 a second.
ALONE, TOGETHER = (0.024, 0.024), (0.013, 0.026)


@pytest.mark.parametrize(
    ("objective", "seconds", "price"),
    [
        ({"minimise": "step_time"}, *TOGETHER),
        ({"minimise": "price"}, *ALONE),
        ({"minimise": "price", "least_steps_per_second": 50}, *TOGETHER),
        ({"minimise": "step_time", "most_price_per_step": 0.025}, *ALONE),
        ({"minimise": "price", "least_steps_per_second": 1 / 0.013}, *TOGETHER),
        ({"minimise": "step_time", "most_price_per_step": 0.026}, *TOGETHER),
    ],
)
@pytest.mark.parametrize("cost_model", ["amp", "pipeline"])
def test_auto_finds_the_cheapest_plan_and_the_fastest_one_within_limits(objective, seconds, price, cost_model):
    world = instance(price_per_hour=PRICED, gradient_MB=0.5, objective=objective)
    result = solve(world, cost_model=cost_model)
    judged = evaluate(world, result.strategy, cost_model)
    assert (result.status, result.verified) == (Status.OPTIMAL, True)
    assert (judged.step_time, judged.price) == (pytest.approx(seconds), pytest.approx(price))
    assert result.objective == pytest.approx(price if objective["minimise"] == "price" else seconds)


@pytest.mark.parametrize(
    "objective",
    [
        {"least_steps_per_second": 80},
        {"most_price_per_step": 0.023},
        {"minimise": "price", "least_steps_per_second": 50, "most_price_per_step": 0.025},
    ],
)
def test_limits_that_no_plan_keeps_leave_none(objective):
    world = instance(price_per_hour=PRICED, gradient_MB=0.5, objective=objective)
    assert solve(world).status is Status.INFEASIBLE


def test_at_costs_per_byte_prices_of_links_are_refused():
    link = Link(source="a", target="switch", bandwidth_GBps=1, price_per_GB=1)
    with pytest.raises(FormulationError, match="objective: prices of links, expected those of devices alone"):
        solve(instance(price_per_hour=PRICED, links=[link], objective={"minimise": "price"}))


def test_a_plan_from_outside_is_still_the_answer_in_the_unit_that_was_asked_for():
    world = instance(price_per_hour=PRICED, objective={"minimise": "price"})
    result = solve(world, warm_start=strategy((0, 2, "a.0/0")))
    assert result.objective == pytest.approx(4 * 6e-3)  # one device at one a second
    assert (result.verified, result.status) == (True, Status.OPTIMAL)
