"""Which numbers the trials speak for."""

import pytest

from milp_amp.calibration.calibrate import take_apart
from milp_amp.calibration.choose import candidates, choose
from tests.builders import instance
from tests.calibration.worlds import laboratory, measured, plans, trial

WORLD = laboratory()


def made_by(numbers, count=16, **noise):
    return take_apart(WORLD, measured(WORLD, plans(count), numbers, **noise), "pipeline")


@pytest.mark.parametrize(
    "truth",
    [{"layer_time": 1.3}, {"link[between]": 0.4}, {"synchronisation": 0.5}, {"stage_ms": 3.0}, {"step_ms": 40.0}, {}],
    ids=str,
)
def test_just_the_number_that_made_the_times_is_chosen(truth):
    assert dict(choose(made_by(truth), {}).numbers) == pytest.approx(truth, rel=0.01)


def test_what_is_given_needs_no_number_if_it_made_the_times():
    given = {"link[between]": 0.4, "step_ms": 40.0}
    found = choose(made_by(given), given)
    assert found.numbers == given
    assert not found.deviations


@pytest.mark.parametrize(("count", "most"), [(8, 2), (11, 2), (12, 3)])
def test_there_are_four_trials_for_every_number(count, most):
    """Many numbers made the times."""
    truth = {"layer_time": 1.3, "layer_ms[t=2]": 2.0, "stage_ms": 5.0, "link[between]": 0.3, "step_ms": 80.0}
    assert len(choose(made_by(truth, count), {}).deviations) == most


def test_a_number_whose_effect_is_clear_is_chosen_from_noisy_times():
    chosen = [choose(made_by({"link[between]": 0.4}, 12, noise=0.03, seed=k), {}).deviations for k in range(10)]
    assert sum("link[between]" in names for names in chosen) == 10
    assert sum(len(names) == 1 for names in chosen) >= 4


def test_noise_alone_is_often_no_reason_for_any_number():
    """Akaike's criterion lets in the best of a dozen numbers about every second time."""
    chosen = [choose(made_by({}, 12, noise=0.03, seed=k), {}) for k in range(20)]
    assert sum(not found.deviations for found in chosen) >= 8


def test_numbers_that_make_no_difference_are_not_asked_for():
    """One device type, one tensor degree, and every plan on one stage."""
    world = instance(batch=4)
    whole = take_apart(world, [trial(d=d, b=b) for d in (1, 2) for b in (1, 2)] * 2, "pipeline")
    assert candidates(whole) == [
        "layer_time",
        "layer_ms[t=1]",
        "link[inside]",
        "link[between]",
        "synchronisation",
        "update_ns",
        "step_ms",
    ]


def test_device_types_tensor_degrees_and_small_messages_have_numbers_of_their_own():
    world = laboratory(
        layer_ms={"fast": [3.0] * 8, "slow": [6.0] * 8}, nodes=[("a", 1, "fast", 4), ("b", 1, "slow", 4)]
    )
    stages = tuple(range(0, 9, 4))
    trials = [trial(t, 2, stages, b) for t in (1, 2) for b in (1, 2, 4, 8)]
    found = candidates(take_apart(world, [*trials, trial(1, 8, (0, 8))], "pipeline"))
    assert {"layer_time[fast]", "layer_time[slow]", "layer_time[t=1]", "layer_time[t=2]"} <= set(found)
    assert [name for name in found if name.startswith("stage_ms")] == [
        "stage_ms",
        "stage_ms[t>1,b<=1]",
        "stage_ms[t>1,b<=2]",
        "stage_ms[t>1,b<=4]",
    ]
