"""``milp-amp solve`` as scripts see it: a process with an exit code and two streams."""

import os
import signal
import subprocess
import sys
import time

import pytest

from milp_amp.cli import main
from tests.cli.worlds import LIBRARY, TINY, command, documents, milp_amp

LARGE = LIBRARY / "synthetic" / "layers-98-devices-384.json"

RESULT_KEYS = [
    "instance",
    "formulation",
    "cost_model",
    "status",
    "objective",
    "bound",
    "gap",
    "runtime_s",
    "verified",
    "strategy",
    "trace",
    "seed",
    "versions",
    "notes",
]


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    output = tmp_path_factory.mktemp("solved") / "result.json"
    return milp_amp("solve", TINY, "--format", "json", "--output", output), output


def test_standard_output_is_exactly_one_result(solved):
    finished, _ = solved
    assert finished.returncode == 0
    (result,) = documents(finished.stdout)
    assert list(result) == RESULT_KEYS
    assert (result["status"], result["verified"]) == ("optimal", True)
    assert result["objective"] == pytest.approx(0.1732)  # (24 + 36) + 4 + 3 · 36 + 1.2 ms
    first, second = (stage["layers"] for stage in result["strategy"]["stages"])  # two plans are equally good
    assert (first[0], first[1], second[1]) == (0, second[0], 4)
    assert all(set(point) == {"time_s", "objective", "bound"} for point in result["trace"])


def test_progress_goes_to_standard_error_in_single_lines(solved):
    lines = solved[0].stderr.splitlines()
    assert lines
    assert all("incumbent" in line and "bound" in line for line in lines)


def test_the_output_file_is_the_result(solved):
    finished, output = solved
    assert documents(output.read_text()) == documents(finished.stdout)
    assert list(output.parent.iterdir()) == [output]  # nothing temporary stays


def test_a_result_is_judged_as_it_claims(solved):
    finished, output = solved
    (result,) = documents(finished.stdout)
    judged = milp_amp("evaluate", TINY, output, "--format", "json")
    assert judged.returncode == 0
    (evaluation,) = documents(judged.stdout)
    assert evaluation["step_time"] == pytest.approx(result["objective"])
    assert evaluation["violations"] == []


def test_a_result_is_a_warm_start(solved):
    _, output = solved
    again = milp_amp("solve", TINY, "--formulation", "interval_dp", "--warm-start", output, "--format", "json")
    assert again.returncode == 0
    (result,) = documents(again.stdout)
    assert result["trace"][0]["objective"] == pytest.approx(result["objective"])


def test_the_report_names_status_bound_and_devices(solved):
    report = milp_amp("solve", TINY)
    assert report.returncode == 0
    for word in ("optimal", "proven bound", "173.2 ms", "limited by", "f.0/0-1", "s.0/0-1", "GiB", "amp_dp's plan"):
        assert word in report.stdout


def test_the_baseline_proves_nothing_and_says_so():
    finished = milp_amp("solve", TINY, "--formulation", "amp_dp", "--format", "json")
    assert finished.returncode == 10
    (result,) = documents(finished.stdout)
    assert (result["status"], result["bound"], result["gap"]) == ("feasible", None, None)


def test_no_time_to_find_a_plan_is_unknown():
    finished = milp_amp("solve", TINY, "--formulation", "interval_dp", "--time-limit", "1e-9", "--format", "json")
    assert finished.returncode == 12
    (result,) = documents(finished.stdout)
    assert (result["status"], result["strategy"]) == ("unknown", None)


def test_the_time_limit_counts_for_everything():
    began = time.monotonic()
    finished = milp_amp("solve", LARGE, "--time-limit", "3", "--format", "json")
    assert time.monotonic() - began < 3 + 5
    (result,) = documents(finished.stdout)
    assert finished.returncode in (0, 10, 12)
    assert result["verified"] == (result["strategy"] is not None)


def test_ctrl_c_returns_the_best_verified_plan(tmp_path):
    """The first incumbent is awaited, so that there is a plan to return."""
    output = tmp_path / "result.json"
    arguments = ("solve", LARGE, "--gap", "0", "--format", "json", "--output", output)
    with subprocess.Popen(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode in (0, 10)  # 0 where the proof came first
    (result,) = documents(out)
    assert result["verified"]
    assert documents(output.read_text()) == [result]


def test_without_a_standard_error_there_is_no_progress_in_the_answer():
    finished = milp_amp("solve", TINY, "--format", "json", preexec_fn=lambda: os.close(2))
    assert finished.returncode == 0
    (result,) = documents(finished.stdout)
    assert result["verified"]


def test_without_a_standard_error_complaints_are_not_answers():
    finished = milp_amp("solve", "missing.json", "--debug", preexec_fn=lambda: os.close(2))
    assert (finished.returncode, finished.stdout) == (20, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_the_report_does_not_cost_the_output_file(tmp_path):
    output = tmp_path / "result.json"
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(command(("solve", TINY, "--output", output)), stdout=full, timeout=60, check=False)
    assert finished.returncode == 20
    (result,) = documents(output.read_text())
    assert result["verified"]


def test_a_report_that_fails_does_not_cost_the_output_file(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("milp_amp.view.text.render", fail)
    output = tmp_path / "result.json"
    assert main(["solve", str(TINY), "--output", str(output)]) == 30
    assert documents(output.read_text())[0]["verified"]


def test_ctrl_c_during_an_import_is_an_interruption_in_one_line():
    program = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from milp_amp.cli import main
sys.exit(main(["--version"]))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stdout) == (130, "")
    assert finished.stderr == "milp-amp: error: interrupted\n"


def test_a_reader_that_goes_away_is_no_failure():
    with subprocess.Popen(
        command(("solve", TINY)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(
            command(("formulations",)), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert finished.returncode == 20
    assert finished.stderr.startswith("milp-amp: error: standard output")
    assert finished.stderr.count("\n") == 1
