"""``milp-amp bench`` as a process."""

import csv
import json
import re
from pathlib import Path

import pytest

from tests.cli.worlds import LIBRARY, TINY, milp_amp

TWO = "amp_dp,interval_dp"


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> Path:
    """Return a folder of an instance that can be solved and one that is malformed."""
    folder = tmp_path_factory.mktemp("worlds") / "suite"
    folder.mkdir()
    (folder / "tiny.json").write_bytes(TINY.read_bytes())
    (folder / "broken.json").write_text('{"name": 1')
    return folder


@pytest.fixture(scope="module")
def first(suite, tmp_path_factory):
    """Return the folder of a benchmark and the process that filled it."""
    folder = tmp_path_factory.mktemp("bench") / "first"
    return folder, milp_amp("bench", suite, "--formulations", TWO, "--jobs", "2", "-o", folder)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_suite_is_a_table_with_a_row_per_formulation_and_a_word_for_every_failure(first):
    folder, done = first
    assert done.returncode == 0
    assert re.search(r"^amp_dp +2 +1 +0 ", done.stdout, re.MULTILINE)
    assert re.search(r"^interval_dp +2 +1 +1 ", done.stdout, re.MULTILINE)
    assert done.stdout.count("bad input: broken.json: ") == 2
    assert {row["happened"] for row in rows(folder)} == {"feasible", "optimal", "bad input"}


def test_everything_a_reader_wants_is_in_the_folder(first):
    folder, _ = first
    assert (folder / "table.md").read_text().startswith("| formulation | runs | solved |")
    assert (folder / "table.csv").read_text().startswith("formulation,runs,solved,proved,gap,")
    assert b"<svg" in (folder / "profile.svg").read_bytes()
    assert b"<svg" in (folder / "gaps.svg").read_bytes()
    (attempt,) = json.loads((folder / "environment.json").read_bytes())
    assert attempt["versions"]["milp-amp"]
    assert attempt["command"][1] == "bench"
    assert len(list((folder / "results").iterdir())) == 2
    assert not (folder / "running").exists()


def test_the_result_of_a_run_is_one_that_the_judge_can_read(first):
    folder, _ = first
    (result,) = (folder / "results").glob("*~interval_dp~*")
    assert milp_amp("evaluate", TINY, result).returncode == 0


def test_the_same_command_again_runs_nothing_and_says_the_same(first, suite):
    folder, done = first
    again = milp_amp("bench", suite, "--formulations", TWO, "-o", folder)
    assert again.stdout == done.stdout
    assert "4 of 4 runs are in the journal" in again.stderr
    assert "[1/4]" not in again.stderr
    assert len(json.loads((folder / "environment.json").read_bytes())) == 2


def test_a_benchmark_compared_with_itself_has_nothing_worse(first, suite):
    folder, _ = first
    done = milp_amp("bench", suite, "--formulations", TWO, "-o", folder, "--compare", folder)
    assert "for a verdict: 1\n" in done.stdout
    assert done.stdout.endswith("no value and no bound got worse\n")


def test_training_and_serving_share_a_table_and_what_does_not_fit_is_a_row(tmp_path):
    served = LIBRARY / "helix" / "a100-30b-4.json"
    done = milp_amp("bench", TINY, served, "--formulations", "amp_dp,serving_stages", "-o", tmp_path / "bench")
    assert done.returncode == 0
    assert sorted(row["happened"] for row in rows(tmp_path / "bench")) == [
        "does not fit",
        "does not fit",
        "feasible",
        "optimal",
    ]
    assert "does not fit: serving_stages is about serving, the instance about training" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such", "--formulations", "auto"), "no-such: no such suite, expected a family of instances/"),
        (("amp", "--formulations", "auto", "--jobs", "0"), "--jobs 0, expected at least 1"),
        (("amp", "--formulations", "auto", "--seeds", "0"), "'0', expected how many, or a list of seeds as in '0,'"),
        (("amp", "--formulations", "auto", "--seeds=-1,"), "seed = -1, expected"),
        (("amp", "--formulations", "auto", "--compare", "no-such"), "no-such/settings.json: "),
        (("amp",), "the following arguments are required: --formulations"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_leaves_no_folder(arguments, said, tmp_path):
    done = milp_amp("bench", *arguments, "-o", tmp_path / "bench")
    assert done.returncode == 20
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "bench").exists()
