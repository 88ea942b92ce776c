"""What the scripts behind the README compute from runs, on runs written by hand."""

import csv
import math
from pathlib import Path

import pytest

from benchmarks import family, scale, structureless
from benchmarks.outcomes import Outcome, as_users_do, first_plan, gap_at, median_where_proved
from milp_amp.plan.result import Status, TracePoint
from tests.builders import result, strategy

ROOT = Path(__file__).parents[2]
PLAN = strategy((0, 2, "a.0/0"))


def found(value, *, bound=None, seconds=1.0):
    """A run that found a plan, and has proved it if a bound is given."""
    status = Status.FEASIBLE if bound is None else Status.OPTIMAL
    return Outcome(result=result(PLAN, value, bound, status=status), search_s=seconds)


NOTHING = Outcome(result=None, failure="no plan")


def points(*triples):
    return [TracePoint(time_s=time, objective=objective, bound=bound) for time, objective, bound in triples]


def test_the_gap_at_a_moment_is_that_of_the_last_plan_and_bound_before_it():
    trace = points((1, None, 1.0), (2, 4.0, 1.0), (50, 4.0, 3.0), (70, 4.0, 4.0))
    assert [gap_at(trace, seconds) for seconds in (1, 2, 60, 80)] == [None, 0.75, 0.25, 0.0]


def test_the_first_plan_is_the_first_point_that_has_one():
    late = result(PLAN, 4.0, trace=tuple(points((1, None, 1.0), (2, 5.0, 1.0), (3, 4.0, 1.0))))
    found_at = first_plan(late)
    assert found_at is not None
    assert (found_at.time_s, found_at.objective) == (2, 5.0)


def test_a_median_to_a_proof_needs_most_runs_to_have_one():
    quick, slow = found(1.0, bound=1.0, seconds=2.0), found(1.0, seconds=9.0)
    assert median_where_proved([quick, quick, slow]) == 2.0
    assert median_where_proved([quick, slow, slow]) == math.inf


def test_twice_the_devices_and_four_times_the_seconds_is_exponent_two():
    assert scale.exponent((8, 3.0), (16, 12.0)) == pytest.approx(2.0)


def test_a_search_that_did_not_end_has_no_exponent():
    assert scale.exponent((8, 3.0), (16, math.inf)) is None


def test_formulations_agree_where_what_they_proved_is_the_same():
    same, other, unproved = found(2.0, bound=2.0), found(2.1, bound=2.1), found(3.0)
    assert structureless.agree({"a": same, "b": same, "c": unproved, "d": NOTHING}, ["a", "b", "c", "d"])
    assert not structureless.agree({"a": same, "b": other}, ["a", "b"])


def test_a_better_plan_is_named_and_a_worse_one_is_not():
    outcomes = {"amp_dp": found(1.9), "interval_dp": found(2.5), "amp_dp_exact": NOTHING, "mine": found(2.0)}
    assert list(structureless.better(outcomes, "mine")) == ["amp_dp"]


def test_any_plan_is_better_than_none():
    assert list(structureless.better({"amp_dp": found(1.9), "mine": NOTHING}, "mine")) == ["amp_dp"]


def test_what_is_in_the_file_is_not_measured_again(tmp_path):
    path = tmp_path / "best.csv"
    asked = [("one", "auto"), ("one", "placement_search"), ("two", "auto"), ("two", "placement_search")]
    assert list(family.missing(["one", "two"], ["auto", "placement_search"], path)) == asked
    family.append(path, family.record("one", "auto", 60.0, found(2.0, bound=2.0)))
    family.append(path, family.record("two", "placement_search", 60.0, NOTHING))
    assert list(family.missing(["one", "two"], ["auto", "placement_search"], path)) == [asked[1], asked[2]]
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["value_s"], first["status"], first["by"]) == ("2.0", "optimal", "by hand")
    assert (second["value_s"], second["status"]) == ("", "no plan")


def test_a_run_says_what_it_found_and_when(tmp_path):
    outcome = as_users_do(ROOT / "instances" / "synthetic" / "one-type-16.json", "amp_dp", "pipeline", 10.0)
    assert outcome.status == "feasible"
    assert min(outcome.build_s, outcome.search_s, outcome.check_s, outcome.memory_MiB) > 0


def test_a_failure_is_one_line_in_the_place_of_a_result():
    outcome = as_users_do(ROOT / "instances" / "nowhere.json", "amp_dp", "pipeline", 10.0)
    assert outcome.result is None
    assert "nowhere.json" in outcome.status
    assert "\n" not in outcome.status
