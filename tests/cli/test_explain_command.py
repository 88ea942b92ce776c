"""``milp-amp explain`` as scripts see it."""

import json
import signal
import subprocess

import pytest

from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, command, documents, milp_amp

FEASIBLE, INFEASIBLE, UNKNOWN, BAD_INPUT = 10, 11, 12, 20

LARGE = LIBRARY / "synthetic" / "four-types-64.json"
"""Takes far longer than a test."""

TOO_WIDE = ("--restrict", "tensor_parallel<=1", "--restrict", "stage_devices>=5")
"""No stage can have five of four devices, whatever its tensor degree; neither is there a group that needs more."""


def explained(*arguments):
    finished = milp_amp("explain", TINY, "--format", "json", *arguments)
    (document,) = documents(finished.stdout)
    return finished, document


def test_the_plan_is_explained_with_its_runner_up():
    finished, document = explained()
    assert finished.returncode == 0
    assert (document["what"], document["result"]["status"]) == ("plan", "optimal")
    values = [each["objective"] for each in document["alternatives"] if each["objective"] is not None]
    assert values == sorted(values)
    assert values[0] >= document["result"]["objective"]
    parts = document["parts"]
    assert sum(parts.values()) == pytest.approx(document["result"]["objective"])


def test_the_forbidden_choice_can_be_forbidden_by_hand():
    _, document = explained()
    for each in document["alternatives"]:
        restrict = [part for text in each["restrictions"] for part in ("--restrict", text)]
        (solved,) = documents(milp_amp("solve", TINY, "--format", "json", *restrict).stdout)
        assert (solved["status"], solved["objective"]) == (each["status"], each["objective"])


def test_where_there_is_no_plan_the_contradiction_is_named():
    finished, document = explained(*TOO_WIDE)
    assert finished.returncode == INFEASIBLE
    assert document["conflict"] == {"members": ["stage_devices>=5"], "irreducible": True, "several": False}
    assert document["remedies"][0]["text"] == "without stage_devices>=5"
    assert "Traceback" not in finished.stderr


def test_the_contradiction_is_told_in_the_words_of_the_command_line():
    finished = milp_amp("explain", TINY, *TOO_WIDE)
    assert finished.stdout.splitlines()[:3] == [
        "tiny: infeasible: no plan of the searched space keeps every rule",
        "this alone leaves no plan",
        "  stage_devices>=5",
    ]
    assert "  with stage_devices>=4 in place of stage_devices>=5: " in finished.stdout
    assert "without stage_devices>=5: a plan after" in finished.stderr


def test_asked_for_a_contradiction_where_there_is_none_it_shows_a_plan():
    finished, document = explained("--what", "infeasible")
    assert finished.returncode == FEASIBLE
    assert document["conflict"] is None
    assert document["strategy"]["stages"]


def test_purchases_are_sorted_by_what_they_are_worth():
    finished, document = explained("--what", "purchase")
    assert finished.returncode == 0
    gains = [gain["gain"] for gain in document["gains"]]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0


def test_a_plan_of_a_file_is_explained_and_nothing_is_claimed_to_be_proved():
    finished, document = explained("--plan", TINY_PLAN)
    assert finished.returncode == FEASIBLE
    assert document["result"]["bound"] is None
    assert "the best plan" not in finished.stderr


def test_a_result_of_a_file_keeps_its_proof(tmp_path):
    file = tmp_path / "result.json"
    milp_amp("solve", TINY, "--output", file)
    finished, document = explained("--plan", file, "--what", "purchase")
    assert finished.returncode == 0
    assert document["result"]["status"] == "optimal"


def test_without_time_it_says_that_nothing_is_decided():
    finished, document = explained("--what", "infeasible", "--time-limit", "1e-9", *TOO_WIDE)
    assert finished.returncode == UNKNOWN
    assert document["undecided"] == ["whether there is a plan: no time was left"]


@pytest.mark.parametrize("what", ["plan", "purchase"])
def test_without_time_for_a_plan_it_is_not_known_whether_there_is_one(what):
    finished = milp_amp("explain", TINY, "--what", what, "--time-limit", "1e-9")
    assert (finished.returncode, finished.stderr) == (UNKNOWN, "")
    assert finished.stdout.startswith("tiny: ")


def test_ctrl_c_leaves_what_is_known_and_says_what_is_not_decided():
    """The first incumbent is awaited, so that there is a plan to explain."""
    arguments = ("explain", LARGE, "--format", "json")
    with subprocess.Popen(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode == FEASIBLE
    (document,) = documents(out)
    assert document["result"]["verified"]
    assert {each["note"] for each in document["alternatives"]} == {"no time was left"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--restrict", "tensor_parallel<4<"), "expected COUNT<=N"),
        (("--restrict", "idle nowhere"), "expected a node or a group of nodes"),
        (("--what", "everything"), "invalid choice: 'everything'"),
        (("--what", "infeasible", "--plan", str(TINY_PLAN)), "expected --what plan or purchase"),
        (("--plan", "nowhere.json"), "expected a readable file"),
        (("--plan", str(TINY_PLAN), "--restrict", "data_parallel=1"), "data_parallel: 2, expected 1 (restricted)"),
        (("--most-price-per-step", "1"), "expected a price_per_hour"),
        (("--threads", "0"), "threads = 0, expected an integer from 1"),
    ],
)
def test_bad_input_is_one_line(arguments, expected):
    finished = milp_amp("explain", TINY, *arguments)
    assert finished.returncode == BAD_INPUT
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert expected in line


def test_an_instance_about_serving_is_refused():
    finished = milp_amp("explain", LIBRARY / "helix" / "l4-30b-8.json")
    assert finished.returncode == BAD_INPUT
    assert "expected one about training" in finished.stderr


def test_a_plan_without_a_plan_is_refused(tmp_path):
    file = tmp_path / "result.json"
    milp_amp("solve", TINY, *TOO_WIDE, "--output", file)
    assert json.loads(file.read_bytes())["status"] == "infeasible"
    finished = milp_amp("explain", TINY, "--plan", file)
    assert finished.returncode == BAD_INPUT
    assert "the result has no plan" in finished.stderr
