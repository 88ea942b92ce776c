"""An instance that nobody measured: its layers, its memory and its profile can be checked by hand."""

import msgspec
import pytest

from milp_amp.cost.memory import activation_bytes
from milp_amp.errors import InputError
from milp_amp.problem.counted import Efficiency
from milp_amp.problem.workload import Workload
from milp_amp.roofline import parameters
from milp_amp.roofline.instance import degrees, instance_of, sequence_length
from milp_amp.roofline.machines import read_machines
from milp_amp.roofline.model import kept_shape, model_of
from tests.roofline.configs import DEEPSEEK_MOE_16B, FALCON_7B, GPT2, LLAMA_3_8B, MIXTRAL_8X7B, PUBLISHED
from tests.roofline.shapes import gpt, shape_of

WORK = Workload(global_batch_size=8, sequence_length=1024)


def made(shape=None, devices="2x4xA100-80,2xT4", workload=WORK, **options):
    return instance_of(shape or gpt(), read_machines(devices), workload, name="made", source="for a test", **options)


@pytest.mark.parametrize("config", [config for config, _ in PUBLISHED.values()], ids=PUBLISHED)
def test_the_layers_have_all_parameters_of_the_model_and_tied_ones_once(config):
    shape = shape_of(config)
    chain = model_of(shape, WORK).chain
    shared = {layer.shared_parameters for layer in chain if layer.shared_parameters}
    assert len(chain) == shape.layers + 2
    assert len(shared) == shape.tied
    assert sum(layer.parameters for layer in chain) + sum(s.parameters for s in shared) == parameters.total(shape)


def test_layers_without_experts_come_first_and_are_an_entry_of_their_own():
    layers = model_of(shape_of(DEEPSEEK_MOE_16B), WORK).layers
    assert [(layer.kind, layer.repeat) for layer in layers] == [
        ("embedding", 1),
        ("transformer", 1),
        ("transformer", 27),
        ("head", 1),
    ]
    assert layers[1].parameters < layers[2].parameters


def test_states_leave_layers_and_divided_logits_leave_the_head():
    layers = model_of(gpt(), WORK).layers
    assert [layer.output_elements for layer in layers] == [1024 * 1024, 1024 * 1024, 1024 * 50_000]
    assert [layer.output_elements_per_device(2) for layer in layers] == [1024 * 1024, 1024 * 1024, 1024 * 25_000]


@pytest.mark.parametrize("degree", [1, 2])
def test_the_head_keeps_twelve_bytes_per_logit_and_two_states(degree):
    head = made().model.chain[-1]
    assert activation_bytes(made(), head, degree) == pytest.approx(12 * 1024 * 50_000 / degree + 2 * 2 * 1024 * 1024)


def test_a_layer_of_a_gpt_keeps_34_bytes_of_the_hidden_size_and_its_scores():
    """Korthikanti et al., arXiv 2205.05198: s h (34 + 5 a s / h), here 16 heads on 1024 tokens, h = 1024."""
    instance = made()
    assert activation_bytes(instance, instance.model.chain[1], 1) == 1024 * 1024 * (34 + 5 * 16)


def test_a_gate_keeps_three_widths_and_grouped_queries_fewer_keys():
    """Llama-3-8B, elements per token that a tensor group divides: 2 · 4096 + 2 · 1024 + 3 · 14336."""
    kept = kept_shape(shape_of(LLAMA_3_8B))
    assert (kept.attention_widths, kept.ffn_tensors, kept.ffn_width) == (2 * 4096 + 2 * 1024, 3, 14336)


def test_every_active_expert_keeps_its_width_and_a_copy_of_what_enters_and_leaves():
    one, two = (kept_shape(shape_of(config)) for config in (LLAMA_3_8B, MIXTRAL_8X7B))
    assert 3 * (two.ffn_width - one.ffn_width) == pytest.approx(3 * 14336 + 2 * 2 * 4096, abs=3)


def test_the_profile_has_every_device_degree_and_microbatch_that_its_nodes_can_hold():
    found = {(entry.device, entry.tensor_parallel, entry.microbatch_size) for entry in made().profile}
    degrees_of = {"A100-80": (1, 2, 4), "T4": (1, 2)}
    assert found == {(device, t, b) for device, held in degrees_of.items() for t in held for b in (1, 2, 4, 8)}


def test_a_layer_takes_as_long_as_its_work_and_its_backward_pass_twice_that():
    """(24 h² + 4 s h) operations for each of 1024 tokens at 312 TFLOP/s; nothing else where memory is no limit."""
    reached = Efficiency(compute=1.0, memory=1e9, launch_ms=0.0)
    entry = made(microbatch_sizes=(1,), tensor_degrees=(1,), efficiency=reached).profile[0]
    forward = 1024 * (24 * 1024**2 + 4 * 1024 * 1024) / 312e12 * 1e3
    assert entry.forward_ms[1] == pytest.approx(forward, rel=1e-3)
    assert entry.backward_ms[1] == pytest.approx(2 * forward, rel=1e-3)


def test_the_backward_pass_reduces_as_much_as_the_forward_pass():
    """Of latency alone, an all-reduce on four devices takes 3 rounds of 1 ms, and a layer has two of them."""
    reached = Efficiency(compute=1e9, memory=1e9, link=1e9, launch_ms=0.0, reduction_us=1000.0)
    entry = made(microbatch_sizes=(1,), tensor_degrees=(4,), efficiency=reached).profile[0]
    assert entry.forward_ms[1] == entry.backward_ms[1] == pytest.approx(6.0)


def test_powers_of_two_that_divide_all_heads_are_profiled():
    assert degrees(gpt()) == [1, 2, 4, 8, 16]
    assert degrees(shape_of(GPT2)) == [1, 2, 4]
    assert degrees(shape_of(LLAMA_3_8B)) == [1, 2, 4, 8]
    assert degrees(shape_of(FALCON_7B)) == [1]


@pytest.mark.parametrize("asked", [(3,), (0,), (8,)])
def test_degrees_that_divide_no_heads_or_fit_no_node_are_refused(asked):
    with pytest.raises(InputError, match="tensor degree"):
        made(tensor_degrees=asked)


def test_a_sequence_is_the_longest_of_the_model_up_to_4096():
    assert sequence_length(gpt()) == 2048
    assert sequence_length(gpt(longest_sequence=131_072)) == 4096
    assert sequence_length(gpt(), 8192) == 8192


def test_a_sequence_that_cannot_be_known_or_embedded_is_refused():
    with pytest.raises(InputError, match="sequence"):
        sequence_length(gpt(longest_sequence=None))
    with pytest.raises(InputError, match="at most 1024"):
        sequence_length(shape_of(GPT2), 1025)


def test_machines_are_read_in_a_few_words():
    cluster = made(devices="2x4xA100-80, 8xH100,1x4xA100-80").cluster
    assert [(group.name, group.count, group.devices) for group in cluster.nodes] == [
        ("4xA100-80", 3, 4),
        ("8xH100", 1, 8),
    ]
    assert cluster.device_types["H100"].memory_GiB == 80
    assert [link.bandwidth_GBps for link in cluster.links] == [12.5, 12.5]


@pytest.mark.parametrize("text", ["", "A100-80", "0xA100-80", "2x0xT4", "-1xT4", "2x4x", "4xT4;4xT4", "4xGTX"])
def test_machines_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="expected"):
        read_machines(text)


def test_an_instance_is_what_is_read_back():
    instance = made(shape_of(MIXTRAL_8X7B))
    assert msgspec.json.decode(msgspec.json.encode(instance), type=type(instance)) == instance
