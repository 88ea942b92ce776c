"""A verdict claims what the noise allows, and no more."""

import msgspec
import numpy as np
import pytest

from milp_amp.bench.journal import Entry
from milp_amp.bench.outcomes import Answer
from milp_amp.bench.regression import Pace, compare
from milp_amp.bench.task import NO_COST_MODEL, Task
from milp_amp.plan.result import Status


def entry(
    number: int, seconds: float, objective: float = 2.0, bound: float = 2.0, cost_model: str = "pipeline"
) -> Entry:
    task = Task(instance=f"{number}", digest="0", formulation="auto", cost_model=cost_model, seed=0)
    answer = Answer(
        status=Status.FEASIBLE, objective=objective, bound=bound, gap=None, runtime_s=seconds, verified=True
    )
    return Entry(task=task, happened="feasible", answer=answer)


def pace(ratios: "np.ndarray[tuple[int], np.dtype[np.float64]] | list[float]") -> Pace:
    """Return the pace of runs that took ten seconds and up, and take so many times as long."""
    earlier = [entry(number, 10.0 * (1 + number)) for number in range(len(ratios))]
    now = [entry(n, float(r) * (10.0 * (1 + n) + 0.1) - 0.1) for n, r in enumerate(ratios)]
    (found,) = compare(now, by_task(earlier)).paces
    return found


def by_task(entries: list[Entry]) -> dict[Task, Entry]:
    return {entry.task: entry for entry in entries}


def test_twice_as_long_is_slower_by_a_hundred_percent():
    found = pace([1.9, 2.0, 2.0, 2.1])
    assert found.ratio == pytest.approx(2.0, rel=0.01)
    assert found.verdict.startswith("slower by 99.9 % (95 %: +87.")


def test_half_the_time_is_faster_by_fifty_percent():
    assert pace([0.5, 0.5, 0.5]).verdict == "faster by 50 % (95 %: -50 % to -50 %, 3 pairs of runs)"


def test_noise_in_both_directions_is_no_difference():
    assert pace([0.8, 1.3, 0.9, 1.1]).verdict.startswith("no difference that the noise allows to see")


def test_a_single_pair_is_no_verdict_however_slow():
    assert pace([100.0]).verdict.endswith("for a verdict: 1")


def test_the_interval_holds_the_true_ratio_in_95_of_100_cases():
    random = np.random.default_rng(0)
    found = [pace(np.exp(random.normal(np.log(1.1), 0.2, size=12))) for _ in range(1000)]
    held = sum(each.low <= 1.1 <= each.high for each in found)
    assert 930 <= held <= 970


def test_a_worse_plan_and_a_worse_bound_are_named():
    earlier = by_task([entry(0, 1.0), entry(1, 1.0), entry(2, 1.0)])
    found = compare([entry(0, 1.0, objective=2.1), entry(1, 1.0, bound=1.9), entry(2, 1.0)], earlier)
    assert [line.partition(": ")[2] for line in found.worse] == ["objective was 2, is 2.1", "bound was 2, is 1.9"]


def test_fewer_tokens_per_second_are_worse():
    earlier = by_task([entry(0, 1.0, cost_model=NO_COST_MODEL), entry(1, 1.0, cost_model=NO_COST_MODEL)])
    now = [entry(0, 1.0, 1.9, cost_model=NO_COST_MODEL), entry(1, 1.0, 2.0, 2.1, cost_model=NO_COST_MODEL)]
    assert [line.partition(": ")[2] for line in compare(now, earlier).worse] == [
        "objective was 2, is 1.9",
        "bound was 2, is 2.1",
    ]


def test_a_run_that_crashes_now_is_worse_and_has_no_pace():
    crashed = msgspec.structs.replace(entry(0, 1.0), happened="crashed", detail="exit code 1", answer=None)
    found = compare([crashed], by_task([entry(0, 1.0)]))
    assert found.worse[0].endswith("was feasible, is crashed: exit code 1")
    assert found.paces[0].pairs == 0


def test_runs_without_a_partner_are_counted():
    assert compare([entry(0, 1.0), entry(1, 1.0)], by_task([entry(1, 1.0)])).alone == 1
