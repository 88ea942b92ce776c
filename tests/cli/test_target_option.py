"""``solve --target``: plans that a launcher can run, and what that costs."""

import json
from pathlib import Path

from tests.cli.worlds import LIBRARY, milp_amp

ISLANDS = str(LIBRARY / "synthetic" / "two-types-32-uneven.json")


def test_the_answer_has_one_tensor_degree_and_says_what_that_costs():
    done = milp_amp("solve", ISLANDS, "--target", "megatron", "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert len({stage["tensor_parallel"] for stage in found["strategy"]["stages"]}) == 1
    assert found["notes"][0] == "megatron: 1.97007 s, 0.62% more than the best plan of all (1.95796)"


def test_an_unknown_target_is_named_with_those_there_are():
    done = milp_amp("solve", ISLANDS, "--target", "abacus")
    assert (done.returncode, done.stdout) == (20, "")
    assert done.stderr.startswith("milp-amp: error: no target 'abacus', expected one of megatron, ")


def test_a_model_without_decoder_layers_has_no_plan_for_launchers_of_language_models(tmp_path):
    document = json.loads((LIBRARY / "graphs" / "two-sites.json").read_text())
    for layer in document["model"]["layers"]:
        layer["kind"] = "other"
    (tmp_path / "odd.json").write_text(json.dumps(document))
    done = milp_amp("solve", str(tmp_path / "odd.json"), "--target", "megatron")
    assert done.returncode == 20
    assert "model.layers: none of kind 'transformer', expected decoder layers" in done.stderr


def test_one_command_solves_and_writes_the_launch_directory(tmp_path):
    done = milp_amp("solve", ISLANDS, "--target", "megatron", "--launch", tmp_path / "launch")
    assert done.returncode == 0
    # Stages of 6, 3, 8 and 7 layers; the first has the embedding among them, the last the head.
    assert "--pipeline-model-parallel-layout 'Et*5|t*3|t*8|t*6L'" in (tmp_path / "launch" / "start.sh").read_text()
    assert json.loads((tmp_path / "launch" / "ranks.json").read_text())["world_size"] == 32


def test_a_launch_directory_needs_a_launcher_and_room_before_any_search(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "empty").mkdir()
    for options, said in (
        (("--launch", tmp_path / "new"), "expected --target T"),
        (("--launch", tmp_path / "full", "--target", "megatron"), "full"),
        (("--launch", tmp_path / "new", "--target", "megatron", "--top", "2"), "expected neither --top nor"),
        (
            ("--launch", tmp_path / "empty", "--target", "megatron", "--output", tmp_path / "empty" / "x.json"),
            "is in the --launch directory",
        ),
    ):
        done = milp_amp("solve", ISLANDS, *options)
        assert (done.returncode, done.stdout) == (20, "")
        assert said in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_node_that_is_no_host_is_refused_before_any_search(tmp_path):
    document = json.loads(Path(ISLANDS).read_text().replace('"' + first_group() + '"', '"rack 1"'))
    (tmp_path / "world.json").write_text(json.dumps(document))
    done = milp_amp("solve", tmp_path / "world.json", "--target", "megatron", "--launch", tmp_path / "launch")
    assert (done.returncode, done.stdout) == (20, "")
    assert "'rack 1.0' is no name of a host, expected one in --hosts FILE, which milp-amp export has" in done.stderr
    assert not (tmp_path / "launch").exists()


def first_group():
    return json.loads(Path(ISLANDS).read_text())["cluster"]["nodes"][0]["name"]
