"""Launch directories: all of one or nothing, and scripts that a shell starts as they are meant."""

import os
import subprocess

import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.directory import training_files, write_directory
from milp_amp.exchange.targets import load
from milp_amp.plan.strategy import Stage, Strategy
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model

WORLD = language_model("etttth")
TWO_TYPES = strategy((0, 4, "a.0/1 a.0/0"), (4, 6, "b.0/0"))
INTERLEAVED = strategy((0, 2, "a.0/0"), (2, 4, "b.0/0"), (4, 6, "a.0/1"))


def launched(tmp_path, plan, script, target="flagscale", **environment):
    """Run a script with programs that only say how they were called."""
    place, tools = tmp_path / "launch", tmp_path / "tools"
    write_directory(place, training_files(load(target), WORLD, plan, {"a.0": "gpu1", "b.0": "gpu2"}))
    tools.mkdir()
    (tools / "torchrun").write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES $@"\n')
    (tools / "torchrun").chmod(0o755)
    program = tmp_path / "program.py"
    program.write_text("import sys; print(*sys.argv[1:])")
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    finished = subprocess.run(
        ["sh", place / script, program], env=os.environ | path | environment, capture_output=True, text=True, timeout=60
    )
    return finished.returncode, finished.stdout


def test_a_node_is_started_by_torchrun_with_its_devices_and_its_type(tmp_path):
    _, text = launched(tmp_path, TWO_TYPES, "torchrun.sh", NODE="a.0")
    assert text.startswith("1,0 --nnodes 2 --node-rank 0 --nproc-per-node 2 --master-addr gpu1 --master-port 29500")
    assert text.rstrip().endswith("--hetero-device-types fast slow --hetero-current-device-type fast")


def test_another_node_has_another_type(tmp_path):
    _, text = launched(tmp_path, TWO_TYPES, "torchrun.sh", NODE="b.0")
    assert text.startswith("0 --nnodes 2 --node-rank 1 --nproc-per-node 1 ")
    assert text.rstrip().endswith("--hetero-current-device-type slow")


def test_a_node_that_is_none_is_refused_by_the_script(tmp_path):
    assert launched(tmp_path, TWO_TYPES, "torchrun.sh", NODE="c.0") == (2, "")


def test_every_process_is_told_what_its_own_devices_are_called(tmp_path):
    _, text = launched(tmp_path, INTERLEAVED, "start.sh", SLURM_PROCID="2")
    assert text.rstrip().endswith("--hetero-device-types fast-0 slow fast-1 --hetero-current-device-type fast-1")


@pytest.mark.parametrize("target", ["megatron", "megatron-bridge", "flagscale", "torchtitan", "galvatron", "deepspeed"])
def test_names_that_a_shell_would_take_apart_or_execute_are_words_in_every_script(tmp_path, target):
    # Blanks are in the names of nodes and of types; whatever else a shell knows is in the instance's title alone.
    world = language_model("etttth", nodes=(("rack 1 - +", 1, "A 100 -", 2),), tensor_degrees=(1, 2))
    world = replace(world, name="'; touch one; $(touch two) `touch three` \"")
    stage = Stage(layers=(0, 6), tensor_parallel=1, replicas=(("rack 1 - +.0/0",),))
    plan = Strategy(microbatch_size=1, data_parallel=1, stages=(stage,))
    files = training_files(load(target), world, plan, {"rack 1 - +.0": "gpu1"})
    place = tmp_path / "a 'place' $(touch four)"
    write_directory(place, files)
    commands = [line for line in files["README.txt"].decode().splitlines() if line.startswith("    NODE=")]
    assert len(commands) == 2
    (tmp_path / "torchrun").write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    (tmp_path / "torchrun").chmod(0o755)
    program = tmp_path / "program.py"
    program.write_text("import sys; print(*sys.argv[1:], sep='\\n')")
    for command in commands:
        called = command.replace("PROGRAM …", f"{program} 'one word'")
        path = f"{tmp_path}:{os.environ['PATH']}"
        text = subprocess.run(
            ["sh", "-c", called], cwd=place, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60
        ).stdout
        assert target == "torchtitan" or "one word" in text.splitlines()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([place.name, "program.py", "torchrun"])
    assert {path.name for path in place.iterdir()} == set(files)


def test_ranks_that_return_to_a_node_are_not_for_torchrun():
    files = training_files(load("megatron"), WORLD, INTERLEAVED, {})
    assert "torchrun.sh" not in files
    assert "torchrun.sh" in training_files(load("megatron"), WORLD, strategy((0, 6, "a.0/0")), {})


def test_the_types_stand_in_the_host_file_where_every_node_has_one():
    assert training_files(load("flagscale"), WORLD, TWO_TYPES, {})["hostfile"] == (
        b"a.0 slots=2 type=fast\nb.0 slots=1 type=slow\n"
    )
    assert training_files(load("flagscale"), WORLD, INTERLEAVED, {})["hostfile"] == (
        b"a.0 slots=2\nb.0 slots=1 type=slow\n"
    )


def test_a_directory_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a writable place"):
        write_directory(tmp_path / "file" / "launch", {"x": b""})
    with pytest.raises(InputError, match="is no directory"):
        write_directory(tmp_path / "file", {"x": b""})
    with pytest.raises(InputError, match="expected a writable place"):
        write_directory(tmp_path / "launch", {"no/such/place": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_empty_directory_is_taken(tmp_path):
    (tmp_path / "launch").mkdir()
    write_directory(tmp_path / "launch", {"x": b"y"})
    assert (tmp_path / "launch" / "x").read_bytes() == b"y"
