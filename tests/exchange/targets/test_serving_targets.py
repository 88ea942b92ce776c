"""Servers as vLLM, SGLang, HexGen, accelerate and llama.cpp start them: what a shell makes of the scripts."""

import json
import os
import random
import subprocess
from bisect import bisect_right

import numpy as np
import pytest

from milp_amp.exchange.directory import write_directory
from milp_amp.exchange.servers import Server, ServerStage
from milp_amp.exchange.serving_directory import serving_files
from milp_amp.exchange.targets import load_serving
from milp_amp.exchange.targets.one_node import device_map, llamacpp

SPREAD = Server((ServerStage(42, "a.0", (2, 3)), ServerStage(20, "a.0", (0, 1)), ServerStage(16, "b.0", (0, 1))))
HERE = Server((ServerStage(3, "a.0", (2,)), ServerStage(1, "a.0", (0,))))
UNEVEN = Server((ServerStage(20, "a.0", (0, 1)), ServerStage(40, "b.0", (0, 1, 2, 3))))


def started(tmp_path, target, server, *arguments, stage="0", hosts=None):
    """Run a script with programs that only say how they were called; return the words and the environment."""
    place, tools = tmp_path / "launch", tmp_path / "tools"
    if not place.exists():
        write_directory(place, serving_files(load_serving(target), (server,), hosts or {}))
        tools.mkdir()
    for name in ("vllm", "python3", "torchrun", "llama-server"):
        (tools / name).write_text('#!/bin/sh\nenv; for word in "$0" "$@"; do echo "word $word"; done\n')
        (tools / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "STAGE": stage}
    command = ["sh", place / "server-0.sh", *arguments]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    lines = finished.stdout.splitlines()
    words = [line.removeprefix("word ") for line in lines if line.startswith("word ")]
    return words[1:], dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("word "))


def test_vllm_has_a_node_per_stage_whose_devices_alone_it_sees(tmp_path):
    words, environment = started(tmp_path, "vllm", SPREAD, "some/model", "--dtype", "auto", stage="1")
    assert words[:4] == ["serve", "some/model", "--dtype", "auto"]
    text = " ".join(words)
    assert "--tensor-parallel-size 2 --pipeline-parallel-size 3" in text
    assert "--nnodes 3 --node-rank 1 --master-addr a.0 --master-port 29500 --headless" in text
    assert environment["VLLM_PP_LAYER_PARTITION"] == "42,20,16"
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_the_first_stage_of_vllm_answers(tmp_path):
    words, environment = started(tmp_path, "vllm", SPREAD, "m", hosts={"a.0": "gpu1", "b.0": "gpu2"})
    assert "--headless" not in words
    assert words[words.index("--master-addr") + 1] == "gpu1"
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_a_server_on_one_node_is_one_process_of_vllm(tmp_path):
    words, environment = started(tmp_path, "vllm", HERE, "m")
    assert "--nnodes" not in words
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,0"
    assert environment["VLLM_PP_LAYER_PARTITION"] == "3,1"


def test_sglang_is_told_the_same(tmp_path):
    words, environment = started(tmp_path, "sglang", SPREAD, "some/model", stage="2")
    text = " ".join(words)
    assert text.startswith("-m sglang.launch_server --model-path some/model --tp-size 2 --pp-size 3")
    assert "--dist-init-addr a.0:29500 --nnodes 3 --node-rank 2" in text
    assert environment["SGLANG_PP_LAYER_PARTITION"] == "42,20,16"


def test_hexgen_has_a_degree_and_layers_for_every_stage(tmp_path):
    words, environment = started(tmp_path, "hexgen", UNEVEN, "_llama_worker.py", stage="1")
    text = " ".join(words)
    assert text.startswith("--nnodes 2 --node-rank 1 --nproc-per-node 4 --master-addr a.0 --master-port 29500")
    assert text.endswith("_llama_worker.py --hetero_config 2 4 --pp_partition 20 40 --group_id 0")
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_a_stage_that_is_none_is_refused(tmp_path):
    assert started(tmp_path, "hexgen", UNEVEN, "x", stage="2") == ([], {})


def test_accelerate_maps_every_module_to_a_device(tmp_path):
    words, environment = started(tmp_path, "accelerate", HERE, "serve.py")
    assert words[0] == "serve.py"
    with open(words[1]) as stream:
        assert json.load(stream) == {
            "model.embed_tokens": 0,
            "model.rotary_emb": 0,
            "model.layers.0": 0,
            "model.layers.1": 0,
            "model.layers.2": 0,
            "model.layers.3": 1,
            "model.norm": 1,
            "lm_head": 1,
        }
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,0"
    assert device_map(HERE)["model.layers.3"] == 1


def test_llama_cpp_counts_the_output_as_a_layer_of_the_last_device(tmp_path):
    words, _ = started(tmp_path, "llamacpp", HERE, "model.gguf")
    assert words[:2] == ["-m", "model.gguf"]
    assert " ".join(words[2:]) == "--n-gpu-layers 5 --split-mode layer --tensor-split 3,2 --port 8080"


@pytest.mark.parametrize("seed", range(50))
def test_llama_cpp_gives_every_device_the_layers_of_the_plan(seed):
    """Its own rule in single precision: the first device whose share, summed up, exceeds layer / (layers + 1)."""
    draw = random.Random(seed)
    counts = [draw.randint(1, 40) for _ in range(draw.randint(1, 8))]
    server = Server(tuple(ServerStage(count, "a.0", (k,)) for k, count in enumerate(counts)))
    arguments = llamacpp(server, 0).arguments
    asked = [np.float32(part) for part in arguments[arguments.index("--tensor-split") + 1].split(",")]
    layers, offloaded = sum(counts), min(int(arguments[1]), sum(counts) + 1)
    shares = [np.float32(total) / sum(asked, np.float32(0)) for total in np.cumsum(asked, dtype=np.float32)]
    devices = [bisect_right(shares, np.float32(layer) / np.float32(offloaded)) for layer in range(layers + 1)]
    assert [devices[:layers].count(k) for k in range(len(counts))] == counts
    assert devices[layers] == len(counts) - 1


@pytest.mark.parametrize(
    ("target", "server", "reason"),
    [
        ("vllm", UNEVEN, "tensor groups of 2, 4 devices, expected one size"),
        ("sglang", UNEVEN, "tensor groups of 2, 4 devices, expected one size"),
        ("accelerate", SPREAD, "nodes a.0, b.0, expected one"),
        ("llamacpp", Server((ServerStage(4, "a.0", (0, 1)),)), "tensor groups of 2 devices, expected none"),
    ],
)
def test_servers_that_a_target_cannot_run_are_named(target, server, reason):
    assert reason in load_serving(target).unserved((HERE, server))[0]
    assert load_serving("hexgen").unserved((server,)) == ()
