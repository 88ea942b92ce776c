"""``milp-amp solve --top`` as scripts see it."""

import json

import pytest

from tests.cli.worlds import LIBRARY, TINY, milp_amp

SINGLE = LIBRARY / "helix" / "single-70b-24.json"


def test_a_list_is_one_document_of_results_that_can_be_judged(tmp_path):
    written = tmp_path / "list.json"
    finished = milp_amp("solve", TINY, "--top", 3, "--format", "json", "--output", written)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert found == json.loads(written.read_bytes())
    assert (found["status"], found["asked"], len(found["results"]), len(found["choices"])) == ("optimal", 3, 3, 3)
    values = [result["objective"] for result in found["results"]]
    assert values == sorted(values)
    assert found["others_bound"] >= values[-1] * (1 - 1e-6)
    assert set(found["choices"][0]) == {"data_parallel", "microbatch_size", "stages"}
    assert set(found["choices"][0]["stages"][0]) == {"tensor_parallel", "device_types"}
    best = json.loads(milp_amp("solve", TINY, "--format", "json").stdout)
    assert values[0] == pytest.approx(best["objective"])
    third = tmp_path / "third.json"
    third.write_text(json.dumps(found["results"][2]))
    assert milp_amp("evaluate", TINY, third).returncode == 0


def test_a_list_is_a_table_for_people():
    finished = milp_amp("solve", TINY, "--top", 2)
    assert finished.stdout.startswith(
        "tiny: optimal: each is the best plan of its choice, and no other choice is better"
    )
    assert "plans         2 of 2 that were asked for" in finished.stdout
    assert "others        no plan of another choice is better than" in finished.stdout
    assert [line.split()[0] for line in finished.stdout.splitlines()[-2:]] == ["1", "2"]
    assert " plan 2: " in finished.stderr


def test_a_list_of_all_there_are_is_complete():
    finished = milp_amp(
        "solve", TINY, "--top", 50, "--restrict", "pipeline_parallel=1", "--restrict", "data_parallel=1"
    )
    assert finished.returncode == 0
    assert "others        there is no other choice" in finished.stdout


def test_a_list_of_nothing_is_infeasible():
    finished = milp_amp("solve", TINY, "--top", 2, "--restrict", "data_parallel=1", "--restrict", "data_parallel=2")
    assert finished.returncode == 11
    assert "infeasible: no plan of the searched space keeps every rule" in finished.stdout


def test_a_list_without_time_is_not_called_optimal():
    finished = milp_amp("solve", LIBRARY / "amp" / "gpt2-heterogeneous-cluster.json", "--top", 50, "--time-limit", 4)
    assert finished.returncode == 10
    assert "feasible: better plans or better choices may exist" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((TINY, "--top", 0), "top = 0, expected an integer from 1 to 1000"),
        ((TINY, "--top", "two"), "--top: invalid int value: 'two'"),
        ((TINY, "--top", 2, "--formulation", "amp_dp"), "amp_dp cannot leave out choices, expected one of auto"),
        ((TINY, "--top", 2, "--export-program", "p.lp"), "--export-program: the program of one plan, expected none"),
        ((SINGLE, "--top", 2), "--top is about training"),
    ],
)
def test_bad_input_is_one_line(arguments, complaint):
    finished = milp_amp("solve", *arguments)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert complaint in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_the_list_may_start_from_the_plan_of_another_formulation():
    started = json.loads(milp_amp("solve", TINY, "--top", 2, "--warm-start", "amp_dp_exact", "--format", "json").stdout)
    alone = json.loads(milp_amp("solve", TINY, "--top", 2, "--format", "json").stdout)
    assert [each["objective"] for each in started["results"]] == [each["objective"] for each in alone["results"]]
