"""Which questions of the library are asked again, and with what."""

from pathlib import Path

import pytest

from benchmarks.best_known import ROOT, chosen, command
from milp_amp.bench.best_known import TABLE, BestKnown
from milp_amp.bench.rows import read_rows
from tests.bench.libraries import SERVE, TRAIN, library


@pytest.fixture
def rows(tmp_path):
    return read_rows(library(tmp_path / "library") / TABLE, BestKnown)


@pytest.mark.parametrize(
    ("only", "unproved", "expected"),
    [
        ([], False, [SERVE, TRAIN]),
        ([], True, [TRAIN]),
        (["train"], False, [TRAIN]),
        (["--flow"], False, [SERVE]),
        (["--flow"], True, []),
        (["other"], False, []),
    ],
)
def test_questions_are_asked_by_name_and_by_what_is_proved(only, unproved, expected, rows):
    assert [row.instance for row in chosen(rows, only, unproved=unproved)] == expected


def test_a_question_is_asked_under_its_cost_model_from_its_plan(rows):
    serve, train = (command(row, "auto", 60.0, 2, Path("result.json")) for row in rows)
    assert train[train.index("--cost-model") + 1] == "pipeline"
    assert train[train.index("--warm-start") + 1] == str(ROOT / "plans/made/train--pipeline.json")
    assert "--cost-model" not in serve
