"""The other commands as scripts see them."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.view.bounds_text import render
from tests.builders import instance
from tests.cli.spoiled import having
from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, milp_amp, tiny


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


def test_bounds_names_the_links_and_the_cards_that_limit_a_flow():
    finished = milp_amp("bounds", LIBRARY / "graphs" / "two-sites.json")
    (across,) = (line for line in finished.stdout.splitlines() if line.startswith("V100@east  V100@west"))
    assert across.split()[2:] == ["0.75", "GB/s", "east-switch-west-switch", "(card", "of", "relay.0)"]


def test_degrees_that_fit_nowhere_are_impossible_not_infinitely_slow():
    """A sequence takes 75 MB: 0.2 GiB hold one of them, not two."""
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 1)], batch=8, activation_MB=75, memory_GiB=0.2)
    prepass = prepare(world)
    shown = render(replace(prepass, ranked=tuple(prepass.refine(candidate) for candidate in prepass.candidates)))
    assert "impossible" in shown
    assert "inf" not in shown.split()


def test_an_evaluation_shows_the_price_of_a_step_where_there_is_one(tmp_path):
    assert "price" not in milp_amp("evaluate", TINY, TINY_PLAN).stdout
    priced = tmp_path / "priced.json"
    priced.write_text(json.dumps(having(tiny(), 9.0, "cluster", "device_types", "fast", "price_per_hour")))
    assert "per step" in milp_amp("evaluate", priced, TINY_PLAN).stdout.split("price")[1].splitlines()[0]
    assert json.loads(milp_amp("evaluate", priced, TINY_PLAN, "--format", "json").stdout)["price"] > 0


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


def test_the_help_says_who_ignores_a_warm_start_and_how_commands_end():
    assert "amp_dp and amp_dp_exact ignore it" in " ".join(milp_amp("solve", "--help").stdout.split())
    assert "130" in milp_amp("--help").stdout


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
