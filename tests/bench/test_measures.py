"""Measures that can be computed by hand."""

import math

import numpy as np
import pytest

from milp_amp.bench.measures import distance, performance_profile, primal_integral, reached, shifted_geometric_mean
from milp_amp.plan.result import TracePoint


def at(time_s: float, objective: float | None) -> TracePoint:
    return TracePoint(time_s=time_s, objective=objective, bound=None)


def test_without_a_shift_it_is_the_geometric_mean():
    assert shifted_geometric_mean([1.0, 100.0], shift=0.0) == pytest.approx(10.0)


def test_a_shift_of_ten_makes_short_times_alike():
    assert shifted_geometric_mean([0.0, 30.0]) == pytest.approx(10.0)


def test_the_mean_of_nothing_is_not_a_number():
    assert math.isnan(shifted_geometric_mean([]))


def test_distance_is_the_same_for_least_and_for_most():
    assert distance(2.0, 1.0) == distance(1.0, 2.0) == 0.5
    assert distance(None, 1.0) == 1.0
    assert distance(0.0, 0.0) == 0.0


def test_waiting_for_a_plan_costs_full_seconds_and_a_worse_plan_part_of_them():
    assert primal_integral([at(2.0, 4.0), at(5.0, 2.0)], best=2.0, horizon=10.0) == pytest.approx(2.0 + 3.0 * 0.5)


def test_no_plan_at_all_costs_the_whole_horizon():
    assert primal_integral([], best=2.0, horizon=10.0) == 10.0


def test_what_comes_after_the_horizon_does_not_count():
    assert primal_integral([at(12.0, 2.0)], best=2.0, horizon=10.0) == 10.0


def test_the_best_plan_is_reached_when_it_first_is():
    trace = [at(0.5, None), at(1.0, 4.0), at(3.0, 2.0), at(4.0, 2.0)]
    assert reached(trace, 2.0, 1e-6) == 3.0
    assert reached(trace, 1.0, 1e-6) is None


def test_a_profile_rises_to_the_part_that_succeeded():
    edges, heights = performance_profile([4.0, 1.0, np.inf, 1.0])
    assert edges.tolist() == [1.0, 1.0, 1.0, 4.0]
    assert heights.tolist() == [0.0, 0.25, 0.5, 0.75]
