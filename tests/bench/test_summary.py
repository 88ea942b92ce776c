"""Tables of runs whose numbers can be counted by hand."""

import math

import numpy as np
import pytest

from milp_amp.bench.frame import frame
from milp_amp.bench.journal import Entry
from milp_amp.bench.outcomes import Answer
from milp_amp.bench.profiles import distances_over_time, gaps_over_time, plan_profile, proof_profile
from milp_amp.bench.summary import spelled, summarise, to_markdown
from milp_amp.bench.task import NO_COST_MODEL, Task
from milp_amp.plan.result import Status, TracePoint


def entry(
    formulation: str,
    value: float | None,
    *,
    seconds: float = 1.0,
    instance: str = "one",
    proved: bool = False,
    happened: str = "crashed",
    cost_model: str = "pipeline",
    first: float | None = None,
) -> Entry:
    """Return a run that has its plan at its end, or ``first`` seconds after its beginning."""
    task = Task(instance=instance, digest="0", formulation=formulation, cost_model=cost_model, seed=0)
    if value is None:
        return Entry(task=task, happened=happened, wall_s=seconds)
    status = Status.OPTIMAL if proved else Status.FEASIBLE
    bound, gap = (value, 0.0) if proved else (None, None)
    trace = () if first is None else (TracePoint(time_s=first, objective=value, bound=bound),)
    answer = Answer(status=status, objective=value, bound=bound, gap=gap, runtime_s=seconds, verified=True, trace=trace)
    return Entry(task=task, happened=status.value, answer=answer)


def test_a_formulation_is_counted_by_what_it_solved_and_proved():
    rows = frame([entry("amp_dp", 2.0), entry("auto", 1.0, proved=True), entry("auto", None, instance="two")], None)
    summary = summarise(rows).set_index("formulation")
    assert summary.loc["auto", ["runs", "solved", "proved"]].tolist() == [2, 1, 1]
    assert summary.loc["amp_dp", ["runs", "solved", "proved"]].tolist() == [1, 1, 0]
    assert summary.loc["amp_dp", "to_best"] == pytest.approx(50.0)
    assert math.isnan(summary.loc["amp_dp", "gap"])


def test_wins_ties_and_losses_are_against_the_same_instance():
    values = {
        "one": (2.0, 1.0),
        "two": (1.0, 1.0 + 1e-9),
        "three": (1.0, 2.0),
        "four": (1.0, None),
        "five": (None, 3.0),
    }
    runs = [
        entry(formulation, value, instance=instance)
        for instance, pair in values.items()
        for formulation, value in zip(("amp_dp", "auto"), pair, strict=True)
    ]
    summary = summarise(frame(runs, None)).set_index("formulation")
    assert summary.loc["auto", "wins"] == "2/1/2"
    assert summary.loc["amp_dp", "wins"] == "0/5/0"


def test_more_tokens_per_second_win():
    runs = [entry("amp_dp", 10.0, cost_model=NO_COST_MODEL), entry("auto", 20.0, cost_model=NO_COST_MODEL)]
    rows = frame(runs, None)
    assert rows["best"].tolist() == [20.0, 20.0]
    assert summarise(rows)["wins"].tolist() == ["0/1/0", "1/0/0"]


def test_without_the_baseline_nobody_wins():
    assert summarise(frame([entry("auto", 1.0)], None))["wins"].tolist() == [""]


def test_a_quick_crash_counts_with_the_time_limit():
    rows = frame([entry("auto", None, seconds=0.01), entry("amp_dp", 1.0, seconds=2.0)], 60.0)
    assert rows["time_s"].tolist() == [60.0, 2.0]


def test_a_quick_crash_without_a_limit_counts_with_the_longest_run():
    rows = frame([entry("auto", None, seconds=0.01), entry("amp_dp", 1.0, seconds=2.0)], None)
    assert rows["time_s"].tolist() == [2.0, 2.0]


def test_what_does_not_fit_counts_nowhere():
    rows = frame([entry("amp_dp", 1.0), entry("serving_flow", None, happened="does not fit")], None)
    assert summarise(rows)["runs"].tolist() == [1, 0]


def test_the_primal_integral_is_taken_to_the_limit():
    rows = frame([entry("auto", 1.0, seconds=5.0, first=2.0), entry("amp_dp", 2.0, seconds=1.0)], 10.0)
    assert rows["primal_integral_s"].tolist() == [pytest.approx(2.0), pytest.approx(1.0 + 9.0 * 0.5)]


def test_nothing_solved_is_a_table_without_numbers():
    head, cells = spelled(summarise(frame([entry("auto", None)], None)))
    assert cells == [("auto", "1", "0", "0", "-", "-", "1", "-", "-")]
    assert to_markdown(head, cells).count("\n") == 3


def test_profiles_say_who_is_fastest_and_who_never_gets_there():
    runs = [
        entry("amp_dp", 2.0, seconds=0.5),
        entry("auto", 1.0, proved=True),
        entry("dp", 1.0, proved=True, seconds=4),
    ]
    rows = frame(runs, None)
    ends = {steps.label: (steps.edges[-1], steps.heights[-1]) for steps in proof_profile(rows)}
    assert ends == {"amp_dp": (1.0, 0.0), "auto": (1.0, 1.0), "dp": (4.0, 1.0)}
    assert {steps.label: steps.heights[-1] for steps in plan_profile(rows, runs)} == {"amp_dp": 0, "auto": 1, "dp": 1}


def test_curves_fall_from_one_to_what_is_left():
    runs = [entry("auto", 1.0, proved=True, seconds=3.0, first=2.0), entry("amp_dp", 2.0)]
    rows = frame(runs, None)
    (auto, amp), (auto_gap, amp_gap) = distances_over_time(rows, runs), gaps_over_time(rows, runs)
    assert auto.heights[0] == amp.heights[0] == 1.0
    assert auto.edges.tolist() == [1e-3, 2.0, 3.0]
    np.testing.assert_allclose(auto.heights, [1.0, 0.0, 0.0], atol=1e-15)
    assert amp.heights[-1] == pytest.approx(0.5)
    assert auto_gap.heights[-1] == pytest.approx(0.0)
    assert amp_gap.heights[-1] == 1.0
