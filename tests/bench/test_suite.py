"""A suite is a family, a folder, or files; a run is an instance under all that was asked for."""

from pathlib import Path

import pytest

from milp_amp.bench.suite import find_instances
from milp_amp.bench.tasks import all_jobs
from milp_amp.errors import InputError
from tests.cli.worlds import LIBRARY, TINY


def test_a_name_is_a_family_of_the_library():
    assert [file.label for file in find_instances(["amp"])] == [
        "amp/gpt2-heterogeneous-cluster",
        "amp/gpt2-homogeneous",
        "amp/transgan-heterogeneous-model",
    ]


def test_a_family_below_the_working_directory_comes_first(tmp_path, monkeypatch):
    (tmp_path / "instances" / "amp").mkdir(parents=True)
    (tmp_path / "instances" / "amp" / "mine.json").write_bytes(TINY.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert [file.label for file in find_instances(["amp"])] == ["amp/mine"]


def test_a_folder_with_the_name_of_a_family_is_meant_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "amp").mkdir()
    (tmp_path / "amp" / "mine.json").write_bytes(TINY.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert [file.label for file in find_instances(["./amp"])] == ["amp/mine"]


def test_a_file_may_be_named_beside_its_family_and_is_there_once():
    assert len(find_instances(["amp", str(LIBRARY / "amp" / "gpt2-homogeneous.json"), str(TINY)])) == 4


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder / "family").mkdir(parents=True)
        (tmp_path / folder / "family" / "a.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="a second instance family/a beside"):
        find_instances([str(tmp_path / "one" / "family"), str(tmp_path / "two" / "family")])


def test_what_is_no_suite_is_refused_with_the_families():
    with pytest.raises(InputError, match=r"expected a family of instances/ \(amp, "):
        find_instances(["no-such-suite"])


def test_an_empty_folder_is_no_suite(tmp_path):
    with pytest.raises(InputError, match=r"no instance in this folder, expected \*.json"):
        find_instances([str(tmp_path)])


def test_the_schemas_are_no_instances():
    with pytest.raises(InputError, match="no instance in this folder"):
        find_instances(["schema"])


def test_every_instance_formulation_cost_model_and_seed_is_one_run():
    jobs = all_jobs(find_instances([str(TINY)]), ("auto", "amp_dp", "auto"), ("amp", "pipeline"), (0, 1))
    assert len({job.task for job in jobs}) == len(jobs) == 8
    assert len({job.task.name for job in jobs}) == 8


def test_a_question_about_serving_has_no_cost_model_and_only_its_formulations_fit():
    jobs = all_jobs(find_instances(["helix"])[:1], ("auto", "amp_dp", "serving_flow"), ("amp", "pipeline"), (0,))
    assert [(job.task.cost_model, job.task.formulation, job.refusal) for job in jobs] == [
        ("-", "auto", ""),
        ("-", "amp_dp", "amp_dp is about training, the instance about serving"),
        ("-", "serving_flow", ""),
    ]


def test_a_malformed_instance_is_a_member_whose_runs_say_what_is_wrong(tmp_path: Path):
    (tmp_path / "broken.json").write_text("{")
    (file,) = find_instances([str(tmp_path)])
    assert file.question == "malformed"
    assert all_jobs([file], ("amp_dp",), ("pipeline",), (0,))[0].refusal == ""


@pytest.mark.parametrize(
    ("formulations", "cost_models", "said"),
    [
        (("magic",), ("pipeline",), "no formulation 'magic', expected one of amp_dp"),
        (("auto",), ("magic",), "no cost model 'magic', expected one of"),
    ],
)
def test_what_is_not_installed_is_refused_before_the_first_run(formulations, cost_models, said):
    with pytest.raises(InputError, match=said):
        all_jobs(find_instances([str(TINY)]), formulations, cost_models, (0,))
