"""What was predicted to fit, against what ran; and memory against its measured peaks."""

import pytest

from milp_amp.bench.records import to_csv
from milp_amp.bench.trials import Gpt, Trial, read_trials
from milp_amp.bench.validation import Fitting, Priced, fitting, price_trials
from milp_amp.units import GiB
from tests.builders import instance


def trial(stages=1, **fields):
    plan = {"tensor_parallel": 1, "data_parallel": 1, "microbatch_size": 1, "measured": 1.0}
    return Trial(**{**plan, "pipeline_parallel": stages, "boundaries": (*range(stages), 2), **fields})


def priced(ran, headroom, memory=None, peak=None):
    measured = 1.0 if ran else None
    return Priced(trial=trial(measured=measured, memory=peak), predicted=1.0, memory=memory, headroom=headroom)


def test_every_trial_either_ran_or_not_and_was_predicted_to_fit_or_not():
    named = [priced(False, -1.0), priced(False, -2.0), priced(False, -3.0)]
    missed = [priced(False, 1.0), priced(False, 0.0)]
    false_alarms = [priced(True, -1.0)]
    right = [priced(True, 1.0), priced(True, 2.0)]
    assert fitting([*named, *missed, *false_alarms, *right]) == Fitting(named=3, missed=2, false_alarms=1)


def test_nothing_is_known_of_trials_without_a_price():
    rows = [Priced(trial=trial(measured=None), violation="no such plan"), Priced(trial=trial(), violation="nor this")]
    assert fitting(rows) == Fitting(named=0, missed=0, false_alarms=0)


def test_the_mean_error_of_9_11_and_12_gigabytes_for_10_is_two_fifteenths():
    rows = [priced(True, 1.0, memory=size * 1e9, peak=10e9) for size in (9, 11, 12)]
    unknown = [priced(True, 1.0, memory=5e9), priced(True, 1.0, peak=5e9)]
    found = fitting([*rows, *unknown])
    assert (found.compared, found.mean_error) == (3, pytest.approx((0.1 + 0.1 + 0.2) / 3))


def test_one_stage_needs_twice_the_memory_of_two():
    """10⁹ parameters of 16 bytes and 1 GiB in reserve, on devices of 10 GiB."""
    world = instance(parameters=[5e8, 5e8], memory_GiB=10, state_bytes=16, reserve_GiB=1)
    one, two = price_trials(world, [trial(1), trial(2)], "pipeline")
    assert (one.memory, two.memory) == (pytest.approx(16e9 + GiB), pytest.approx(8e9 + GiB))
    assert (one.headroom, two.headroom) == (pytest.approx(9 * GiB - 16e9), pytest.approx(9 * GiB - 8e9))
    assert (one.fits, two.fits) == (False, True)
    assert (bool(one.violation), two.violation) == (True, "")


def test_a_trial_that_ran_is_compared_although_it_was_predicted_not_to_fit():
    world = instance(parameters=[5e8, 5e8], memory_GiB=10, state_bytes=16)
    rows = price_trials(world, [trial(1, memory=20e9)], "pipeline")
    found = fitting(rows)
    assert (found.false_alarms, found.compared, found.mean_error) == (1, 1, pytest.approx(0.2))


MODEL = Gpt(hidden_size=8, heads=2, layers=3, sequence_length=4)


@pytest.mark.parametrize(
    "trials",
    [
        [trial(), trial(2, measured=None)],
        [trial(memory=2.5e9, global_batch_size=64), trial()],
        [trial(2, replica_types=(("A",), ("B",))), trial()],
        [trial(model=MODEL, global_batch_size=7), trial(2, model=MODEL, measured=0.1 + 0.2)],
    ],
    ids=["least", "memory-and-batch", "types", "models"],
)
def test_what_is_written_is_read_as_the_same_trials(trials, tmp_path):
    file = tmp_path / "priced.csv"
    file.write_bytes(to_csv([Priced(trial=each, predicted=1.0, memory=3e9, headroom=-1.0) for each in trials]))
    assert read_trials(file) == tuple(trials)


def test_columns_that_no_trial_has_are_left_out():
    head, line = to_csv([Priced(trial=trial(), predicted=2.0, memory=3e9, headroom=-1.0)]).decode().splitlines()
    assert head == (
        "tensor_parallel,data_parallel,pipeline_parallel,microbatch_size,global_batch_size,partition_boundaries,"
        "measured_s,predicted_s,measured_memory_GB,predicted_memory_GB,fits,violation"
    )
    assert line == "1,1,1,1,,0 2,1.0,2.0,,3.0,False,"


def test_of_a_trial_without_a_price_nothing_is_said_but_why():
    line = to_csv([Priced(trial=trial(), violation="4 ranks, expected at most 2")]).decode().splitlines()[1]
    assert line == '1,1,1,1,,0 2,1.0,,,,,"4 ranks, expected at most 2"'
