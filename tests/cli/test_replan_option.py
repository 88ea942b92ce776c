"""``milp-amp solve --replan-from`` as scripts see it."""

import json

import pytest

from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, milp_amp

SINGLE = LIBRARY / "helix" / "single-70b-24.json"


def test_the_plan_that_is_best_stays_where_it_is(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    milp_amp("solve", TINY, "--output", old)
    finished = milp_amp("solve", TINY, "--replan-from", old, "--output", new, "--format", "json")
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    assert result == json.loads(new.read_bytes())
    assert result["strategy"] == json.loads(old.read_bytes())["strategy"]
    assert result["verified"]
    assert result["notes"][-2].startswith("moves 0 GiB of parameters, the best plan found, of ")
    assert result["notes"][-1] == "no plan within the tolerance moves less"


def test_what_is_moved_is_said_to_people_too():
    finished = milp_amp("solve", TINY, "--replan-from", TINY_PLAN, "--replan-tolerance", 0.5)
    assert finished.returncode == 0, finished.stderr
    assert "  note          moves " in finished.stdout
    assert "GiB; tolerance 0.5" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((TINY, "--replan-from", "none.json"), "none.json: No such file or directory"),
        ((TINY, "--replan-from", TINY_PLAN, "--replan-tolerance", 2), "'2', expected a fraction from 0 to below 1"),
        ((TINY, "--replan-from", TINY_PLAN, "--top", 2), "--top: asks for something else, expected none with"),
        ((TINY, "--replan-tolerance", 0.1), "--replan-tolerance: how near to the best plan, expected a plan with"),
        ((SINGLE, "--replan-from", TINY_PLAN), "--replan-from is about training"),
        ((LIBRARY / "graphs" / "two-sites.json", "--replan-from", TINY_PLAN), "replan from: stages end at layer"),
    ],
)
def test_bad_input_is_one_line(arguments, complaint):
    finished = milp_amp("solve", *arguments)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert complaint in finished.stderr
    assert finished.stderr.count("\n") == 1
