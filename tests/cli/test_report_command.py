"""``milp-amp report`` as a process."""

import json

from tests.cli.test_plot_command import SERVED, written
from tests.cli.worlds import LIBRARY, TINY, milp_amp


def test_results_of_two_instances_are_one_page_that_the_judge_confirms(tmp_path):
    trained, served = tmp_path / "trained.json", tmp_path / "served.json"
    assert milp_amp("solve", TINY, "--time-limit", 20, "--output", trained).returncode in (0, 10)
    assert milp_amp("solve", SERVED, "--time-limit", 5, "--output", served).returncode in (0, 10)
    page = tmp_path / "report.html"
    finished = milp_amp("report", trained, served, "--instance", TINY, SERVED, "-o", page)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    text = page.read_text()
    for words in ("One training step", "Tokens per second from machine to machine", "no plan takes less than"):
        assert words in text


def test_a_claim_that_is_not_confirmed_is_on_the_page_and_in_the_code(tmp_path):
    finished = milp_amp("report", written(tmp_path), "--instance", TINY, "-o", tmp_path / "report.html")
    assert finished.returncode == 31
    assert finished.stderr.startswith("milp-amp: error: a claim failed its check: result.json: claimed 0.2 s")
    assert finished.stderr.count("\n") == 1
    assert "claimed 0.2 s, recomputed" in (tmp_path / "report.html").read_text()


def test_a_plan_that_breaks_a_rule_is_on_the_page_and_in_the_code(tmp_path):
    document = json.loads(TINY.read_bytes())
    document["restrictions"] = {"tensor_parallel": {"at_least": 2}}
    world = tmp_path / "tiny.json"
    world.write_text(json.dumps(document))
    evaluated = json.loads(milp_amp("evaluate", TINY, TINY.with_name("tiny-plan.json"), "--format", "json").stdout)
    path = written(tmp_path, objective=evaluated["step_time"])
    finished = milp_amp("report", path, "--instance", world, "-o", tmp_path / "report.html")
    assert finished.returncode == 11
    assert finished.stderr.count("\n") == 1
    assert (tmp_path / "report.html").exists()


def test_a_result_and_an_instance_of_different_kinds_are_refused_in_one_line(tmp_path):
    name = json.loads(SERVED.read_bytes())["name"]
    path = written(tmp_path, instance=name)
    finished = milp_amp("report", path, "--instance", SERVED, "-o", tmp_path / "report.html")
    assert finished.returncode == 20
    assert "a result about training, but instance" in finished.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_file_that_is_no_result_is_refused_in_one_line(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("[1, 2]")
    finished = milp_amp("report", path, "--instance", TINY, "-o", tmp_path / "report.html")
    assert finished.returncode == 20
    assert finished.stderr.count("\n") == 1


def test_a_name_in_the_library_needs_no_instance(tmp_path):
    path = written(tmp_path, instance="gpt2-heterogeneous-cluster", status="unknown", objective=None, strategy=None)
    finished = milp_amp("report", path, "-o", tmp_path / "report.html", cwd=LIBRARY.parent)
    assert (finished.returncode, finished.stderr) == (0, "")
