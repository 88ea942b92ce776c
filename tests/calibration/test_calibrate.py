"""From an instance and trials to the instance that predicts them."""

from dataclasses import replace as amended

import pytest
from msgspec.structs import replace

from milp_amp import InputError, InstanceError, evaluate, solve
from milp_amp.bench.validation import agreement, price_trials
from milp_amp.calibration.bake import baked
from milp_amp.calibration.calibrate import Request, calibrate
from milp_amp.problem.calibration import Number
from milp_amp.problem.files import decode_json, to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.workload import Workload
from milp_amp.roofline.instance import instance_of
from milp_amp.roofline.machines import read_machines
from milp_amp.units import GiB
from tests.calibration.worlds import laboratory, measured, plans, trial
from tests.roofline.shapes import gpt

WORLD = laboratory()
SLOW = {"layer_time": 1.3, "link[between]": 0.5}
LAYERS = Request(names=("layer_time",))
BOTH = Request(names=tuple(SLOW))


def made_by(numbers, count=12, **noise):
    return measured(WORLD, plans(count), numbers, **noise)


def values(instance):
    return {number.name: number.value for number in instance.calibration.numbers}


def test_the_instance_that_comes_out_is_the_one_that_made_the_times():
    found, truth = calibrate(WORLD, made_by(SLOW), BOTH), baked(WORLD, SLOW)
    assert values(found) == pytest.approx(SLOW, rel=0.01)
    assert found.profile[0].forward_ms == pytest.approx(truth.profile[0].forward_ms, rel=0.01)
    assert found.cluster.links[0].bandwidth_GBps == pytest.approx(0.5, rel=0.01)
    assert found.cluster.nodes == truth.cluster.nodes
    assert found.calibration.trials == 12
    assert found.calibration.mean_error < 0.01
    assert found.calibration.cross_validation_error < 0.01


def test_numbers_are_chosen_where_none_are_asked_for():
    found = calibrate(WORLD, made_by({"step_ms": 40.0}, 8), Request())
    assert values(found) == pytest.approx({"step_ms": 40.0}, rel=0.01)
    assert found.workload.step_overhead_ms == pytest.approx(40.0, rel=0.01)


def test_the_record_says_what_validation_says():
    trials = made_by(SLOW, noise=0.1)
    found = calibrate(WORLD, trials, BOTH)
    said = agreement(price_trials(found, trials, "pipeline"))
    assert found.calibration.mean_error == said.mean_error > 0.01


def test_trials_left_out_are_predicted_worse_than_those_fitted():
    found = calibrate(WORLD, made_by(SLOW, noise=0.1), BOTH).calibration
    assert found.cross_validation_error > found.mean_error


@pytest.mark.parametrize("count", [12, 24])
def test_the_same_seed_gives_the_same_result(count):
    trials = made_by(SLOW, count, noise=0.03)
    assert calibrate(WORLD, trials, BOTH) == calibrate(WORLD, trials, BOTH)


def test_trials_that_did_not_run_are_not_counted():
    trials = made_by(SLOW, 11)
    found = calibrate(WORLD, [*trials, amended(trials[0], measured=None)], LAYERS)
    assert found.calibration.trials == 11


def refusal(world, trials, request):
    with pytest.raises(InputError) as caught:
        calibrate(world, trials, request)
    (line,) = str(caught.value).splitlines()
    return line


def test_a_calibrated_instance_is_not_calibrated_again():
    trials = made_by({}, 8)
    line = refusal(calibrate(WORLD, trials, LAYERS), trials, LAYERS)
    assert line == "instance: has a calibration in it, expected one as it was before"


def test_eight_trials_must_have_run():
    trials = made_by({}, 8)
    trials[3] = amended(trials[3], measured=None)
    assert refusal(WORLD, trials, LAYERS) == "7 trials that ran, expected at least 8"


def test_a_number_must_be_known_and_make_a_difference():
    trials = made_by({})
    assert refusal(WORLD, trials, Request(names=("luck",))).startswith("number 'luck', expected some of layer_time, ")
    line = refusal(WORLD, trials, Request(names=("layer_time", "layer_ms[t=4]")))
    assert line.startswith("number 'layer_ms[t=4]', expected some of ")


def test_there_must_be_four_trials_for_every_number():
    names = ("layer_time", "link[between]", "step_ms")
    line = refusal(WORLD, made_by({}, 11), Request(names=names))
    assert line == "3 numbers from 11 trials, expected at most 2"
    assert calibrate(WORLD, made_by({}, 12), Request(names=names)).calibration.trials == 12


@pytest.mark.parametrize("name", ["amp", "sailor"])
def test_published_cost_models_are_not_fitted(name):
    line = refusal(WORLD, made_by({}), Request(cost_model=name))
    assert line == f"cost model '{name}', expected pipeline or blocking: the others are fixed"


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (trial(4, 1, (0, 8)), "tensor_parallel: 4 is not profiled on fast, expected one of 1, 2"),
        (trial(1, 16, (0, 8)), "16 ranks, expected at most 8 (devices)"),
        (trial(1, 1, (0, 9)), "ends at 9, expected 8, the model's end"),
    ],
    ids=["degree", "devices", "layers"],
)
def test_a_trial_that_cannot_be_priced_is_named(odd, why):
    line = refusal(WORLD, [*made_by({}), odd], LAYERS)
    assert line.startswith("a trial cannot be priced: ")
    assert why in line


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ({"layer_ms[t=1]": -99.0}, "profile[0].forward_ms: all zero, expected measured milliseconds"),
        ({"link[between]": 1e9}, "cluster.links: 2e+09 GB/s together, expected at most 1e+09"),
    ],
    ids=["layers", "links"],
)
def test_numbers_that_leave_no_possible_instance_are_refused(numbers, why):
    with pytest.raises(InputError) as caught:
        baked(WORLD, numbers)
    assert str(caught.value) == f"with the fitted numbers in it: {why}"


def test_the_calibrated_instance_is_written_read_solved_and_judged():
    truth = {**SLOW, "stage_ms": 2.0, "step_ms": 30.0}
    found = calibrate(WORLD, made_by(truth, 16), Request(names=tuple(truth)))
    again = decode_json(to_json(found), Instance, InstanceError, "here")
    assert again == found
    answer = solve(again, "interval_dp", cost_model="pipeline")
    judged = evaluate(again, answer.strategy)
    assert judged.violations == ()
    assert judged.step_time == pytest.approx(answer.objective)
    true_time = evaluate(baked(WORLD, truth), answer.strategy).step_time
    assert judged.step_time == pytest.approx(true_time, rel=0.01)


def given(**numbers):
    return tuple(Number(name=name, value=value, low=value, high=value) for name, value in numbers.items())


def test_given_numbers_hold_and_fitted_ones_replace_them():
    trials = made_by({"layer_time": 1.3, "step_ms": 40.0})
    found = calibrate(WORLD, trials, Request(names=("layer_time",), given=given(step_ms=40.0, layer_time=1.1)))
    assert values(found) == pytest.approx({"step_ms": 40.0, "layer_time": 1.3}, rel=0.01)
    assert len(found.calibration.numbers) == 2
    assert found.workload.step_overhead_ms == 40.0


def test_given_efficiencies_hold_for_the_layers_that_were_counted():
    work = Workload(global_batch_size=8, sequence_length=1024)
    counted = instance_of(gpt(), read_machines("2x4xA100-80"), work, name="counted", source="for a test")
    asked = [trial(t, d, (0, 6), b) for t in (1, 2) for d in (1, 2) for b in (1, 2)]
    half = {"compute": 0.5, "launch": 2.0}
    trials = measured(counted, asked, {**half, "layer_time": 1.3})
    found = calibrate(counted, trials, Request(names=("layer_time",), given=given(**half)))
    assert values(found) == pytest.approx({**half, "layer_time": 1.3}, rel=0.01)
    assert found.calibration.mean_error < 0.01
    assert found.counted.efficiency.compute == pytest.approx(0.5 * counted.counted.efficiency.compute)


def with_peaks(trials, reserve_GiB):
    """Measured peaks of a cluster on which every device keeps so much for itself."""
    world = replace(WORLD, workload=replace(WORLD.workload, reserve_GiB=reserve_GiB))
    rows = price_trials(world, trials, "pipeline")
    return [amended(row.trial, memory=row.memory) for row in rows]


def test_the_reserve_follows_measured_peaks():
    found = calibrate(WORLD, with_peaks(made_by({}), 3.0), LAYERS)
    assert values(found)["reserve_GiB"] == pytest.approx(3.0)
    assert found.workload.reserve_GiB == pytest.approx(3.0)


@pytest.mark.parametrize("before", [2.0, 5.0])
def test_a_given_reserve_is_the_one_that_grows_or_shrinks(before):
    found = calibrate(
        WORLD, with_peaks(made_by({}), 3.0), Request(names=("layer_time",), given=given(reserve_GiB=before))
    )
    reserves = [number.value for number in found.calibration.numbers if number.name == "reserve_GiB"]
    assert reserves == [pytest.approx(3.0)]
    assert found.workload.reserve_GiB == pytest.approx(3.0)


def test_a_given_reserve_stays_where_memory_says_nothing():
    found = calibrate(WORLD, made_by({}), Request(names=("layer_time",), given=given(reserve_GiB=2.0)))
    assert values(found)["reserve_GiB"] == found.workload.reserve_GiB == 2.0
    assert found.workload.reserve == 2 * GiB
