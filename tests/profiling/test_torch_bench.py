"""PyTorch on the CPU: passes and updates really run."""

import json

import pytest

from milp_amp.problem.files import read
from milp_amp.profiling.bench import PARTS, OutOfMemoryError
from milp_amp.profiling.measure import measure
from milp_amp.profiling.opening import open_bench
from tests.cli.worlds import milp_amp
from tests.profiling.table import config, request, shape
from tests.profiling.test_measure_command import arguments, instance

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_layer_takes_time_there_and_back_and_to_update(precision):
    asked = request(1, 2, precision=precision)
    outcome = measure(open_bench(asked), asked, "fast")
    assert not outcome.stopped
    for entry in outcome.measurement.profile:
        for times in (entry.forward_ms, entry.backward_ms, entry.update_ms):
            assert len(times) == asked.num_layers
            assert min(times) > 0
    assert outcome.measurement.measured.software == f"PyTorch {torch.__version__}"
    assert outcome.measurement.peak_MB is None


@pytest.mark.parametrize("part", PARTS)
def test_the_backward_pass_reaches_every_weight(part):
    bench = open_bench(request())
    bench.passes(part, 2, runs=1)
    gradients = [weight.grad for weight in bench.module(part).parameters()]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_gradients_add_up_from_pass_to_pass_and_a_pass_is_timed_for_each(monkeypatch):
    bench = open_bench(request())
    drill = bench._drill("head", 1)
    monkeypatch.setattr(bench, "_drill", lambda part, size: drill)
    weight = bench.module("head").logits.weight
    assert len(bench.passes("head", 1, runs=1)) == 1
    once, handed_back = weight.grad.clone(), drill.inputs[0].grad.clone()
    assert len(bench.passes("head", 1, runs=2)) == 2
    assert torch.allclose(weight.grad, 3 * once)
    assert torch.allclose(drill.inputs[0].grad, handed_back)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("part", PARTS)
def test_every_update_is_timed(part, precision):
    bench = open_bench(request(precision=precision))
    assert len(bench.updates(part, runs=4)) == 4


def test_an_update_in_half_precision_reaches_the_weights():
    bench = open_bench(request(precision="bfloat16"))
    before = [weight.clone() for weight in bench.module("head").parameters()]
    bench.updates("head", runs=2)
    after = bench.module("head").parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_what_is_kept_grows_with_the_microbatch_and_leaves_the_weights_out():
    bench = open_bench(request())
    assert bench.held("embedding", 1).stored == 16 * 8  # the tokens
    assert bench.held("transformer", 2).stored == pytest.approx(2 * bench.held("transformer", 1).stored, rel=0.01)


def test_a_layer_keeps_what_enters_its_norms_matrices_and_functions_and_little_else():
    plain = shape(gated=False, key_value_heads=4, positions=16)
    stored = open_bench(request(shape=plain)).held("transformer", 1).stored
    norms, matrices = 32 + 32, 32 + 32 + 32 + 48
    attention, activation = 3 * 32, 48
    least = 4 * 16 * (norms + matrices + attention + activation)
    assert least <= stored <= 1.25 * least  # statistics, and in some versions what a norm has before its weights


def test_a_gpu_counts_its_peak_beyond_what_was_there(monkeypatch):
    """A device in the place of a GPU: what is asked of it, and in which order."""
    asked = []
    answers = {"synchronize": None, "reset_peak_memory_stats": None, "memory_allocated": 100}
    for name, answer in (answers | {"max_memory_allocated": 1100}).items():
        monkeypatch.setattr(torch.cuda, name, lambda name=name, answer=answer: asked.append(name) or answer)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Abacus")
    bench = open_bench(request())
    bench._on_gpu = True
    assert bench.machine == "NVIDIA Abacus"
    assert bench.held("head", 1).peak == 1000
    assert asked == [*answers, "max_memory_allocated"]


def test_a_pass_that_does_not_fit_is_told_from_other_failures():
    """More bytes than a process has addresses."""
    bench = open_bench(request(sequence=1024))
    with pytest.raises(OutOfMemoryError):
        bench.passes("transformer", 10**9, runs=1)


def test_other_failures_stay_what_they_are():
    bench = open_bench(request())
    bench.module("head").logits = torch.nn.Linear(31, 64)
    with pytest.raises(RuntimeError, match="shape"):
        bench.passes("head", 1, runs=1)


def test_the_command_measures_an_instance(tmp_path):
    world = instance(tmp_path)
    finished = milp_amp(*arguments(tmp_path, "--torch-device", "cpu", "--repetitions", 2, "--into", world))
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    found = {(e.device, e.tensor_parallel, e.microbatch_size): e for e in read(tmp_path / "out.json").profile}
    assert len(found) == 5
    assert found["fast", 1, 2].update_ms is not None


def test_the_command_writes_times_alone(tmp_path):
    finished = milp_amp(*arguments(tmp_path, "--torch-device", "cpu", "--repetitions", 1))
    assert finished.returncode == 0, finished.stderr
    document = json.loads((tmp_path / "out.json").read_bytes())
    assert len(document["stored_MB"]) == len(document["profile"][0]["forward_ms"]) == 4
    assert config(tmp_path).stem == document["model"]
