"""``milp-amp calibrate`` as a process."""

import json

import pytest

from tests.cli.worlds import LIBRARY, milp_amp

GH200 = LIBRARY / "sailor" / "gh200-128.json"
TRIALS = LIBRARY / "sailor" / "trials" / "gh200-128.csv"
NUMBERS = "layer_time,link[between],synchronisation"


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    target = tmp_path_factory.mktemp("calibrate") / "gh200.json"
    options = ("--cost-model", "blocking", "--numbers", NUMBERS, "-o", target)
    return milp_amp("calibrate", GH200, TRIALS, *options), target


def test_it_prints_every_number_with_its_interval_and_how_well_it_predicts(calibrated):
    finished, _ = calibrated
    assert finished.returncode == 0
    assert [line.split()[0] for line in finished.stdout.splitlines()[2:5]] == NUMBERS.split(",")
    assert "cross-validated" in finished.stdout
    assert finished.stderr.splitlines()[0] == "cross-validation: fold 1 of 15"


def test_what_it_writes_is_an_instance_that_predicts_better(calibrated):
    _, target = calibrated
    record = json.loads(target.read_bytes())["calibration"]
    assert record["mean_error"] < 0.05 < 0.061  # as profiled it is 6.1 %
    again = milp_amp("validate", TRIALS, "--instance", target, "--cost-model", "blocking")
    assert f"{100 * record['mean_error']:.3g} %" in again.stdout


def test_it_can_begin_with_the_numbers_of_another_cluster(calibrated, tmp_path):
    _, earlier = calibrated
    options = ("--cost-model", "blocking", "--numbers", "layer_time", "--from", earlier)
    finished = milp_amp("calibrate", GH200, TRIALS, *options, "-o", tmp_path / "again.json")
    assert finished.returncode == 0
    assert [line.split()[0] for line in finished.stdout.splitlines()[2:4]] == ["link[between]", "synchronisation"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--cost-model", "amp"), "cost model 'amp', expected pipeline or blocking"),
        (("--cost-model", "blocking", "--numbers", "magic"), "number 'magic', expected some of"),
        (
            ("--cost-model", "blocking", "--numbers", "layer_time,link[inside],link[between],synchronisation"),
            "at most 3",
        ),
        (("--cost-model", "blocking", "--from", GH200), "no calibration, expected an instance that milp-amp calibrate"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(options, complaint, tmp_path):
    finished = milp_amp("calibrate", GH200, TRIALS, *options, "-o", tmp_path / "never.json")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.startswith("milp-amp: error: ")
    assert finished.stderr.count("\n") == 1
    assert complaint in finished.stderr
    assert not (tmp_path / "never.json").exists()


def test_a_calibrated_instance_is_not_calibrated_twice(calibrated, tmp_path):
    _, target = calibrated
    finished = milp_amp("calibrate", target, TRIALS, "--cost-model", "blocking", "-o", tmp_path / "twice.json")
    assert finished.returncode == 20
    assert "has a calibration in it" in finished.stderr
