"""``milp-amp validate`` as a process: what it says, writes and draws, and what it refuses.

In the tiny world every layer has 4.5 GB of state; fast devices have 17.2 GB (16 GiB), slow ones 8.6 GB (8 GiB).
"""

import csv
import json
import os
import re

import pytest

from tests.cli.worlds import TINY, milp_amp, tiny

HEAD = (
    "tensor_parallel,data_parallel,pipeline_parallel,microbatch_size,partition_boundaries,measured_s,measured_memory_GB"
)
FITS_AND_RAN = "1,2,2,1,0 3 4,0.20,15"  # three layers on fast devices, one on slow ones: 13.5 GB
FULL_AND_RAN = "1,4,1,1,0 4,0.25,"  # four layers everywhere: 18 GB
FULL_AND_FAILED = "2,2,1,1,0 4,,"  # half of four layers everywhere: 9 GB
FITS_AND_FAILED = "1,1,4,1,0 1 2 3 4,,"
NO_SUCH_PLAN = "1,8,1,1,0 4,,"  # eight ranks on four devices
TRIALS = (FITS_AND_RAN, FULL_AND_RAN, FULL_AND_FAILED, FITS_AND_FAILED, NO_SUCH_PLAN)


@pytest.fixture
def world(tmp_path):
    document = tiny()
    document["model"]["layers"][0]["activation_MB"] = 0
    document["workload"]["state_bytes"] = 4500
    file = tmp_path / "world.json"
    file.write_text(json.dumps(document))
    return file


def trials(folder, *lines, head=HEAD):
    file = folder / "trials.csv"
    file.write_text("".join(f"{line}\n" for line in (head, *lines)))
    return file


def values(text):
    """Return the table as a dictionary."""
    return dict(re.split(" {2,}", line) for line in text.splitlines()[2:])


def test_the_table_says_how_far_times_and_memory_are_off_and_what_was_predicted_to_fit(world, tmp_path):
    finished = milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert values(finished.stdout) == {
        "trials": "5, of which 2 ran",
        "did not run": "3, of which 1 were predicted not to fit",
        "ran": "2, of which 1 were predicted not to fit",
        "broke another rule": "1, of which 1 did not run",
        "compared": "2",
        "mean absolute error": "13.5 %",  # 0.1732 for 0.20 and 0.216 for 0.25
        "median absolute error": "13.5 %",
        "bias": "-13.5 %",
        "Spearman": "1.0000",
        "Kendall": "1.0000",
        "regret@1": "1.0000 times the best measured",
        "regret@3": "1.0000 times the best measured",
        "regret@5": "1.0000 times the best measured",
        "mean memory error": "10 %, of 1 peaks",  # 13.5 GB for 15 GB
    }


def test_where_memory_is_unknown_other_rules_are_counted_alone(world, tmp_path):
    finished = milp_amp("validate", trials(tmp_path, NO_SUCH_PLAN, "1,8,1,1,0 4,0.1,"), "--instance", world)
    assert values(finished.stdout) == {
        "trials": "2, of which 1 ran",
        "predicted not to run": "2, of which 1 did not",
        "compared": "0: no trial both ran and has a price",
    }


def test_json_has_the_same_numbers_and_errors_as_fractions(world, tmp_path):
    finished = milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, "--format", "json")
    found = json.loads(finished.stdout)
    errors = (1 - 0.1732 / 0.20, 1 - 0.216 / 0.25)
    assert (found["trials"], found["ran"], found["compared"]) == (5, 2, 2)
    assert [found["mean_error"], -found["bias"]] == 2 * [pytest.approx(sum(errors) / 2)]
    assert [found[f"regret_at_{tries}"] for tries in (1, 3, 5)] == [1, 1, 1]
    assert found["broke_another_rule"] == {"trials": 1, "did_not_run": 1}
    assert found["memory"] == {
        "did_not_run_and_predicted_not_to_fit": 1,
        "did_not_run_and_predicted_to_fit": 1,
        "ran_and_predicted_not_to_fit": 1,
        "compared": 1,
        "mean_error": pytest.approx(0.1),
    }


@pytest.mark.parametrize(("line", "compared"), [(FITS_AND_RAN, 1), (FITS_AND_FAILED, 0)])
def test_one_trial_has_no_order_and_no_trial_no_error(line, compared, world, tmp_path):
    finished = milp_amp("validate", trials(tmp_path, line), "--instance", world, "--format", "json")
    found = json.loads(finished.stdout)
    assert (found["compared"], found["spearman"], found["kendall"]) == (compared, None, None)
    assert (found["mean_error"] is None) == (compared == 0)


def test_what_it_writes_it_reads_again_and_says_the_same(world, tmp_path):
    head, priced = f"{HEAD},global_batch_size,replica_types", tmp_path / "priced.csv"
    given = trials(tmp_path, f"{FITS_AND_RAN},16,fast fast | slow slow", f"{FULL_AND_FAILED},,", head=head)
    first = milp_amp("validate", given, "--instance", world, "--csv", priced)
    second = milp_amp("validate", priced, "--instance", world, "--csv", tmp_path / "again.csv")
    assert (first.returncode, first.stderr, second.stdout) == (0, "", first.stdout)
    assert (tmp_path / "again.csv").read_text() == priced.read_text()


def test_a_line_of_the_csv_says_what_was_asked_measured_and_predicted(world, tmp_path):
    priced = tmp_path / "priced.csv"
    milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, "--csv", priced)
    fits, full, *_, no_such_plan = csv.DictReader(priced.read_text().splitlines())
    assert (fits["partition_boundaries"], fits["measured_s"], fits["measured_memory_GB"]) == ("0 3 4", "0.2", "15.0")
    assert (float(fits["predicted_s"]), float(fits["predicted_memory_GB"])) == (pytest.approx(0.1732), 13.5)
    assert (fits["fits"], fits["violation"], full["fits"]) == ("True", "", "False")
    assert "stages[0]: needs" in full["violation"]
    assert (no_such_plan["predicted_s"], no_such_plan["fits"]) == ("", "")
    assert "hidden_size" not in fits
    assert "replica_types" not in fits


@pytest.mark.parametrize(("name", "start"), [("p.svg", b"<?xml"), ("p.png", b"\x89PNG\r\n"), ("p.PDF", b"%PDF")])
def test_a_picture_has_the_format_that_its_name_says_and_the_same_bytes_again(name, start, world, tmp_path):
    file, content = tmp_path / name, []
    for _ in range(2):
        finished = milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, "--plot", file)
        assert (finished.returncode, finished.stderr) == (0, "")
        content.append(file.read_bytes())
    assert content[0].startswith(start)
    assert content[0] == content[1]


def test_the_picture_says_how_good_the_predictions_are(world, tmp_path):
    file = tmp_path / "p.svg"
    milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, "--plot", file)
    text = file.read_text()
    for words in ("mean error 13.5 %, Spearman 1.0000", "tensor degree 1", "predicted not to fit"):
        assert words in text
    assert "tensor degree 2" not in text  # that one did not run


def refused(finished, code=20):
    assert finished.returncode == code
    assert finished.stderr.count("\n") == 1
    return finished.stderr.removeprefix("milp-amp: error: ").rstrip()


@pytest.mark.parametrize("name", ["p.gif", "p", ".svg"])
def test_a_picture_has_one_of_three_formats(name, world, tmp_path):
    file = tmp_path / name
    finished = milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, "--plot", file)
    assert refused(finished) == f"argument --plot: '{file}', expected a name that ends in .svg, .png, .pdf"
    assert (finished.stdout, file.exists()) == ("", False)


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_priced(world, tmp_path):
    finished = milp_amp(
        "validate", trials(tmp_path, *TRIALS), "--instance", world, "--plot", tmp_path / "none" / "p.svg"
    )
    assert "expected a writable place" in refused(finished)
    assert finished.stdout == ""


def test_where_nothing_ran_there_is_nothing_to_draw(world, tmp_path):
    file = tmp_path / "p.svg"
    finished = milp_amp("validate", trials(tmp_path, FITS_AND_FAILED), "--instance", world, "--plot", file)
    assert refused(finished) == f"{file}: no trial both ran and has a price, expected at least one to draw"
    assert values(finished.stdout)["trials"] == "1, of which 0 ran"
    assert not file.exists()


def without_matplotlib(folder):
    """Return the environment of a process that cannot import matplotlib."""
    stub = folder / "stub"
    stub.mkdir()
    (stub / "matplotlib.py").write_text("raise ImportError('no such thing')")
    return {**os.environ, "PYTHONPATH": str(stub)}


def test_without_matplotlib_a_picture_is_refused_in_one_line(world, tmp_path):
    given, file = trials(tmp_path, *TRIALS), tmp_path / "p.svg"
    finished = milp_amp("validate", given, "--instance", world, "--plot", file, env=without_matplotlib(tmp_path))
    assert refused(finished) == "matplotlib is not installed, expected pip install 'milp-amp[plot]'"
    assert (finished.stdout, file.exists()) == ("", False)


def test_without_matplotlib_everything_else_works(world, tmp_path):
    finished = milp_amp("validate", trials(tmp_path, *TRIALS), "--instance", world, env=without_matplotlib(tmp_path))
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_malformed_line_is_named(tmp_path):
    given = trials(tmp_path, FITS_AND_RAN, "1,2,2,1,0 3 4,soon,")
    finished = milp_amp("validate", given, "--instance", TINY)
    expected = "line 3: measured_s = 'soon', expected seconds > 0, or nothing if it did not run"
    assert refused(finished) == f"{given}: {expected}"
