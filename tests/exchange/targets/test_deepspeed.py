"""DeepSpeed: a pipeline module with the plan's borders, built by DeepSpeed itself where it is installed."""

import json
import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.directory import training_files, write_directory
from milp_amp.exchange.targets.deepspeed import DEEPSPEED
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model

PLAN = strategy((0, 1, "a.0/0"), (1, 5, "a.0/1"), (5, 6, "b.0/0"))

PROGRAM = """
import os, sys
import torch
import deepspeed
sys.path.insert(0, sys.argv[1])
from pipeline_stages import placed

class Layer(torch.nn.Linear):
    def __init__(self, number):
        super().__init__(2, 2)
        self.number = number

deepspeed.init_distributed(dist_backend="gloo", verbose=False)
model = placed([deepspeed.pipe.LayerSpec(Layer, n) for n in range(int(sys.argv[2]))])
built = ",".join(str(layer.number) for layer in model.forward_funcs)
with open(os.path.join(sys.argv[1], "built" + os.environ["RANK"]), "w") as stream:
    stream.write(f"{model._topo.get_coord(int(os.environ['RANK']))} {built}")
"""
"""Every process writes its coordinates and the layers that it built."""


def built(tmp_path, world, plan, layers):
    """Run the program on all nodes, as SLURM would; return (coordinates, layers) by rank, or the failure."""
    place = tmp_path / "launch"
    write_directory(place, training_files(DEEPSPEED, world, plan, {}))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ranks = json.loads((place / "ranks.json").read_text())["world_size"]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(29600 + os.getpid() % 300), "DS_ACCELERATOR": "cpu"}
    children = [
        subprocess.Popen(
            [sys.executable, place / "launch.py", sys.executable, program, place, str(layers)],
            env=os.environ | common | {"SLURM_PROCID": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(ranks)
    ]
    errors = [child.communicate(timeout=240)[1] for child in children]
    if any(child.returncode for child in children):
        return errors[0]
    return [(place / f"built{rank}").read_text() for rank in range(ranks)]


def test_every_stage_builds_the_layers_that_the_plan_has_there(tmp_path):
    pytest.importorskip("deepspeed")
    lines = built(tmp_path, language_model("etttth"), PLAN, 6)
    assert [line.rpartition(" ")[2] for line in lines] == ["0", "1,2,3,4", "5"]
    assert "pipe=1" in lines[1]


def test_ranks_are_numbered_as_deepspeed_numbers_them(tmp_path):
    pytest.importorskip("deepspeed")
    plan = strategy((0, 3, "a.0/0", "a.0/1"), (3, 4, "b.0/0", "b.0/1"))
    lines = built(tmp_path, language_model("etth"), plan, 4)
    assert [("pipe=1" in line, "data=1" in line) for line in lines] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]


def test_a_model_of_another_depth_is_refused(tmp_path):
    pytest.importorskip("deepspeed")
    assert "7 layers, expected 6, as the plan has" in built(tmp_path, language_model("etttth"), PLAN, 7)


def test_borders_and_batch_stand_beside_the_module():
    files = DEEPSPEED.launch(language_model("etttth", recomputation="full"), PLAN).files
    assert json.loads(files["stages.json"]) == {
        "borders": [0, 1, 5, 6],
        "tensor_parallel": 1,
        "data_parallel": 1,
        "activation_checkpoint_interval": 1,
    }
    assert json.loads(files["ds_config.json"]) == {
        "train_batch_size": 8,
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 8,
        "zero_optimization": {"stage": 0},
    }


def test_scores_that_are_computed_again_are_left_to_the_layers():
    world = language_model("etttth")
    assert len(DEEPSPEED.launch(world, PLAN).notes) == 1
    selective = replace(world, workload=replace(world.workload, recomputation="selective"))
    assert "DeepSpeed has no option" in DEEPSPEED.launch(selective, PLAN).notes[1]


def test_the_configuration_is_found_beside_the_script(tmp_path):
    place = tmp_path / "a place"
    write_directory(place, training_files(DEEPSPEED, language_model("etttth"), PLAN, {}))
    program = tmp_path / "program.py"
    program.write_text("import sys; open(sys.argv[-1]).close(); sys.stdout.write(sys.argv[-1])")
    command = ["sh", place / "start.sh", program]
    finished = subprocess.run(command, env=os.environ | {"SLURM_PROCID": "0"}, capture_output=True, text=True)
    assert finished.stdout == str(place / "ds_config.json")


def test_layers_of_any_kind_and_order_are_run_but_not_zero_2():
    plan = strategy((0, 1, "a.0/0"), (1, 3, "a.0/1"))
    assert DEEPSPEED.refusals(language_model("ttt"), plan) == ()
    assert DEEPSPEED.refusals(language_model("hte"), plan) == ()
    with pytest.raises(InputError, match="zero_stage: 2, expected at most 1 for DeepSpeed's pipelines"):
        DEEPSPEED.refusals(language_model("ttt", zero_stage=2), plan)
