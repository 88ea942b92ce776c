"""Restrictions against enumeration: search, bounds and judge must agree with a predicate that knows none of them."""

from itertools import islice
from random import Random

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import FormulationError
from milp_amp.judge.evaluate import evaluate
from tests.agreement.brute_force import brute_force, plans
from tests.agreement.checks import EXACT, baseline_difference, difference, run, truth, violations
from tests.agreement.drawing import draw, plain
from tests.agreement.pricing import Pricer
from tests.agreement.restricting import KINDS, keeps, restricted

COST_MODELS = ("pipeline", "amp")


@pytest.mark.parametrize("seed", range(240))
def test_every_exact_formulation_finds_the_best_plan_that_keeps_the_restrictions(seed):
    known = truth(restricted(draw(seed), seed), COST_MODELS[seed % 2])
    for name in EXACT:
        difference(name, known)
    assert violations(known) == []
    # Whatever can be placed at all can be laid out, so nothing is called infeasible that is not.
    assert (known.claimed is None) == (not known.everywhere)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"uniform_tensor_parallel"}))  # all searched plans are uniform
def test_every_kind_of_restriction_costs_something_in_some_worlds_and_nothing_in_others(kind):
    outcomes: set[str] = set()
    for seed in range(1000, 1300):
        world = plain(seed, max_devices=5, max_layers=5)
        free = brute_force(world, prepare(world).costs)
        known = truth(restricted(world, seed, kinds=(kind,)), "pipeline")
        if free and known.claimed:
            difference("interval_dp", known)
            outcomes.add("worse" if known.claimed.value > free.value * (1 + 1e-9) else "kept")
        if len(outcomes) == 2:
            return
    raise AssertionError(f"only {outcomes}")


@pytest.mark.parametrize("seed", range(100))
def test_the_exact_baseline_finds_the_best_partition_that_keeps_the_restrictions(seed):
    baseline_difference(prepare(restricted(draw(seed), seed), COST_MODELS[seed % 2]))


@pytest.mark.parametrize("seed", range(100))
def test_the_published_search_returns_no_plan_that_breaks_a_restriction(seed):
    prepass = prepare(restricted(draw(seed), seed))
    try:
        result = run("amp_dp", prepass)
    except FormulationError:
        return  # its rank order does not apply
    if result.strategy is not None:
        assert evaluate(prepass.instance, result.strategy).valid


@pytest.mark.parametrize("seed", range(60))
def test_the_judge_calls_exactly_those_plans_restricted_that_break_a_restriction(seed):
    world = plain(seed, max_devices=4, max_layers=4)
    asked, costs = restricted(world, seed), prepare(world).costs
    every = list(islice(plans(world, costs), 5000))
    for degrees, boundaries, placement in Random(seed).sample(every, min(len(every), 60)):
        plan = Pricer(world, costs, degrees).strategy(boundaries, placement)
        sentences = [line for line in evaluate(asked, plan, costs=costs).violations if line.endswith("(restricted)")]
        assert keeps(asked, degrees, boundaries, placement) == (not sentences), sentences
