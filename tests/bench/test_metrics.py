"""Metrics by hand."""

import numpy as np
import pytest

from milp_amp.bench.metrics import kendall, ranks, regret, relative_errors, spearman
from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Trial
from milp_amp.bench.validation import agreement, price_trials
from milp_amp.errors import PlanError
from tests.builders import instance, strategy

MEASURED = np.array([1.0, 2.0, 4.0, 3.0])


def test_an_error_is_a_fraction_of_the_measurement():
    assert relative_errors(np.array([1.5, 1.0]), np.array([1.0, 2.0])) == pytest.approx([0.5, -0.5])


def test_equal_values_share_the_mean_of_their_ranks():
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])) == pytest.approx([3.5, 1, 3.5, 2])


def test_the_same_order_correlates_perfectly_whatever_the_scale():
    assert spearman(MEASURED**3, MEASURED) == pytest.approx(1)
    assert kendall(MEASURED**3, MEASURED) == pytest.approx(1)
    assert spearman(-MEASURED, MEASURED) == pytest.approx(-1)
    assert kendall(-MEASURED, MEASURED) == pytest.approx(-1)


def test_one_swapped_pair_of_four_costs_two_pairs_in_six_and_a_fifth_of_rho():
    swapped = np.array([1.0, 2.0, 3.0, 4.0])
    assert kendall(swapped, MEASURED) == pytest.approx(4 / 6)
    assert spearman(swapped, MEASURED) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_a_constant_prediction_has_no_correlation():
    assert np.isnan(spearman(np.ones(4), MEASURED))
    assert np.isnan(kendall(np.ones(4), MEASURED))


def test_regret_is_what_the_best_of_the_tried_costs_over_the_best():
    predicted = np.array([3.0, 2.0, 1.0, 4.0])
    assert [regret(predicted, MEASURED, tries) for tries in (1, 2, 3, 5)] == [4, 2, 1, 1]


def trial(t, d, p, boundaries, measured):
    return Trial(
        tensor_parallel=t,
        data_parallel=d,
        pipeline_parallel=p,
        microbatch_size=1,
        boundaries=boundaries,
        measured=measured,
    )


def test_ranks_fill_the_nodes_tensor_first_then_replicas_then_stages():
    world = instance(
        layer_ms={("fast", 2): [3, 3]}, nodes=[("a", 1, "fast", 4), ("b", 1, "fast", 4)], tensor_degrees=(2,)
    )
    expected = strategy((0, 1, "a.0/0 a.0/1", "a.0/2 a.0/3"), (1, 2, "b.0/0 b.0/1", "b.0/2 b.0/3"))
    assert strategy_of(world, trial(2, 2, 2, (0, 1, 2), 1.0)) == expected


def test_more_ranks_than_devices_have_no_place():
    with pytest.raises(PlanError, match="4 ranks, expected at most 2"):
        strategy_of(instance(), trial(1, 4, 1, (0, 2), None))


def test_predictions_that_are_twice_too_low_keep_their_order():
    world = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)], batch=4)
    rows = price_trials(world, [trial(1, 1, 2, (0, 1, 2), 0.030), trial(1, 1, 1, (0, 2), 0.048)], "pipeline")
    found = agreement(rows)
    assert [row.predicted for row in rows] == pytest.approx([0.015, 0.024])
    assert (found.mean_error, found.median_error, found.bias) == pytest.approx((0.5, 0.5, -0.5))
    assert (found.spearman, found.kendall, found.regrets) == (pytest.approx(1), pytest.approx(1), (1, 1, 1))


def test_trials_without_a_price_or_a_measurement_are_left_out():
    rows = price_trials(instance(), [trial(1, 4, 1, (0, 2), 1.0), trial(1, 1, 1, (0, 2), None)], "pipeline")
    assert agreement(rows) is None
    assert "4 ranks" in rows[0].violation
