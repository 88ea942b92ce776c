"""The command line as scripts see it: a process with an exit code and two streams."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, command, milp_amp, tiny

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


def documents(text):
    """Return every JSON document in a text."""
    found, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


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
    assert [stage["layers"] for stage in result["strategy"]["stages"]] == [[0, 1], [1, 4]]
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


def test_version_and_help():
    assert milp_amp("--version").stdout == "milp-amp 0.1.0\n"
    helped = milp_amp("--help")
    assert helped.returncode == 0
    for name in ("solve", "compare", "evaluate", "bounds", "formulations", "validate"):
        assert name in helped.stdout
        assert milp_amp(name, "--help").returncode == 0


def test_bounds_names_flows_and_reasons():
    finished = milp_amp("bounds", TINY)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "1 GB/s" in finished.stdout
    assert "no plan takes less than" in finished.stdout


def test_formulations_lists_what_is_installed_and_which_solvers_answer():
    finished = milp_amp("formulations")
    assert finished.returncode == 0
    for word in ("amp_dp", "interval_dp", "HiGHS", "CBC", "CP-SAT", "answers"):
        assert word in finished.stdout


def test_compare_puts_the_baseline_first_and_writes_csv(tmp_path):
    table = tmp_path / "rows.csv"
    finished = milp_amp("compare", TINY, "--formulations", "interval_dp,amp_dp", "--time-limit", "20", "--csv", table)
    assert finished.returncode == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["formulation"] for row in rows] == ["amp_dp", "interval_dp"]
    assert float(rows[0]["relative_to_baseline"]) == 1
    assert float(rows[1]["relative_to_baseline"]) == pytest.approx(0.1732 / 0.216)


def test_compare_goes_on_after_a_failure(tmp_path):
    """AMP's search needs nodes of one size; the second instance has two."""
    document = tiny()
    document["name"] = "uneven"
    document["cluster"]["nodes"][1]["devices"] = 4
    uneven = tmp_path / "uneven.json"
    uneven.write_text(json.dumps(document))
    finished = milp_amp("compare", uneven, TINY, "--formulations", "interval_dp")
    assert finished.returncode == 0
    rows = finished.stdout.splitlines()[2:6]
    assert [row.split()[:3] for row in rows] == [
        ["uneven", "amp_dp", "error"],
        ["uneven", "interval_dp", "optimal"],
        ["tiny", "amp_dp", "feasible"],
        ["tiny", "interval_dp", "optimal"],
    ]


TRIALS = """tensor_parallel,data_parallel,pipeline_parallel,microbatch_size,partition_boundaries,measured_s
1,2,2,1,0 3 4,0.20
1,4,1,1,0 4,0.25
2,2,1,1,0 4,
"""


def test_validate_compares_with_measurements(tmp_path):
    trials = tmp_path / "trials.csv"
    trials.write_text(TRIALS)
    priced = tmp_path / "priced.csv"
    finished = milp_amp("validate", trials, "--instance", TINY, "--csv", priced)
    assert (finished.returncode, finished.stderr) == (0, "")
    for word in ("3, of which 2 ran", "mean absolute error", "bias", "Spearman", "Kendall", "regret@5"):
        assert word in finished.stdout
    rows = list(csv.DictReader(priced.read_text().splitlines()))
    assert [float(row["predicted_s"]) for row in rows][:2] == pytest.approx([0.1732, 0.216])


@pytest.mark.parametrize(
    ("spoiled", "names"),
    [
        (TRIALS.replace("measured_s", "seconds"), "measured_s"),
        (TRIALS.replace("0 3 4", "0 4"), "partition_boundaries"),
        (TRIALS.replace("0.25", "-1"), "measured_s"),
        (TRIALS.replace("2,2,1,1", "0,2,1,1"), "tensor_parallel"),
        (TRIALS.splitlines()[0], "no trials"),
        ("\0", "trials.csv"),
    ],
    ids=["no-column", "boundaries", "negative", "zero-degree", "empty", "binary"],
)
def test_bad_trials_are_refused(spoiled, names, tmp_path):
    trials = tmp_path / "trials.csv"
    trials.write_text(spoiled)
    finished = milp_amp("validate", trials, "--instance", TINY)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert names in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_importing_the_package_is_quick_and_loads_no_solver():
    program = (
        "import sys, time; began = time.perf_counter(); import milp_amp; took = time.perf_counter() - began;"
        "solvers = {'ortools', 'pulp', 'highspy'}; assert not solvers & set(sys.modules); assert took < 0.3, took;"
        "milp_amp.read, milp_amp.Instance, milp_amp.Result; assert not solvers & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_plan_of_the_tests_keeps_every_rule():
    assert milp_amp("evaluate", TINY, TINY_PLAN).returncode == 0
