"""Comparison with the baseline: a ratio needs its answer."""

import pytest
from msgspec.structs import replace as amended

from milp_amp.bench.comparison import compare
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.solving import solve
from tests.builders import instance

WORLD = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)], batch=4)


def relatives():
    return [row.relative for row in compare([WORLD], ["interval_dp"], cost_model="pipeline", time_limit=None)]


def test_a_ratio_is_to_what_the_baseline_chose():
    baseline, other = relatives()
    assert baseline == 1
    assert other <= 1


def test_nothing_is_compared_to_a_baseline_that_was_stopped(monkeypatch: pytest.MonkeyPatch):
    def stopping(world, name, **options):
        result = solve(world, name, **options)
        return amended(result, notes=(*result.notes, INTERRUPTED)) if name == "amp_dp" else result

    monkeypatch.setattr("milp_amp.bench.comparison.solve", stopping)
    assert relatives() == [None, None]
