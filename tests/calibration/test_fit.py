"""Numbers that made the measured times are found again, and how surely is said honestly."""

import math
from dataclasses import replace

import pytest

from milp_amp.calibration.calibrate import take_apart
from milp_amp.calibration.factors import Numbers, factor
from milp_amp.calibration.fit import fit
from milp_amp.calibration.pieces import Workshop
from tests.calibration.worlds import laboratory, measured, plans

WORLD = laboratory()

TRUTHS: list[Numbers] = [
    {"layer_time": 1.3},
    {"layer_time[t=2]": 0.8},
    {"layer_ms[t=2]": 1.0},
    {"layer_ms[t=1]": -0.5},
    {"stage_ms": 3.0},
    {"stage_ms[t>1,b<=1]": 5.0},
    {"link[inside]": 0.5},
    {"link[between]": 0.4},
    {"synchronisation": 0.5},
    {"update_ns": 2.0},
    {"step_ms": 40.0},
    {"layer_time": 1.2, "link[between]": 0.5, "stage_ms": 2.0, "step_ms": 30.0},
]


def pieces(trials, world=WORLD):
    return take_apart(world, trials, "pipeline")


def made_by(numbers, count=20, **noise):
    return measured(WORLD, plans(count), numbers, **noise)


@pytest.mark.parametrize("truth", TRUTHS, ids=str)
def test_numbers_that_made_the_times_are_found_again(truth):
    found = fit(pieces(made_by(truth)), list(truth), {})
    assert found.numbers == pytest.approx(dict(truth), rel=0.01)
    assert all(number.low <= truth[number.name] <= number.high for number in found.intervals())


@pytest.mark.parametrize("truth", TRUTHS[:8], ids=str)
def test_they_are_found_from_far_away_too(truth):
    far = dict.fromkeys(truth, 5.0)
    assert fit(pieces(made_by(truth)), list(truth), far).numbers == pytest.approx(dict(truth), rel=0.02)


@pytest.mark.parametrize("truth", [{"layer_time": 1.3}, {"link[between]": 0.4}, {"step_ms": 40.0}], ids=str)
def test_an_interval_holds_the_truth_as_often_as_it_says(truth):
    """95 of 100 times are promised; below 80 would be a lie, and an interval of any width would hold it always."""
    (name,) = truth
    held, widths = 0, []
    for seed in range(40):
        (found,) = fit(pieces(made_by(truth, 12, noise=0.03, seed=seed)), [name], {}).intervals()
        held += found.low <= truth[name] <= found.high
        widths.append((found.high - found.low) / truth[name])
    assert held >= 32
    assert max(widths) < 0.4


def test_an_interval_is_wider_where_trials_scatter_more():
    """At the noise that is taken for granted it has its least width."""

    def width(noise):
        (found,) = fit(pieces(made_by({}, noise=noise)), ["layer_time"], {}).intervals()
        return found.high - found.low

    assert width(0.3) > 2 * width(0.03)
    assert width(0.0) == pytest.approx(width(0.01), rel=0.1)


@pytest.mark.parametrize("wild", range(0, 20, 4))
def test_a_trial_that_went_wrong_hardly_moves_a_factor(wild):
    truth = {"layer_time": 1.2, "link[between]": 0.5}
    trials = made_by(truth, noise=0.03)
    calm = fit(pieces(trials), list(truth), {}).numbers
    trials[wild] = replace(trials[wild], measured=10 * trials[wild].measured)
    moved = fit(pieces(trials), list(truth), {}).numbers
    assert moved == pytest.approx(calm, rel=0.05)


@pytest.mark.parametrize("given", [{}, {"link[between]": 0.7, "stage_ms": 4.0, "layer_ms[t=2]": -1.0}], ids=str)
def test_a_number_that_the_trials_say_nothing_about_stays_where_it_was(given):
    """On one device there are no links, no other stages and no tensor groups."""
    alone = [trial for trial in plans(40) if trial.tensor_parallel * len(trial.boundaries[1:]) == 1]
    alone = [trial for trial in alone if trial.data_parallel == 1]
    trials = pieces(measured(WORLD, alone * 3, {"layer_time": 1.3}))
    silent = ["link[between]", "stage_ms", "layer_ms[t=2]"]
    found = fit(trials, ["layer_time", *silent], given)
    numbers = found.numbers
    assert numbers["layer_time"] == pytest.approx(1.3, rel=0.01)
    for name in silent:
        assert numbers[name] == pytest.approx(given.get(name, factor(name).neutral), abs=1e-6)
    _, links, *_ = found.intervals()
    assert links.high > 100 * links.low


def test_what_is_given_and_not_fitted_stays():
    trials = pieces(made_by({"layer_time": 1.3, "step_ms": 40.0}))
    found = fit(trials, ["layer_time"], {"step_ms": 40.0})
    assert found.numbers == pytest.approx({"layer_time": 1.3, "step_ms": 40.0}, rel=0.01)
    assert [number.name for number in found.intervals()] == ["layer_time"]


@pytest.mark.parametrize("name", ["stage_ms", "stage_ms[t>1,b<=1]", "update_ns", "step_ms"])
@pytest.mark.parametrize("given", [0.0, 3.0])
def test_what_takes_time_takes_no_less_than_none(name, given):
    """Every trial was faster than its layers alone."""
    trials = pieces(made_by({"layer_time": 0.5}))
    (found,) = fit(trials, [name], {name: given}).intervals()
    assert found.value == pytest.approx(0, abs=1e-3)
    assert found.value >= 0
    assert found.low >= 0


def test_layers_may_take_less_than_what_grows_with_the_microbatch():
    trials = pieces(made_by({"layer_ms[t=1]": -0.5}))
    assert fit(trials, ["layer_ms[t=1]"], {}).numbers["layer_ms[t=1]"] == pytest.approx(-0.5, rel=0.01)


def test_the_loss_of_one_trial_twice_as_slow_as_predicted():
    """2 (√(1 + r²) − 1) at r = log 2 / 0.03."""
    (trial,) = made_by({}, 1)
    slow = Workshop(WORLD, "pipeline").pieces(trial, 2 * trial.measured)
    assert fit([slow], [], {}).loss == pytest.approx(2 * (math.hypot(1, math.log(2) / 0.03) - 1))
