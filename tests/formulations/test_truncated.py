"""Where there are too many mixtures of classes to search, nothing is claimed about them."""

import pytest

from formulations import placement_search
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.formulation import load
from milp_amp.judge.check import check
from milp_amp.plan.result import Status
from tests.agreement.drawing import draw
from tests.builders import instance

# Three replicas have room on the three classes together only: 3 ms; one replica needs 9 ms for three sequences.
WORLD = instance({"x": [3], "y": [3], "z": [3]}, [("a", 1, "x", 1), ("b", 1, "y", 1), ("c", 1, "z", 1)], batch=3)
INTERVALS = ("interval_dp", "interval_milp", "interval_cpsat")


@pytest.mark.parametrize("name", INTERVALS)
def test_a_stage_over_three_classes_is_found(name):
    result = load(name)(WORLD, prepare(WORLD), Limits())
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(3e-3))


@pytest.mark.parametrize("name", INTERVALS)
def test_what_is_not_searched_is_not_called_worse(name, monkeypatch):
    monkeypatch.setattr("milp_amp.space.grid.MAX_COMPOSITIONS", 0)
    result = load(name)(WORLD, prepare(WORLD), Limits())
    assert (result.status, result.objective) == (Status.FEASIBLE, pytest.approx(9e-3))
    assert result.bound <= 3e-3 * (1 + 1e-9)


@pytest.mark.parametrize("first_plans", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_mixtures_that_are_not_listed_are_found_and_proved_through_what_stands_for_them(seed, first_plans, monkeypatch):
    world = draw(seed)
    bounds = prepare(world)
    known = placement_search.solve(world, bounds, Limits())
    monkeypatch.setattr("milp_amp.space.places.MAX_PLACES", 0)
    monkeypatch.setattr("milp_amp.space.places.MAX_MIXTURES", 0)
    monkeypatch.setattr(placement_search, "SLICES", 24 if first_plans else 0)
    found = check(world, placement_search.solve(world, bounds, Limits()), bounds.costs)
    assert found.status is known.status
    assert (found.objective or 0.0) == pytest.approx(known.objective or 0.0, rel=1e-6)
