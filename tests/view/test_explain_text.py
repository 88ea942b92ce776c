"""Explanations as people read them."""

from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.infeasible import explain_infeasible
from milp_amp.solving.explaining.plan import explain_plan
from milp_amp.solving.explaining.purchase import explain_purchase
from milp_amp.view.explain_text import render_infeasible, render_plan, render_purchase
from tests.builders import instance, result, strategy
from tests.solving.explaining.test_infeasible import layers_of_GiB

ONE_DEVICE = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 1)], batch=4)
WHOLE = strategy((0, 2, "a.0/0"))


def infeasible(world, *texts):
    return render_infeasible(world, explain_infeasible(Asker(world, threads=1), texts))


def purchase(world, plan=None):
    return render_purchase(world, explain_purchase(Asker(world, threads=1), plan))


def test_a_contradiction_is_followed_by_its_remedies():
    world = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)])
    assert infeasible(world, "pipeline_parallel=2", "stage_devices>=2").splitlines()[1:8] == [
        "these leave no plan together; without any one of them the others leave some",
        "  pipeline_parallel=2",
        "  stage_devices>=2",
        "",
        "there is a plan",
        "  without pipeline_parallel=2: 12 ms per step, or less",
        "  without stage_devices>=2: 15 ms per step, or less",
    ]


def test_what_is_too_little_stands_beside_what_is_enough():
    assert "  with 2.0 GiB more on every device (1.9 GiB: too little): " in infeasible(layers_of_GiB(10, 10))


def test_further_contradictions_are_mentioned():
    told = infeasible(layers_of_GiB(10, 10), "microbatch_size=3")
    assert "other rules leave no plan either" in told
    assert "  without microbatch_size=3, 2.0 GiB more on every device (1.9 GiB: too little): " in told


def test_a_machine_that_cannot_run_the_model_is_not_blamed_on_anybody():
    world = instance(layer_ms={("fast", 4): [3, 3]}, nodes=[("a", 1, "fast", 2)])
    told = infeasible(world)
    assert "nothing that was asked for is to blame" in told
    assert "no remedy was found" in told


def test_a_gain_without_both_proofs_is_a_range():
    """The old optimum lies between 20 and 24 ms, the new one is 12 ms."""
    text = purchase(ONE_DEVICE, result(WHOLE, 0.024, bound=0.020))
    (row,) = [line for line in text.splitlines() if line.startswith("1 more node")]
    assert row.split("  ")[-1] == "at least 8 ms, at most 12 ms"


def test_a_gain_with_both_proofs_is_proved():
    (row,) = [line for line in purchase(ONE_DEVICE).splitlines() if line.startswith("1 more node")]
    assert [cell.strip() for cell in row.split("  ") if cell] == [
        "1 more node of group a (1 × fast)",
        "12 ms",
        "12 ms",
        "12 ms",
        "yes",
    ]


def test_prices_are_told_as_prices():
    world = instance(
        layer_ms={"fast": [3, 3]},
        nodes=[("a", 1, "fast", 1)],
        batch=4,
        price_per_hour={"fast": 3600.0},
        objective={"minimise": "price"},
    )
    assert purchase(world).startswith("tiny: $0.024 per step, optimal")


def test_a_choice_without_an_alternative_says_so():
    world = instance(layer_ms={"fast": [6]}, nodes=[("a", 1, "fast", 1)], batch=1)
    told = explain_plan(Asker(world, threads=1))
    assert render_plan(world, told).endswith("there is nothing else to choose\n")
