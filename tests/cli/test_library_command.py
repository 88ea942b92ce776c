"""``milp-amp library`` as a process: what it lists, confirms, names and takes."""

import json
import re

import pytest

from milp_amp.bench.best_known import TABLE
from milp_amp.bench.library import INDEX
from tests.bench.libraries import (
    REPLICAS,
    REPLICAS_S,
    SERVE,
    STAGES,
    STAGES_S,
    TRAIN,
    claim,
    library,
    rewrite,
    trained,
)
from tests.cli.worlds import milp_amp


@pytest.fixture
def made(tmp_path):
    return library(tmp_path / "library")


def call(folder, *arguments):
    return milp_amp("library", *arguments, "--folder", folder)


def rows(text):
    """Return the lines of a table, by their first column."""
    return {cells[0]: cells[1:] for cells in (re.split(" {2,}", line) for line in text.splitlines()[2:])}


def errors(finished):
    return [line.removeprefix("milp-amp: error: ") for line in finished.stderr.splitlines()]


def test_the_list_says_what_is_asked_and_what_is_known(made):
    finished = call(made, "list")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert rows(finished.stdout) == {
        SERVE: ["serving", "star", "2", "1", "2", "2", "flow: 10 tokens/s, optimal"],
        TRAIN: ["training", "star", "2", "1", "1", "2", "pipeline: 0.015 s, gap 33.3 %"],
    }


def test_the_list_as_json_has_the_lines_of_both_tables(made):
    found = json.loads(call(made, "list", "--format", "json").stdout)
    assert [each["path"] for each in found["instances"]] == [SERVE, TRAIN]
    assert [(each["instance"], each["status"]) for each in found["best_known"]] == [
        (SERVE, "optimal"),
        (TRAIN, "feasible"),
    ]


def test_a_library_that_is_what_it_says_is_confirmed(made):
    finished = call(made, "verify")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert rows(finished.stdout)[TRAIN] == [
        "pipeline",
        "least step_time",
        "0.015 s",
        "0.01 s",
        "33.3 %",
        "feasible",
        "by hand",
        "confirmed",
    ]
    assert finished.stdout.splitlines()[-1] == "2 instances, 2 rows, 0 failures; none without a row"


def test_every_failure_is_a_line_and_the_code_says_that_a_claim_failed(made):
    rewrite(made, TRAIN, value=0.014)
    (made / "plans/stray.json").write_text("{}")
    finished = call(made, "verify")
    assert finished.returncode == 31
    assert errors(finished) == [
        "plans/stray.json: the plan of no row",
        f"{TRAIN}, pipeline: value = 0.014, but the plan attains 0.015000000000000001",
        f"{TRAIN}, pipeline: gap = 0.33333333333333337, expected 0.2857142857142857",
    ]
    assert rows(finished.stdout)[TRAIN][-1] == "failed"
    assert rows(finished.stdout)[SERVE][-1] == "confirmed"


def test_instances_without_an_answer_are_no_failure_but_listed(made):
    (made / "plans/made/train--pipeline.json").unlink()
    table = made / TABLE
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if TRAIN not in line))
    finished = call(made, "verify", "--format", "json")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert json.loads(finished.stdout) == {"instances": 2, "rows": 1, "without": [TRAIN], "failures": []}


@pytest.mark.parametrize("name", [INDEX, TABLE, TRAIN, "plans/made/train--pipeline.json"])
@pytest.mark.parametrize("content", ["{", b"\xff"])
def test_a_file_that_cannot_be_read_is_bad_input(name, content, made):
    (made / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    finished = call(made, "verify")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert len(errors(finished)) == 1
    assert str(made / name) in errors(finished)[0]


def test_a_folder_that_is_no_library_is_bad_input(tmp_path):
    finished = call(tmp_path, "verify")
    assert finished.returncode == 20
    assert "library.csv: No such file or directory, expected a readable file" in finished.stderr


def test_the_index_is_written_anew(made):
    before = (made / INDEX).read_bytes()
    (made / INDEX).unlink()
    finished = call(made, "index")
    assert (finished.returncode, finished.stdout) == (0, f"{made / INDEX}: 2 instances\n")
    assert (made / INDEX).read_bytes() == before


def test_there_is_no_index_of_nothing(tmp_path):
    finished = call(tmp_path, "index")
    assert finished.returncode == 20
    assert errors(finished) == [f"{tmp_path}: no instances, expected <family>/<name>.json"]


def test_a_better_plan_is_taken_and_confirmed(made):
    finished = call(made, "update", made / TRAIN, claim(made, trained(REPLICAS, REPLICAS_S)))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == f"{made / TABLE}: {TRAIN}, pipeline: 0.012 s, gap 16.7 %\n"
    assert call(made, "verify").returncode == 0


def test_what_is_no_better_is_said_to_be_none(made):
    finished = call(made, "update", made / TRAIN, claim(made, trained(STAGES, STAGES_S)))
    assert finished.returncode == 0
    assert finished.stdout == f"{made / TRAIN}: neither plan nor bound is better than what is known\n"


def test_a_claim_that_the_judge_does_not_confirm_is_refused(made):
    finished = call(made, "update", made / TRAIN, claim(made, trained(REPLICAS, 0.011)))
    assert (finished.returncode, finished.stdout) == (31, "")
    assert errors(finished) == ["a claim failed its check: claimed 0.011 s, recomputed 0.012 s"]


def test_an_instance_outside_the_library_is_refused(made, tmp_path):
    finished = call(made, "update", tmp_path / "other.json", claim(made, trained(REPLICAS, REPLICAS_S)))
    assert finished.returncode == 20
    assert errors(finished) == [f"{tmp_path / 'other.json'}: not in {made}, expected an instance of the library"]
