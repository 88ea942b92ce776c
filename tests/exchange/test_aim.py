"""What a launcher's rules cost against the best plan of all."""

from dataclasses import replace

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.aim import cost_of, solve_for
from milp_amp.exchange.targets import load, load_any
from milp_amp.plan.result import Status
from milp_amp.solving import solve
from tests.builders import instance, result, strategy
from tests.exchange.test_target_optimum import language_model

MEGATRON = load("megatron")

# The head is fast in pairs, all else alone: degrees 1 and 2 take 10 ms per microbatch each.
UNLIKE = language_model(
    instance(
        {("fast", 1): [2, 8, 40], ("fast", 2): [20, 30, 10]},
        [("a", 1, "fast", 1), ("b", 1, "fast", 2)],
        batch=5,
    )
)


def test_one_tensor_degree_for_all_stages_costs_what_it_costs():
    # Free: 10 + 10 and 4 times 10 ms. One degree: stages of 10 and 40 ms alone, 50 + 4 · 40; pairs on b.0 take 5 · 60.
    answer = solve_for(UNLIKE, target=MEGATRON)
    assert solve(UNLIKE).objective == pytest.approx(0.060)
    assert answer.objective == pytest.approx(0.210)
    assert answer.notes[0] == "megatron: 0.21 s, 250.00% more than the best plan of all (0.06)"


def test_where_the_best_plan_of_all_can_be_run_it_is_the_answer():
    world = language_model(instance({"fast": [2.0, 2.0, 2.0]}, [("a", 1, "fast", 2)], batch=2))
    answer = solve_for(world, target=MEGATRON, time_limit=30)
    assert answer.objective == solve(world).objective
    assert answer.notes[0] == "megatron can run the best plan of all"


def test_a_target_that_has_nothing_for_an_instance_says_so():
    with pytest.raises(InputError, match="none of kind 'transformer', expected decoder layers"):
        solve_for(instance(), target=MEGATRON)


PLAN = strategy((0, 3, "a.0/0"))


@pytest.mark.parametrize(
    ("own", "free", "sentence"),
    [
        # Proved both: 12 over 10. Not proved: at least 11 over 10, at most 12 over 8.
        (
            result(PLAN, 12.0, 12.0, status=Status.OPTIMAL),
            result(PLAN, 10.0, 10.0, status=Status.OPTIMAL),
            "20.00% more",
        ),
        (result(PLAN, 12.0, 11.0), result(PLAN, 10.0, 8.0), "from 10.00% to 50.00% more"),
        (result(PLAN, 12.0), result(None, None), "12 s, and nothing else was found to compare with"),
        (result(None, None, status=Status.INFEASIBLE), result(PLAN, 10.0), "can run no plan of this question"),
        (result(None, None), result(PLAN, 10.0), "can run no plan that was found"),
    ],
)
def test_what_is_not_proved_is_a_range(own, free, sentence):
    assert sentence in cost_of(MEGATRON, own, free, "s")


def test_what_a_launcher_places_elsewhere_is_no_answer():
    refused = replace(load_any("alpa"), refusals=lambda instance, strategy: ("stages[0]: elsewhere",))
    world = language_model(instance({"fast": [2.0, 2.0, 2.0]}, [("a", 1, "fast", 2)], batch=2))
    answer = solve_for(world, target=refused)
    assert (answer.status, answer.strategy) == (Status.UNKNOWN, None)
    assert answer.notes == (
        f"the best plan that keeps all other rules of alpa takes {answer.bound:.6g}: stages[0]: elsewhere",
    )


def test_a_server_has_rules_as_well():
    world = language_model(instance({"fast": [2.0, 2.0, 2.0]}, [("a", 1, "fast", 2)], batch=2))
    assert solve_for(world, target=load_any("vllm")).notes[0] == "vllm can run the best plan of all"
