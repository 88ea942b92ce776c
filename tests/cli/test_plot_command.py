"""``milp-amp plot`` as a process."""

import json
import os
import shutil

import pytest

from tests.cli.worlds import LIBRARY, TINY, milp_amp, tiny, tiny_plan
from tests.view.plans import document

SERVED = LIBRARY / "helix" / "a100-30b-4.json"


def written(folder, **changes):
    path = folder / "result.json"
    path.write_text(json.dumps(document(**changes)))
    return path


@pytest.mark.parametrize(("form", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_end_of_the_name_says_the_format(tmp_path, form, start):
    finished = milp_amp("plot", written(tmp_path), "--instance", TINY, "-o", tmp_path / f"picture.{form}")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert (tmp_path / f"picture.{form}").read_bytes().startswith(start)


def test_all_figures_are_in_one_picture(tmp_path):
    milp_amp("plot", written(tmp_path), "--instance", TINY, "-o", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for words in ("One training step", "Layers on devices", "Memory per device", "proved bound", "cut that limits"):
        assert words in text


def test_one_figure_can_be_asked_for_and_the_same_result_gives_the_same_bytes(tmp_path):
    path = written(tmp_path)
    for name in ("a.svg", "b.svg"):
        milp_amp("plot", path, "--instance", TINY, "-o", tmp_path / name, "--what", "timeline")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "Layers on devices" not in (tmp_path / "a.svg").read_text()


def test_without_an_instance_its_name_is_looked_for_below_the_working_directory(tmp_path):
    (tmp_path / "instances" / "mine").mkdir(parents=True)
    shutil.copy(TINY, tmp_path / "instances" / "mine" / "other-name.json")
    finished = milp_amp("plot", written(tmp_path), "-o", "a.svg", cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("copies", [0, 2])
def test_no_instance_and_several_are_one_line_that_says_what_to_give(tmp_path, copies):
    (tmp_path / "instances").mkdir()
    for number in range(copies):
        shutil.copy(TINY, tmp_path / "instances" / f"{number}.json")
    finished = milp_amp("plot", written(tmp_path), "-o", "a.svg", cwd=tmp_path)
    assert finished.returncode == 20
    assert finished.stderr.count("\n") == 1
    assert "expected --instance FILE" in finished.stderr
    assert not (tmp_path / "a.svg").exists()


def refused(tmp_path, *arguments):
    finished = milp_amp("plot", *arguments, "-o", tmp_path / "a.svg")
    assert finished.returncode == 20
    assert finished.stderr.count("\n") == 1
    assert not (tmp_path / "a.svg").exists()
    return finished.stderr


def test_another_instance_is_refused(tmp_path):
    path = written(tmp_path, instance="another")
    assert "answers instance 'another', expected that of --instance" in refused(tmp_path, path, "--instance", TINY)


def test_a_strategy_is_no_result(tmp_path):
    assert "expected a result" in refused(tmp_path, TINY.with_name("tiny-plan.json"), "--instance", TINY)


def test_a_plan_that_cannot_be_drawn_is_refused_with_the_rule_it_breaks(tmp_path):
    plan = tiny_plan()
    plan["stages"][0]["replicas"][0] = ["nowhere.0/0"]
    assert "'nowhere.0/0' is unknown" in refused(tmp_path, written(tmp_path, strategy=plan), "--instance", TINY)


def test_a_result_without_a_plan_still_shows_the_search_and_the_cluster(tmp_path):
    path = written(tmp_path, status="unknown", objective=None, strategy=None)
    assert milp_amp("plot", path, "--instance", TINY, "-o", tmp_path / "b.svg").returncode == 0
    assert "has nothing to draw as 'layers'" in refused(tmp_path, path, "--instance", TINY, "--what", "layers")


def test_a_price_written_with_a_dollar_is_no_formula(tmp_path):
    document = tiny()
    document["name"] = "$x_1$ and $"
    (tmp_path / "priced.json").write_text(json.dumps(document))
    path = written(tmp_path, instance=document["name"])
    finished = milp_amp("plot", path, "--instance", tmp_path / "priced.json", "-o", tmp_path / "b.svg")
    assert finished.returncode == 0
    assert "$x_1$ and $" in (tmp_path / "b.svg").read_text()


def test_a_placement_is_drawn_with_its_flow_and_a_timeline_is_not_for_it(tmp_path):
    path = tmp_path / "served.json"
    assert milp_amp("solve", SERVED, "--time-limit", 5, "--output", path).returncode in (0, 10)
    assert milp_amp("plot", path, "--instance", SERVED, "-o", tmp_path / "b.svg").returncode == 0
    text = (tmp_path / "b.svg").read_text()
    assert "Layers by machine" in text
    assert "Max flow" in text
    assert "nothing to draw as 'timeline'" in refused(tmp_path, path, "--instance", SERVED, "--what", "timeline")


def test_without_matplotlib_a_picture_is_refused_and_a_page_is_not(tmp_path):
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "matplotlib.py").write_text("raise ImportError('no such thing')")
    without = {**os.environ, "PYTHONPATH": str(tmp_path / "stub")}
    path = written(tmp_path, status="unknown", objective=None, strategy=None)
    finished = milp_amp("plot", path, "--instance", TINY, "-o", tmp_path / "a.svg", env=without)
    assert finished.returncode == 20
    assert "expected pip install 'milp-amp[plot]'" in finished.stderr
    page = milp_amp("report", path, "--instance", TINY, "-o", tmp_path / "a.html", env=without)
    assert (page.returncode, page.stderr) == (0, "")
