"""Every claim of the exact formulations and of the bounds, against enumeration."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings

from milp_amp.engine.limits import Limits, Start
from milp_amp.plan.result import Status
from tests.agreement.checks import EXACT, ROUNDING, TOLERANCE, claim, difference, ranking, truth, violations
from tests.agreement.drawing import STRETCHES, draw, plain, stretched, wired, worlds

COST_MODELS = ("amp", "pipeline")


@pytest.mark.parametrize("seed", range(120))
def test_every_formulation_and_every_bound_agrees_with_brute_force(seed):
    for cost_model in COST_MODELS:
        known = truth(draw(seed), cost_model)
        for name in EXACT:
            difference(name, known)
        assert violations(known) == []
        assert ranking(known) is None


@pytest.mark.parametrize("seed", range(60))
def test_every_formulation_and_every_bound_agrees_with_brute_force_on_every_kind_of_graph(seed):
    known = truth(wired(seed), "pipeline")
    for name in EXACT:
        difference(name, known)
    assert violations(known) == []
    assert ranking(known) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds)
def test_every_formulation_agrees_with_brute_force_on_whatever_hypothesis_draws(world):
    known = truth(world, "pipeline")
    for name in EXACT:
        difference(name, known)
    assert violations(known) == []
    assert ranking(known) is None


# A rounding in a sum of bytes once cost each of these its optimum, or a bound its truth.
@pytest.mark.parametrize("seed", [311, 358, 1239, 1758, 2029, 2446])
def test_a_device_may_be_full_to_the_last_byte(seed):
    known = truth(plain(seed), "pipeline")
    for name in EXACT:
        difference(name, known)
    assert violations(known) == []


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("seed", [3, 4, 14, 21, 31, 49, 71, 76])
def test_costs_that_lie_orders_of_magnitude_apart_are_compared_exactly(seed, stretch):
    for cost_model in COST_MODELS:
        known = truth(stretched(plain(seed), stretch), cost_model)
        for name in EXACT:
            difference(name, known)


def test_memory_enforces_no_stages_where_the_cost_model_does_not_limit_it():
    assert violations(truth(plain(156), "amp")) == []


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", range(20))
def test_a_wide_gap_stops_early_with_a_bound_that_is_true(name, seed):
    known = truth(draw(seed), "pipeline")
    result = claim(name, known, gap=0.1)
    if known.claimed is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert result.status is Status.OPTIMAL
        assert result.gap <= 0.1 * (1 + ROUNDING)


class Impatience(threading.Event):
    """Asks to stop when it has been asked a number of times, so that a search ends anywhere, not by the clock."""

    def __init__(self, patience):
        super().__init__()
        self._patience = patience

    def is_set(self):
        self._patience -= 1
        return self._patience < 0


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", range(8))
def test_a_search_stopped_anywhere_claims_nothing_false(name, seed):
    known = truth(draw(seed), "pipeline")
    for patience in range(12):
        claim(name, known, stop=Impatience(patience))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", range(12))
def test_a_search_out_of_time_claims_nothing_false(name, seed):
    known = truth(draw(seed), "pipeline")
    for seconds in (1e-9, 0.005, 0.02):
        claim(name, known, time_limit=seconds)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", range(20))
def test_a_start_good_or_bad_changes_nothing_in_the_optimum(name, seed):
    known = truth(draw(seed), "pipeline")
    if known.claimed is None:
        return
    worst = max([known.claimed, *known.everywhere.values()], key=lambda plan: plan.value)
    for plan in (worst, known.claimed):
        difference(name, known, start=Start(plan.strategy, plan.value))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("seed", range(20))
def test_a_start_from_outside_the_space_is_kept_where_it_is_better(name, seed):
    known = truth(draw(seed), "pipeline")
    if known.claimed is None:
        return
    best = min(known.everywhere.values(), key=lambda plan: plan.value)
    result = claim(name, known, start=Start(best.strategy, best.value))
    assert result.objective == pytest.approx(best.value, rel=TOLERANCE)


def test_the_default_gap_is_within_the_tolerance_of_these_tests():
    assert Limits().gap < TOLERANCE
