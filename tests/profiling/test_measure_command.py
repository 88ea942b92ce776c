"""``milp-amp measure``: a file, or one line that says why not."""

import json
import os

import msgspec
import pytest

from milp_amp.cli import main
from milp_amp.problem.files import read
from milp_amp.profiling.measurement import Measurement
from tests.cli.worlds import milp_amp, tiny
from tests.profiling.table import TableBench, config

MISSING = "raise ImportError('no such thing')"
WITHOUT_GPU = """
__version__ = "9.9"
class cuda:
    @staticmethod
    def is_available():
        return False
"""


def instance(folder, **workload):
    """Write the tiny instance with the chain, the sequences and the precision that are measured here."""
    document = tiny()
    document["workload"] |= {"sequence_length": 64, "element_bytes": 4, **workload}
    file = folder / "world.json"
    file.write_text(json.dumps(document))
    return file


def arguments(folder, *more):
    options = ["--device-name", "fast", "--microbatches", "2,1", "--dtype", "float32"]
    return ["measure", str(config(folder)), *options, *map(str, more), "-o", str(folder / "out.json")]


@pytest.fixture
def bench(monkeypatch):
    """Measure on a table in place of a device; warm-up is three passes."""
    table = TableBench(warm_up=3)
    monkeypatch.setattr("milp_amp.cli.measure.open_bench", lambda request: table)
    return table


def with_torch(folder, source):
    """Return the environment of a process that finds this in place of PyTorch."""
    stub = folder / "stub"
    stub.mkdir()
    (stub / "torch.py").write_text(source)
    return {**os.environ, "PYTHONPATH": str(stub)}


@pytest.mark.parametrize(
    ("source", "device", "line"),
    [
        (MISSING, "cpu", "PyTorch is not installed, expected pip install 'milp-amp[profile]'"),
        (MISSING, "cuda", "PyTorch is not installed, expected pip install 'milp-amp[profile]'"),
        (
            WITHOUT_GPU,
            "cuda",
            "--torch-device: cuda, but PyTorch 9.9 finds no GPU, expected one, or --torch-device cpu",
        ),
    ],
)
def test_without_pytorch_or_a_gpu_it_is_one_line_and_no_file(source, device, line, tmp_path):
    environment = with_torch(tmp_path, source)
    finished = milp_amp(*arguments(tmp_path, "--torch-device", device), env=environment)
    assert finished.returncode == 20
    assert finished.stdout == ""
    assert finished.stderr == f"milp-amp: error: {line}\n"
    assert not (tmp_path / "out.json").exists()


def test_the_other_commands_do_without_pytorch(tmp_path):
    finished = milp_amp("formulations", env=with_torch(tmp_path, MISSING))
    assert finished.returncode == 0, finished.stderr


def test_the_times_are_written(bench, tmp_path, capsys):
    assert main(arguments(tmp_path)) == 0
    found = msgspec.json.decode((tmp_path / "out.json").read_bytes(), type=Measurement)
    assert (found.device, found.model) == ("fast", "tiny")
    assert [entry.microbatch_size for entry in found.profile] == [1, 2]
    assert found.profile[0].forward_ms == (1, 10, 10, 5)
    assert found.measured.sequence == 64  # the longest that the model is made for
    assert capsys.readouterr().out == ""


def test_an_instance_is_written_with_the_times_in_it(bench, tmp_path):
    assert main(arguments(tmp_path, "--into", instance(tmp_path))) == 0
    found = {(e.device, e.tensor_parallel, e.microbatch_size): e for e in read(tmp_path / "out.json").profile}
    assert found["fast", 1, 1].backward_ms == (3, 30, 30, 15)
    assert found["fast", 1, 2].forward_ms == (2, 20, 20, 10)
    assert found["fast", 2, 1].forward_ms == (3, 3, 3, 3)


def test_what_does_not_fit_is_said_and_the_rest_is_written(bench, tmp_path, capsys):
    bench.largest = 1
    assert main(arguments(tmp_path)) == 0
    assert "2 does not fit on table, the largest measured is 1" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "out.json").read_bytes())["profile"]) == 1


def test_ctrl_c_writes_what_was_measured(bench, tmp_path, capsys):
    bench.interrupted_at = 2
    assert main(arguments(tmp_path)) == 130
    assert "interrupted: measured up to microbatch size 1" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "out.json").read_bytes())["profile"]) == 1


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--microbatches", "1,x"), "--microbatches"),
        (("--repetitions", "0"), "--repetitions: 0"),
        (("--sequence", "-1"), "--sequence: -1"),
        (("--torch-device", "abacus"), "--torch-device"),
        (("--dtype", "int8"), "--dtype"),
        (("--into", "missing.json"), "missing.json"),
    ],
)
def test_bad_options_are_one_line_before_anything_is_measured(more, named, bench, tmp_path, capsys):
    assert main(arguments(tmp_path, *more)) == 20
    complaint = capsys.readouterr().err
    assert named in complaint
    assert len(complaint.splitlines()) == 1
    assert bench.calls == []


def test_another_chain_than_the_instances_is_refused_before_anything_is_measured(bench, tmp_path, capsys):
    options = arguments(tmp_path, "--into", instance(tmp_path))
    config(tmp_path, num_hidden_layers=3)
    assert main(options) == 20
    assert "tiny: a chain of 5 layers (embedding, 3 transformer layers, head), expected 4" in capsys.readouterr().err
    assert bench.calls == []
