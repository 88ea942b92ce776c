"""``solve --target``: plans that a launcher can run, and what that costs."""

import json

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
