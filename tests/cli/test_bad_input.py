"""Whatever is wrong with the input is one line that names it, an exit code, and nothing else."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from milp_amp.cli import main
from tests.cli.spoiled import BAD_INPUT, DOCUMENTS, NO_ANSWER, OPTIONS, PLANS, having
from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, milp_amp, tiny


@pytest.fixture
def refused(capsys: Any) -> Callable[..., None]:
    """Run a command that must be refused in one line that names what is wrong."""

    def run(*arguments: object, names: str) -> None:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert code == BAD_INPUT, captured.err
        assert captured.out == ""
        assert_one_line(captured.err, names)

    return run


def assert_one_line(errors: str, names: str) -> None:
    assert errors.count("\n") == 1, errors
    assert errors.startswith("milp-amp: error: ")
    assert names in errors
    assert "Traceback" not in errors


def written(path: Any, content: Any) -> Any:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_bad_instance_is_refused(case, refused, tmp_path):
    content, names = DOCUMENTS[case]
    output = tmp_path / "result.json"
    refused("solve", written(tmp_path / "instance.json", content), "--output", output, names=names)
    assert not output.exists()


@pytest.mark.parametrize("case", PLANS)
def test_a_bad_plan_is_refused_or_judged(case, refused, capsys, tmp_path):
    content, code, names = PLANS[case]
    plan = written(tmp_path / "plan.json", content)
    if code == BAD_INPUT:
        refused("evaluate", TINY, plan, names=names)
        return
    assert main(["evaluate", str(TINY), str(plan)]) == NO_ANSWER
    captured = capsys.readouterr()
    assert any("violation" in line and names in line for line in captured.out.splitlines())
    assert captured.err == ""


@pytest.mark.parametrize("case", [case for case, (_, code, _) in PLANS.items() if code == NO_ANSWER])
def test_a_plan_that_breaks_a_rule_is_no_warm_start(case, refused, tmp_path):
    content = PLANS[case][0]
    refused("solve", TINY, "--warm-start", written(tmp_path / "plan.json", content), names="warm start: ")


@pytest.mark.parametrize("case", OPTIONS)
def test_a_bad_option_is_refused(case, refused, tmp_path, monkeypatch):
    arguments, names = OPTIONS[case]
    monkeypatch.chdir(tmp_path)
    refused("solve", TINY, *arguments, names=names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["slove"], ["solve"], ["evaluate", str(TINY)], ["compare"]], ids=str)
def test_half_a_command_is_refused(arguments, refused):
    refused(*arguments, names="milp-amp: error: ")


def test_a_missing_file_is_refused(refused, tmp_path):
    refused("solve", tmp_path / "missing.json", names="missing.json")


def test_a_directory_is_refused(refused, tmp_path):
    refused("solve", tmp_path, names="directory")


def test_a_pipe_is_refused_without_waiting_for_its_end(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused("solve", tmp_path / "pipe", names="regular file")


def test_a_gigabyte_is_refused_unread(refused, tmp_path):
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(2**30)
    refused("solve", tmp_path / "huge.json", names=str(2**30))


def test_an_unreadable_name_stays_one_line(refused, tmp_path):
    refused("solve", tmp_path / "two\nlines.json", names="two lines.json")


def test_a_warm_start_from_another_instance_is_refused(refused):
    other = LIBRARY / "amp" / "gpt2-homogeneous.json"
    refused("solve", other, "--warm-start", TINY_PLAN, names="warm start: ")


def test_a_result_without_a_plan_is_no_warm_start(refused, tmp_path):
    keys = {"objective": None, "bound": None, "gap": None, "runtime_s": 1.0, "verified": False, "strategy": None}
    empty = {"instance": "tiny", "formulation": "auto", "cost_model": "pipeline", "status": "unknown", **keys}
    refused("solve", TINY, "--warm-start", written(tmp_path / "result.json", empty), names="unknown")


def test_a_result_that_contradicts_itself_is_no_plan(refused, tmp_path):
    keys = {"objective": None, "bound": None, "gap": None, "runtime_s": 1.0, "verified": False, "strategy": None}
    broken = {"instance": "tiny", "formulation": "auto", "cost_model": "pipeline", "status": "optimal", **keys}
    refused("evaluate", TINY, written(tmp_path / "result.json", broken), names="optimal")


def test_a_layer_larger_than_any_device_has_no_answer(capsys, tmp_path):
    giant = having(tiny(), 1e12, "model", "layers", 0, "parameters")
    code = main(["solve", str(written(tmp_path / "giant.json", giant)), "--format", "json"])
    assert code == NO_ANSWER
    assert json.loads(capsys.readouterr().out)["status"] == "infeasible"


@pytest.mark.parametrize("case", ["not-json", "deep-nesting", "zero-bandwidth", "utf-16"])
def test_a_process_refuses_as_the_function_does(case, tmp_path):
    content, names = DOCUMENTS[case]
    finished = milp_amp("solve", written(tmp_path / "instance.json", content), "--format", "json")
    assert (finished.returncode, finished.stdout) == (BAD_INPUT, "")
    assert_one_line(finished.stderr, names)


def test_the_data_itself_is_good(capsys):
    assert main(["evaluate", str(TINY), str(TINY_PLAN)]) == 0
    assert "step time" in capsys.readouterr().out
