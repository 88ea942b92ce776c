"""Whatever is wrong with the input is one line that names it, an exit code, and nothing else."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from milp_amp.cli import main
from tests.cli.worlds import DATA, LIBRARY, TINY, TINY_PLAN, milp_amp, tiny, tiny_plan

BAD_INPUT = 20
NO_ANSWER = 11


def without(document: dict[str, Any], *path: Any) -> dict[str, Any]:
    """Return the document without one key."""
    del at(document, path[:-1])[path[-1]]
    return document


def having(document: dict[str, Any], value: Any, *path: Any) -> dict[str, Any]:
    """Return the document with one value replaced or added."""
    at(document, path[:-1])[path[-1]] = value
    return document


def at(document: Any, path: Any) -> Any:
    for key in path:
        document = document[key]
    return document


def nested(depth: int) -> bytes:
    return b'{"schema_version": 1, "source": ' + b"[" * depth + b"]" * depth + b"}"


def spelled(number: str) -> bytes:
    """Write a number that Python's JSON would not write."""
    return json.dumps(having(tiny(), "@", *BANDWIDTH)).replace('"@"', number).encode()


BANDWIDTH = ("cluster", "links", 0, "bandwidth_GBps")

DOCUMENTS: dict[str, tuple[Any, str]] = {
    "missing-key": (without(tiny(), "workload", "global_batch_size"), "global_batch_size"),
    "missing-section": (without(tiny(), "profile"), "profile"),
    "extra-key": (having(tiny(), 1, "workload", "batch"), "batch"),
    "wrong-schema-version": (having(tiny(), 2, "schema_version"), "schema_version"),
    "negative-bandwidth": (having(tiny(), -1, *BANDWIDTH), "links"),
    "zero-bandwidth": (having(tiny(), 0, *BANDWIDTH), "bandwidth_GBps"),
    "bandwidth-beyond-counting": (having(tiny(), 1e17, *BANDWIDTH), "bandwidth_GBps"),
    "nan": (spelled("NaN"), "JSON"),
    "infinity": (spelled("Infinity"), "JSON"),
    "huge-number": (spelled("1e400"), "range"),
    "huge-integer": (having(tiny(), 10**40, "workload", "global_batch_size"), "global_batch_size"),
    "string-for-number": (having(tiny(), "1", *BANDWIDTH), "bandwidth_GBps"),
    "boolean-for-number": (having(tiny(), True, *BANDWIDTH), "bandwidth_GBps"),
    "boolean-for-count": (having(tiny(), True, "workload", "global_batch_size"), "global_batch_size"),
    "fraction-for-count": (having(tiny(), 7.5, "workload", "global_batch_size"), "global_batch_size"),
    "null-for-number": (having(tiny(), None, "workload", "sequence_length"), "sequence_length"),
    "zero-batch": (having(tiny(), 0, "workload", "global_batch_size"), "global_batch_size"),
    "unknown-schedule": (having(tiny(), "interleaved", "workload", "schedule"), "schedule"),
    "no-layers": (having(tiny(), [], "model", "layers"), "layers"),
    "layer-repeated-zero-times": (having(tiny(), 0, "model", "layers", 0, "repeat"), "repeat"),
    "layer-repeated-without-end": (having(tiny(), 10**9, "model", "layers", 0, "repeat"), "layers"),
    "negative-parameters": (having(tiny(), -1, "model", "layers", 0, "parameters"), "parameters"),
    "no-nodes": (having(tiny(), [], "cluster", "nodes"), "nodes"),
    "no-devices": (having(tiny(), 0, "cluster", "nodes", 0, "devices"), "devices"),
    "more-devices-than-exist": (having(tiny(), 10**9, "cluster", "nodes", 0, "devices"), "devices"),
    "more-nodes-than-exist": (having(tiny(), 10**9, "cluster", "nodes", 0, "count"), "nodes"),
    "unknown-device-type": (having(tiny(), "fats", "cluster", "nodes", 0, "device"), "fats"),
    "unknown-link-end": (having(tiny(), "g", "cluster", "links", 0, "source"), "links[0].source"),
    "node-name-twice": (having(tiny(), "f", "cluster", "nodes", 1, "name"), "'f'"),
    "node-name-of-a-switch": (having(tiny(), "switch", "cluster", "nodes", 1, "name"), "'switch'"),
    "node-name-with-a-slash": (having(tiny(), "f/0", "cluster", "nodes", 0, "name"), "name"),
    "node-name-with-a-newline": (having(tiny(), "f\n", "cluster", "nodes", 0, "name"), "name"),
    "instance-name-of-two-lines": (having(tiny(), "a\nb", "name"), "name"),
    "disconnected": (having(tiny(), [], "cluster", "links"), "cluster.links"),
    "reachable-one-way-only": (having(tiny(), True, "cluster", "links", 0, "one_way"), "cluster.links"),
    "no-memory": (having(tiny(), 0, "cluster", "device_types", "fast", "memory_GiB"), "memory_GiB"),
    "no-profile": (having(tiny(), [], "profile"), "profile"),
    "profile-of-an-unknown-device": (having(tiny(), "fats", "profile", 0, "device"), "profile[0].device"),
    "profile-too-short": (having(tiny(), [4, 4, 4], "profile", 0, "forward_ms"), "profile[0].forward_ms"),
    "profile-backward-too-long": (having(tiny(), [4] * 5, "profile", 0, "backward_ms"), "profile[0].backward_ms"),
    "profile-twice": (having(tiny(), 1, "profile", 1, "tensor_parallel"), "profile[1]"),
    "profile-without-time": (having(tiny(), [0] * 4, "profile", 0, "forward_ms"), "profile[0].forward_ms"),
    "negative-time": (having(tiny(), [4, 4, 4, -4], "profile", 0, "forward_ms"), "forward_ms"),
    "deep-nesting": (nested(100_000), "source"),
    "a-list": (b"[]", "object"),
    "not-json": (b"layers: 4\n", "JSON"),
    "empty-file": (b"", "truncated"),
    "cut-short": (json.dumps(tiny()).encode()[:-20], "truncated"),
    "two-documents": (json.dumps(tiny()).encode() * 2, "JSON"),
    "binary": (bytes(range(256)), "JSON"),
    "utf-16": (json.dumps(tiny()).encode("utf-16"), "JSON"),
    "latin-1": (json.dumps(having(tiny(), "é", "source"), ensure_ascii=False).encode("latin-1"), "UTF-8"),
}

PLANS: dict[str, tuple[Any, int, str]] = {
    "missing-key": (without(tiny_plan(), "data_parallel"), BAD_INPUT, "data_parallel"),
    "extra-key": (having(tiny_plan(), 2, "pipeline_parallel"), BAD_INPUT, "pipeline_parallel"),
    "no-stages": (having(tiny_plan(), [], "stages"), BAD_INPUT, "stages"),
    "stage-without-devices": (having(tiny_plan(), [], "stages", 0, "replicas"), BAD_INPUT, "replicas"),
    "layers-of-three-numbers": (having(tiny_plan(), [0, 1, 3], "stages", 0, "layers"), BAD_INPUT, "layers"),
    "negative-layer": (having(tiny_plan(), [-1, 3], "stages", 0, "layers"), BAD_INPUT, "layers"),
    "zero-microbatch": (having(tiny_plan(), 0, "microbatch_size"), BAD_INPUT, "microbatch_size"),
    "an-instance": (tiny(), BAD_INPUT, "schema_version"),
    "not-json": (b"stages", BAD_INPUT, "JSON"),
    "batch-not-divisible": (having(tiny_plan(), 3, "microbatch_size"), NO_ANSWER, "microbatch_size"),
    "unknown-device": (having(tiny_plan(), ["g.0/0"], "stages", 0, "replicas", 0), NO_ANSWER, "'g.0/0'"),
    "device-used-twice": (having(tiny_plan(), ["f.0/0"], "stages", 0, "replicas", 1), NO_ANSWER, "'f.0/0'"),
    "empty-stage": (having(tiny_plan(), [3, 3], "stages", 1, "layers"), NO_ANSWER, "stages[1].layers"),
    "layers-past-the-end": (having(tiny_plan(), [3, 9], "stages", 1, "layers"), NO_ANSWER, "stages[1].layers"),
    "layers-left-out": (having(tiny_plan(), [0, 2], "stages", 0, "layers"), NO_ANSWER, "stages[1].layers"),
    "replicas-missing": (having(tiny_plan(), 4, "data_parallel"), NO_ANSWER, "replicas"),
    "tensor-degree-of-another-size": (having(tiny_plan(), 2, "stages", 0, "tensor_parallel"), NO_ANSWER, "replicas"),
}

OPTIONS: dict[str, tuple[list[str], str]] = {
    "unknown-cost-model": (["--cost-model", "guess"], "--cost-model"),
    "unknown-formulation": (["--formulation", "guess"], "'guess'"),
    "unknown-format": (["--format", "xml"], "--format"),
    "unknown-option": (["--fast"], "--fast"),
    "shortened-option": (["--form", "json"], "--form"),
    "negative-time-limit": (["--time-limit", "-1"], "--time-limit"),
    "no-time": (["--time-limit", "0"], "--time-limit"),
    "time-limit-nan": (["--time-limit", "nan"], "--time-limit"),
    "time-limit-in-words": (["--time-limit", "a\nminute"], "--time-limit"),
    "no-threads": (["--threads", "0"], "threads"),
    "threads-without-end": (["--threads", "1000000000"], "threads"),
    "negative-seed": (["--seed", "-1"], "seed"),
    "huge-seed": (["--seed", "99999999999999999999"], "seed"),
    "negative-gap": (["--gap", "-0.1"], "--gap"),
    "gap-of-everything": (["--gap", "1"], "--gap"),
    "program-of-another-kind": (["--export-program", "program.txt"], "program.txt"),
    "program-into-a-missing-directory": (["--export-program", "missing/program.lp"], "missing/program.lp"),
    "output-into-a-missing-directory": (["--output", "missing/result.json"], "--output"),
    "output-over-a-directory": (["--output", "."], "--output"),
    "output-over-a-device": (["--output", "/dev/null"], "--output"),
    "missing-warm-start": (["--warm-start", "missing.json"], "missing.json"),
    "instance-as-warm-start": (["--warm-start", str(TINY)], "schema_version"),
}


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
    assert main(["evaluate", str(DATA / "tiny.json"), str(TINY_PLAN)]) == 0
    assert "step time" in capsys.readouterr().out
