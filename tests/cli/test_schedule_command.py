"""``milp-amp schedule`` as scripts see it."""

import json

import pytest

from tests.cli.worlds import LIBRARY, milp_amp

HELIX = LIBRARY / "helix"
SINGLE = HELIX / "single-70b-24.json"


def test_the_schedule_is_one_document_on_the_screen_and_in_the_file(tmp_path):
    target = tmp_path / "schedule.json"
    finished = milp_amp("schedule", SINGLE, HELIX / "placements" / "single-swarm.json", "--output", target)
    assert (finished.returncode, finished.stderr) == (0, "")
    schedule = json.loads(finished.stdout)
    assert schedule == json.loads(target.read_bytes())
    assert list(schedule) == ["instance", "tokens_per_s", "weights", "order"]
    assert schedule["instance"] == json.loads(SINGLE.read_bytes())["name"]
    assert schedule["tokens_per_s"] == pytest.approx(757.853186)
    assert schedule["weights"]["coordinator"] == {"A100.3": 1}
    assert schedule["weights"]["L4.0"] == {"T4.3": 1, "T4.11": 1}  # two machines hold layers 48 to 51
    assert sorted(schedule["order"]["L4.0"]) == ["T4.11", "T4.3"]
    assert schedule["weights"]["T4.4"] == {"coordinator": 1}


def test_a_placement_that_carries_nothing_is_one_line(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"layers": {"A100.0": [0, 12]}}))
    finished = milp_amp("schedule", SINGLE, plan)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.count("\n") == 1
    assert "no way through all layers, expected one that carries tokens" in finished.stderr


def test_a_placement_that_breaks_a_rule_is_one_line(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"layers": {"T4.0": [0, 5]}}))
    finished = milp_amp("schedule", SINGLE, plan, "--output", tmp_path / "schedule.json")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert "layers.T4.0: [0, 5] are 5 layers, expected at most 4" in finished.stderr
    assert not (tmp_path / "schedule.json").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    placement = HELIX / "placements" / "single-swarm.json"
    finished = milp_amp("schedule", SINGLE, placement, "--output", tmp_path / "nowhere" / "schedule.json")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.count("\n") == 1
