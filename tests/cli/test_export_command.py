"""``milp-amp export``: a launch directory, or one line that says why there is none."""

import json
import os
import signal
import subprocess
import sys
from unittest import mock

import pytest

from milp_amp.exchange.launch import launch
from tests.cli.worlds import LIBRARY, TINY, TINY_PLAN, milp_amp, tiny, tiny_plan

PROFILED = {("fast", 2), ("slow", 1)}
"""Degrees at which a stage on both types would have to differ."""

PRINT = """
import os, sys
words = [os.environ[name] for name in ("RANK", "CUDA_VISIBLE_DEVICES", "LOCAL_RANK")]
sys.stdout.write(" ".join([*words, *sys.argv[1:]]) + "\\n")  # in one piece: others write too
"""


def export(tmp_path, plan=TINY_PLAN, *more, instance=TINY, target="megatron"):
    place = tmp_path / "launch"
    return place, milp_amp("export", plan, "--instance", instance, "--target", target, "-o", place, *more)


def written(tmp_path, name, document):
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


def uneven_degrees():
    plan = tiny_plan()
    plan["data_parallel"] = 1
    plan["stages"][0] |= {"tensor_parallel": 2, "replicas": [["f.0/0", "f.0/1"]]}
    plan["stages"][1] |= {"tensor_parallel": 1, "replicas": [["s.0/0"]]}
    return plan


def test_the_directory_has_the_layout_hosts_in_the_order_of_ranks_and_a_rank_map(tmp_path):
    place, finished = export(tmp_path)
    assert (finished.returncode, finished.stdout) == (0, "")
    assert "--pipeline-model-parallel-layout 'Et*3|tL'" in (place / "start.sh").read_text()
    assert (place / "slurm_hosts").read_text() == "f\nf\ns\ns\n"  # groups of one node are hosts
    assert (place / "hostfile").read_text() == "f slots=2\ns slots=2\n"
    ranks = json.loads((place / "ranks.json").read_text())
    assert ranks["world_size"] == 4
    assert [(p["stage"], p["replica"], p["device"]) for p in ranks["processes"]] == [
        (0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 1)
    ]  # fmt: skip
    assert json.loads((place / "plan.json").read_text())["stages"] == tiny_plan()["stages"]
    assert "srun --distribution=arbitrary --ntasks=4 sh start.sh" in (place / "README.txt").read_text()


def test_every_process_of_a_node_is_started_with_its_rank_and_its_devices(tmp_path):
    plan = tiny_plan()
    plan["stages"][1]["replicas"] = [["s.0/1"], ["s.0/0"]]
    place, _ = export(tmp_path, written(tmp_path, "plan.json", plan))
    program = tmp_path / "program.py"
    program.write_text(PRINT)
    command = ["sh", str(place / "start.sh"), str(program), "--model", "mine"]
    finished = subprocess.run(
        command, env={**os.environ, "NODE": "s.0"}, capture_output=True, text=True, timeout=60, check=True
    )
    lines = sorted(finished.stdout.splitlines())
    assert [line[:8] for line in lines] == ["2 1,0 0 ", "3 1,0 1 "]
    assert all("--model mine --tensor-model-parallel-size 1" in line for line in lines)
    by_srun = {**os.environ, "SLURM_PROCID": "1"}
    finished = subprocess.run(command, env=by_srun, capture_output=True, text=True, timeout=60, check=True)
    assert finished.stdout.startswith("1 0,1 1 --model mine")


def test_a_node_that_runs_nothing_and_a_rank_that_is_none_are_refused_in_one_line(tmp_path):
    place, _ = export(tmp_path)
    for arguments, environment in ((["--node", "x", "true"], {}), (["true"], {"SLURM_PROCID": "4"}), (["true"], {})):
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "PMI", "OMPI"))}
        command = [sys.executable, place / "launch.py", *arguments]
        finished = subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=60)
        assert finished.returncode == 2
        assert finished.stderr.startswith("launch.py: ")
        assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "told",
    [
        # mpirun in a SLURM job: its helper on every node is task 0 or 1 of a step of its own
        {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"},
        {"SLURM_PROCID": "0", "PMIX_RANK": "0", "PMI_RANK": "3", "PMI_SIZE": "4"},
        {"SLURM_PROCID": "3", "PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "4"},
    ],
)
def test_the_rank_is_that_of_the_innermost_launcher(tmp_path, told):
    place, _ = export(tmp_path)
    found = launched_rank(place, told)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["3", "0,1", "1"]


def test_too_few_processes_are_refused_where_they_would_wait_for_the_others(tmp_path):
    place, _ = export(tmp_path)
    found = launched_rank(place, {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"})
    assert found.returncode == 2
    assert "2 processes were started, expected 4, as in ranks.json" in found.stderr


def launched_rank(place, told):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "PMI", "OMPI"))}
    command = [sys.executable, place / "launch.py", sys.executable, "-c", PRINT]
    return subprocess.run(command, env=clean | told, capture_output=True, text=True, timeout=60)


def test_a_process_that_fails_ends_the_others_of_its_node_with_its_code(tmp_path):
    place, _ = export(tmp_path)
    program = "import os, sys, time; sys.exit(7) if os.environ['RANK'] == '0' else time.sleep(50)"
    command = [sys.executable, place / "launch.py", "--node", "f.0", sys.executable, "-c", program]
    assert subprocess.run(command, timeout=30).returncode == 7


def test_a_process_that_does_not_hear_that_it_should_end_is_ended():
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(50)"
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as child:
        child.stdout.readline()  # from now on it is deaf
        fails = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
        try:
            with mock.patch.object(launch, "GRACE_SECONDS", 0.1):
                assert launch.wait([child, fails]) == 7
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)
        assert child.returncode == -signal.SIGKILL


def test_hosts_are_called_what_a_file_calls_them(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_bytes("\ufefff.0 gpu17\r\n".encode())  # as an editor on Windows leaves it
    place, _ = export(tmp_path, TINY_PLAN, "--hosts", hosts)
    assert (place / "hostfile").read_text() == "gpu17 slots=2\ns slots=2\n"


def test_a_plan_that_the_target_cannot_run_is_refused_with_what_the_nearest_one_takes(tmp_path):
    place, finished = export(tmp_path, written(tmp_path, "plan.json", uneven_degrees()))
    assert finished.returncode == 20
    assert "Megatron-LM cannot run it: stages: tensor degrees 1, 2, expected one for all" in finished.stderr
    # 8 microbatches through one stage on two devices: 8 × 3 × (3 + 3 + 3 + 3) ms would be 0.288 s
    assert "the nearest plan that it can run takes 0.1732 s per step, 28.4 % less (optimal)" in finished.stderr
    assert "--nearest writes that one" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not place.exists()


def test_the_nearest_plan_is_written_where_it_is_asked_for(tmp_path):
    place, finished = export(tmp_path, written(tmp_path, "plan.json", uneven_degrees()), "--nearest")
    assert finished.returncode == 0
    judged = milp_amp("evaluate", TINY, place / "plan.json", "--format", "json")
    assert judged.returncode == 0
    degrees = {stage["tensor_parallel"] for stage in json.loads((place / "plan.json").read_text())["stages"]}
    assert len(degrees) == 1


def test_where_no_plan_can_be_run_that_is_said(tmp_path):
    world = tiny()
    world["restrictions"] = {
        "plan": {"stages": [{"layers": [0, 3], "nodes": ["f"]}, {"layers": [3, 4], "nodes": ["s"]}]}
    }
    world["profile"] = [entry for entry in world["profile"] if (entry["device"], entry["tensor_parallel"]) in PROFILED]
    plan = uneven_degrees()
    _, finished = export(
        tmp_path, written(tmp_path, "plan.json", plan), "--nearest", instance=written(tmp_path, "instance.json", world)
    )
    assert finished.returncode == 20
    assert finished.stderr.rstrip().endswith("; there is none that it can run")


def test_a_result_finds_its_instance_by_name(tmp_path):
    library = tmp_path / "instances"
    library.mkdir()
    (library / "tiny.json").write_bytes(TINY.read_bytes())
    milp_amp(
        "solve", library / "tiny.json", "--output", tmp_path / "result.json", "--restrict", "uniform_tensor_parallel"
    )
    finished = milp_amp("export", "result.json", "--target", "megatron", "-o", "launch", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "launch" / "start.sh").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda plan, _: plan["stages"][0].update(layers=[0, 2]), "stages[1].layers: [3, 4] starts at 3, expected 2"),
        (lambda _, world: world["model"]["layers"][0].update(kind="other"), "none of kind 'transformer'"),
        (lambda _, world: world["workload"].update(schedule="gpipe"), "'gpipe'"),
    ],
)
def test_a_plan_that_breaks_a_rule_and_an_instance_that_the_target_cannot_run_are_bad_input(tmp_path, spoil, reason):
    plan, world = tiny_plan(), tiny()
    spoil(plan, world)
    place, finished = export(
        tmp_path, written(tmp_path, "plan.json", plan), instance=written(tmp_path, "instance.json", world)
    )
    assert finished.returncode == 20
    assert reason in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert not place.exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch" / "mine").write_text("precious")
    place, finished = export(tmp_path)
    assert finished.returncode == 20
    assert "is not empty, expected a new or an empty directory" in finished.stderr
    assert [path.name for path in place.iterdir()] == ["mine"]
    assert [path.name for path in tmp_path.iterdir()] == ["launch"]


@pytest.mark.parametrize("place", ["/proc/launch", "x" * 300, "plan.json/launch"])
def test_a_place_that_cannot_be_written_is_refused_before_the_plan_is_read(tmp_path, place):
    (tmp_path / "plan.json").write_text("no plan")
    finished = milp_amp("export", "plan.json", "--target", "megatron", "-o", place, cwd=tmp_path)
    assert finished.returncode == 20
    assert "expected a writable place" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_bare_plan_needs_its_instance(tmp_path):
    finished = milp_amp("export", TINY_PLAN, "--target", "megatron", "-o", tmp_path / "launch")
    assert finished.returncode == 20
    assert "a plan without a result, expected --instance FILE" in finished.stderr


def test_an_unknown_target_is_refused_with_those_that_there_are(tmp_path):
    _, finished = export(tmp_path, target="nobody")
    assert finished.returncode == 20
    assert "megatron" in finished.stderr


def test_every_replica_of_a_plan_is_a_server_of_its_own(tmp_path):
    place, finished = export(tmp_path, target="vllm")
    assert finished.returncode == 0, finished.stderr
    assert "VLLM_PP_LAYER_PARTITION=3,1" in (place / "server-0.sh").read_text()
    assert "on s: STAGE=1 sh server-1.sh MODEL" in (place / "README.txt").read_text()
    ranks = json.loads((place / "ranks.json").read_text())
    assert (ranks["servers"], len(ranks["processes"])) == (2, 4)


def test_a_placement_whose_machines_form_a_chain_is_a_server(tmp_path):
    plan, world = LIBRARY / "plans" / "helix" / "t4-30b-12--flow.json", LIBRARY / "helix" / "t4-30b-12.json"
    place, finished = export(tmp_path, plan, instance=world, target="vllm")
    assert finished.returncode == 0, finished.stderr
    script = (place / "server-0.sh").read_text()
    assert "VLLM_PP_LAYER_PARTITION=5,5,5,5,5,5,5,5,5,5,5,5" in script
    assert "--pipeline-parallel-size 12" in script


@pytest.mark.parametrize(
    ("plan", "target", "reason"),
    [
        ("placements/single-helix-milp.json", "vllm", "machines end at layer"),
        ("placements/single-petals.json", "vllm", "partial_inference"),
        (
            "../plans/helix/single-70b-24--flow.json",
            "accelerate",
            "Hugging Face accelerate cannot run it: server 0: nodes",
        ),
        ("../plans/helix/single-70b-24--flow.json", "megatron", "no target 'megatron', expected one of vllm"),
    ],
)
def test_a_placement_that_a_target_cannot_run_is_refused(tmp_path, plan, target, reason):
    world = LIBRARY / "helix" / "single-70b-24.json"
    place, finished = export(tmp_path, LIBRARY / "helix" / plan, instance=world, target=target)
    assert finished.returncode == 20
    assert reason in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert not place.exists()


def test_a_plan_about_the_other_question_is_refused(tmp_path):
    _, finished = export(tmp_path, TINY_PLAN, instance=LIBRARY / "helix" / "t4-30b-12.json")
    assert finished.returncode == 20
    assert "a plan about training, but instance 't4-30b-12' is about serving" in finished.stderr


def test_the_nearest_plan_of_servers_is_written_where_it_is_asked_for(tmp_path):
    place, finished = export(tmp_path, written(tmp_path, "plan.json", uneven_degrees()), "--nearest", target="vllm")
    assert finished.returncode == 0
    assert "vLLM cannot run it: stages: tensor degrees 1, 2, expected one for all" in finished.stderr
    assert (place / "server-0.sh").exists()


def test_what_is_no_plan_is_refused_in_one_line(tmp_path):
    for number, text in enumerate(
        ("", "[]", "{}", '{"stages": 3}', '{"layers": {"f.0": [0]}}', '{"status": "optimal"}')
    ):
        spoiled = tmp_path / f"spoiled-{number}.json"
        spoiled.write_text(text)
        _, finished = export(tmp_path, spoiled)
        assert finished.returncode == 20, text
        assert finished.stderr.count("\n") == 1
        assert "Traceback" not in finished.stderr
