"""``milp-amp profile``: an instance that can be solved, or one line that says why not."""

import json

import pytest

from milp_amp.problem.files import read
from tests.cli.worlds import documents, milp_amp

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 1536,
    "max_position_embeddings": 1024,
    "vocab_size": 8000,
    "tie_word_embeddings": True,
}


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "models" / "small" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(CONFIG))
    return file


def test_an_instance_that_nobody_measured_is_written_and_solved(config, tmp_path):
    file = tmp_path / "mixed.json"
    finished = milp_amp("profile", config, "--devices", "1x2xA100-80,1x2xV100-16", "--batch", 8, "-o", file)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    solved = milp_amp("solve", file, "--format", "json")
    assert solved.returncode == 0, solved.stderr
    assert documents(solved.stdout)[0]["status"] == "optimal"


def test_the_instance_says_how_it_was_made_but_not_where(config, tmp_path):
    file = tmp_path / "one node.json"
    asked = ("--devices", "4xT4", "--sequence", 256, "--microbatches", "1,2", "--efficiency", "compute=0.5")
    assert milp_amp("profile", config, *asked, "--output", file).returncode == 0
    instance = read(file)
    assert (instance.name, instance.model.name) == ("one node", "small")
    assert instance.source.startswith(
        "Estimated, not measured: milp-amp profile config.json --devices 4xT4 --sequence 256 --microbatches 1,2 "
        "--efficiency compute=0.5. Reached: compute 0.5, "
    )
    assert str(tmp_path) not in instance.source
    assert "NVIDIA T4 data sheet" in instance.source
    assert {entry.tensor_parallel for entry in instance.profile} == {1, 2, 4}
    assert {entry.microbatch_size for entry in instance.profile} == {1, 2}
    assert (instance.workload.sequence_length, instance.workload.reserve_GiB) == (256, 2.0)


def test_half_the_efficiency_takes_twice_as_long_where_nothing_else_counts(config, tmp_path):
    times = []
    for compute in (1, 0.5):
        file = tmp_path / f"{compute}.json"
        reached = f"compute={compute},memory=1e9,launch_ms=0"
        milp_amp("profile", config, "--devices", "1xT4", "--efficiency", reached, "-o", file)
        times.append(read(file).profile[0].forward_ms[1])
    assert times[1] == pytest.approx(2 * times[0], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--devices"),
        (("--devices", "4xGTX"), "'GTX' is unknown, expected one of V100-16"),
        (("--devices", "A100-80"), "expected NODESxDEVICESxTYPE"),
        (("--devices", "999999999xT4"), "devices"),
        (("--devices", "4xT4", "--network", "0"), "--network"),
        (("--devices", "4xT4", "--batch", "0"), "global_batch_size"),
        (("--devices", "4xT4", "--sequence", "0"), "sequence_length"),
        (("--devices", "4xT4", "--microbatches", "0,1"), "--microbatches"),
        (("--devices", "4xT4", "--tensor-degrees", "3"), "tensor degree 3"),
        (("--devices", "4xT4", "--efficiency", "speed=1"), "speed"),
        (("--devices", "4xT4", "--efficiency", "compute=0"), "compute"),
        (("--devices", "4xT4", "--recomputation", "some"), "--recomputation"),
        (("--devices", "4xT4", "--optimizer", "other"), "--optimizer"),
    ],
)
def test_bad_options_are_one_line_and_leave_no_file(arguments, named, config, tmp_path):
    finished = milp_amp("profile", config, *arguments, "--output", tmp_path / "x.json")
    assert finished.returncode == 20
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert named in finished.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"layers: 4", "JSON"),
        (json.dumps({**CONFIG, "kv_lora_rank": 512}).encode(), "kv_lora_rank"),
        (json.dumps({**CONFIG, "num_hidden_layers": 30_000}).encode(), "20000 layers"),
        (json.dumps({"model_type": "llama"}).encode(), "hidden_size"),
    ],
)
def test_a_bad_configuration_is_one_line(content, named, config, tmp_path):
    config.write_bytes(content)
    finished = milp_amp("profile", config, "--devices", "4xT4", "--output", tmp_path / "x.json")
    assert finished.returncode == 20
    assert len(finished.stderr.splitlines()) == 1
    assert named in finished.stderr
