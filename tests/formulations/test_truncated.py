"""Where there are too many mixtures of classes to search, nothing is claimed about them."""

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.formulation import load
from milp_amp.plan.result import Status
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
