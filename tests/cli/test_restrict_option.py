"""``--restrict`` as scripts see it."""

import json

import pytest

from milp_amp.cli import main
from tests.agreement.checks import EXACT
from tests.cli.worlds import TINY, TINY_PLAN, documents, milp_amp, tiny

INFEASIBLE = 11

CONTRADICTIONS = {
    "limits that exclude each other": ["tensor_parallel<=1", "tensor_parallel>=2"],
    "two numbers at once": ["microbatch_size=1", "microbatch_size=2"],
    "more stages than layers": ["pipeline_parallel>=5"],
    "microbatches that do not divide the batch": ["microbatch_size=3"],
    "stages that overlap": ["stage 0-1", "stage 1-2"],
    "the first layer in the second stage": ["layer 0 in stage 1"],
    "a layer in two stages": ["layers 0-1 in stage 0", "layer 1 in stage -1", "pipeline_parallel=2"],
    "no node left": ["idle f,s"],
    "nodes pinned to stages that are not there": ["nodes f,s in stage 1", "pipeline_parallel=1"],
}


def restrict(texts):
    return [part for text in texts for part in ("--restrict", text)]


def solved(capsys, *arguments):
    code = main(["solve", str(TINY), "--format", "json", *arguments])
    (result,) = documents(capsys.readouterr().out)
    return code, result


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_ends_with_the_code_of_infeasible(case):
    finished = milp_amp("solve", TINY, "--format", "json", *restrict(CONTRADICTIONS[case]))
    assert finished.returncode == INFEASIBLE
    (result,) = documents(finished.stdout)
    assert (result["status"], result["strategy"], result["bound"]) == ("infeasible", None, None)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_every_exact_formulation_proves_a_contradiction(case, name, capsys):
    code, result = solved(capsys, "--formulation", name, *restrict(CONTRADICTIONS[case]))
    assert (code, result["status"]) == (INFEASIBLE, "infeasible")


def test_the_restrictions_of_a_file_may_contradict_those_of_the_command_line(tmp_path, capsys):
    file = tmp_path / "instance.json"
    file.write_text(json.dumps(tiny() | {"restrictions": {"data_parallel": {"at_most": 1}}}))
    assert main(["solve", str(file), "--restrict", "data_parallel<=2"]) == 0
    capsys.readouterr()
    assert main(["solve", str(file), "--restrict", "data_parallel>=2"]) == INFEASIBLE
    assert "restrictions.data_parallel: no value is left" in capsys.readouterr().out


def test_several_restrictions_hold_together(capsys):
    code, result = solved(capsys, *restrict(["pipeline_parallel=3", "tensor_parallel=1", "nodes s.0 in stage 2"]))
    assert code == 0
    stages = result["strategy"]["stages"]
    assert [stage["tensor_parallel"] for stage in stages] == [1, 1, 1]
    assert [stage["replicas"][0][0][0] for stage in stages] == ["f", "f", "s"]


def test_without_a_plan_in_rank_order_the_baseline_knows_nothing(capsys):
    code, result = solved(capsys, "--formulation", "amp_dp_exact", *restrict(["nodes s.0 in stage 0", "stage 0 on s"]))
    assert (code, result["status"]) == (12, "unknown")
    assert "no plan of AMP's space keeps the restrictions; one outside of it may" in result["notes"]


@pytest.mark.parametrize("name", ["amp_dp", "amp_dp_exact"])
def test_idle_nodes_are_not_for_rank_order(name, capsys):
    assert main(["solve", str(TINY), "--formulation", name, "--restrict", "idle s"]) == 20
    assert "restrictions.idle_nodes: AMP's rank order uses every node" in capsys.readouterr().err


def test_a_warm_start_that_breaks_a_restriction_is_refused(capsys):
    stages = len(json.loads(TINY_PLAN.read_bytes())["stages"])
    arguments = ["--warm-start", str(TINY_PLAN), "--restrict", f"pipeline_parallel={stages + 1}"]
    assert main(["solve", str(TINY), *arguments]) == 20
    assert f"warm start: pipeline_parallel: {stages}, expected {stages + 1}" in capsys.readouterr().err


def test_a_plan_is_judged_by_restrictions_too(capsys):
    assert main(["evaluate", str(TINY), str(TINY_PLAN), "--restrict", "idle s"]) == INFEASIBLE
    assert "uses node s.0, expected it idle (restricted)" in capsys.readouterr().out


def test_bounds_know_restrictions(capsys):
    assert main(["bounds", str(TINY), "--restrict", "microbatch_size=2"]) == 0
    report = capsys.readouterr().out
    assert "b=2" in report
    assert "b=1" not in report
