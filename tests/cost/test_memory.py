"""Bytes on one device of a stage."""

import numpy as np
import pytest
from msgspec import structs

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.layers import layer_seconds
from milp_amp.cost.memory import activation_bytes, microbatches_in_flight, parameters, stage_bytes
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.problem.model import Layer, SharedParameters, TransformerShape
from tests.builders import instance

GiB = 2**30


def layer(own=0.0, shared=None, **fields):
    tied = None if shared is None else SharedParameters(name=shared, parameters=100.0)
    return Layer(name="x", parameters=own, shared_parameters=tied, output_elements=0, **fields)


def test_shared_parameters_count_once_per_stage():
    chain = (layer(1, "tied"), layer(2), layer(3, "tied"))
    assert parameters(chain) == 106
    assert parameters(chain[:1]) + parameters(chain[1:]) == 101 + 105


def test_two_different_shared_tensors_both_count():
    assert parameters((layer(1, "tied"), layer(2, "other"))) == 203


@pytest.mark.parametrize(
    ("schedule", "microbatches", "to_end", "held"),
    [("1f1b", 8, 1, 1), ("1f1b", 8, 3, 3), ("1f1b", 2, 3, 2), ("gpipe", 8, 1, 8), ("gpipe", 8, 3, 8)],
)
def test_one_forward_one_backward_holds_as_many_microbatches_as_stages_follow(schedule, microbatches, to_end, held):
    assert microbatches_in_flight(schedule, microbatches, to_end) == held


def test_a_device_holds_its_share_of_the_state_the_activations_in_flight_and_the_reserve():
    world = instance({"fast": [1, 1]}, parameters=1e6, activation_MB=2, reserve_GiB=1)
    # 18 bytes × 2 million / 2; 3 microbatches in flight of 4 sequences of 2 × 2 MB, whole on every device.
    needed = stage_bytes(world, world.model.chain, tensor_parallel=2, data_parallel=2, microbatch_size=4, in_flight=3)
    assert needed == 18e6 + 48e6 + GiB


def test_a_tensor_group_divides_only_the_sharded_activations():
    world = instance({"fast": [1]}, activation_MB=2, layer={"activation_sharded_MB": 8})
    assert stage_bytes(world, world.model.chain, 4, 1, 1, 1) == 2e6 + 2e6


def test_gradients_of_a_stage_count_shared_parameters_once():
    tied = {"shared_parameters": SharedParameters(name="tied", parameters=1e6)}
    world = instance({"fast": [1, 1]}, parameters=2e6, layer=tied)
    network = measure(world.cluster)
    assert PipelineCost(world, network).stage_gradient_bytes(0, 2) == 4 * 5e6
    assert PipelineCost(world, network).stage_gradient_bytes(0, 1) == 4 * 3e6
    # AMP counts 32 bits whatever the workload says.
    half = instance({"fast": [1, 1]}, parameters=2e6, layer=tied, gradient_bytes=2.0)
    assert PipelineCost(half, network).stage_gradient_bytes(0, 2) == 2 * 5e6
    assert AmpCost(half, network).stage_gradient_bytes(0, 2) == 4 * 5e6


@pytest.mark.parametrize(
    ("options", "one", "four"),
    [
        ({}, 18, 18),
        ({"optimizer": "distributed"}, 18, 9),
        ({"zero_stage": 1}, 16, 7),
        ({"zero_stage": 2}, 16, 5.5),
        ({"zero_stage": 3}, 16, 4),
        ({"state_bytes": 20.0}, 20, 20),
        ({"state_bytes": 20.0, "optimizer": "distributed"}, 20, 11),
        # Adam in single precision: a weight and a gradient of 4 bytes, two moments of 4 bytes each.
        ({"state_bytes": 16.0, "sharded_state_bytes": 8.0, "optimizer": "distributed"}, 16, 10),
        ({"state_bytes": 16.0, "sharded_state_bytes": 12.0, "zero_stage": 2}, 16, 7),
        ({"state_bytes": 8.0, "zero_stage": 3}, 8, 2),
    ],
)
def test_replicas_divide_the_part_of_the_state_that_the_workload_says(options, one, four):
    world = instance({"fast": [1]}, parameters=1e6, **options)
    assert stage_bytes(world, world.model.chain, 1, 1, 1, 1) == one * 1e6
    assert stage_bytes(world, world.model.chain, 1, 4, 1, 1) == four * 1e6
    assert stage_bytes(world, world.model.chain, 2, 4, 1, 1) == four * 1e6 / 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"zero_stage": 1, "optimizer": "distributed"}, r"workload\.zero_stage: 1 with a distributed optimizer"),
        ({"sharded_state_bytes": 8.0}, r"workload\.sharded_state_bytes: 8, but nothing is divided"),
        ({"state_bytes": 8.0, "zero_stage": 1}, r"workload\.sharded_state_bytes: 12 of 8 bytes are divided"),
    ],
)
def test_a_contradiction_about_the_optimizer_state_is_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        instance(**options)


TRANSFORMER = {"kind": "transformer"}
GPT_3 = TransformerShape(hidden_size=12_288, heads=96)
SBH = 2048 * 12_288
SCORES = 5 * 96 * 2048 / 12_288  # 80: the attention's scores outweigh all the rest, as the source says of GPT-3


@pytest.mark.parametrize(
    ("options", "t", "per_element"),
    [
        ({}, 1, 34 + SCORES),
        ({}, 8, 10 + 24 / 8 + SCORES / 8),
        ({"sequence_parallel": True}, 8, 34 / 8 + SCORES / 8),
        ({"recomputation": "selective"}, 8, 10 + 24 / 8),
        ({"recomputation": "selective", "sequence_parallel": True}, 8, 34 / 8),
        ({"recomputation": "full"}, 1, 2),
        ({"recomputation": "full", "sequence_parallel": True}, 8, 2),
    ],
)
def test_a_transformer_layer_keeps_what_table_2_of_korthikanti_says(options, t, per_element):
    world = instance({"fast": [1]}, activation_MB=None, layer=TRANSFORMER, shape=GPT_3, sequence_length=2048, **options)
    assert activation_bytes(world, world.model.chain[0], t) == pytest.approx(per_element * SBH)


def test_a_narrow_feed_forward_block_keeps_less():
    """Input and output of the activation function: 2 × 2 bytes × f instead of 2 × 2 bytes × 4 h."""
    narrow = TransformerShape(hidden_size=12_288, heads=96, ffn_size=12_288)
    world = instance(
        {"fast": [1]},
        activation_MB=None,
        layer=TRANSFORMER,
        shape=narrow,
        sequence_length=2048,
        recomputation="selective",
    )
    assert activation_bytes(world, world.model.chain[0], 1) == pytest.approx((34 - 16 + 4) * SBH)


def test_in_single_precision_all_but_the_masks_is_twice_as_large():
    world = instance(
        {"fast": [1]}, activation_MB=None, layer=TRANSFORMER, shape=GPT_3, sequence_length=2048, element_bytes=4.0
    )
    masks = 2 + SCORES / 5
    assert activation_bytes(world, world.model.chain[0], 1) == pytest.approx((2 * (34 + SCORES) - masks) * SBH)


def test_without_dropouts_four_whole_elements_are_left_and_one_of_the_scores():
    shape = structs.replace(GPT_3, dropout=False)
    world = instance({"fast": [1]}, activation_MB=None, layer=TRANSFORMER, shape=shape, sequence_length=2048)
    assert activation_bytes(world, world.model.chain[0], 1) == pytest.approx((8 + 24 + 2 * SCORES / 5) * SBH)


def test_grouped_keys_and_a_gate_keep_their_own_widths():
    shape = structs.replace(GPT_3, key_value_size=GPT_3.hidden_size // 4, ffn_tensors=3)
    world = instance({"fast": [1]}, activation_MB=None, layer=TRANSFORMER, shape=shape, sequence_length=2048)
    assert activation_bytes(world, world.model.chain[0], 1) == pytest.approx((10 + 5 + 24 + SCORES) * SBH)


def test_what_an_instance_says_of_a_layer_is_believed_whatever_is_recomputed():
    world = instance({"fast": [1]}, activation_MB=7, layer=TRANSFORMER, shape=GPT_3, recomputation="full")
    assert activation_bytes(world, world.model.chain[0], 1) == 7e6


@pytest.mark.parametrize(("kind", "shape"), [("head", GPT_3), ("transformer", None)])
def test_a_layer_of_which_nothing_is_known_keeps_nothing(kind, shape):
    world = instance({"fast": [1]}, activation_MB=None, layer={"kind": kind}, shape=shape)
    assert activation_bytes(world, world.model.chain[0], 1) == 0


def test_full_recomputation_runs_every_forward_pass_twice():
    times = {"layer_ms": {"fast": [2.0, 4.0]}, "backward_ms": {"fast": [3.0, 9.0]}}
    once, twice = (layer_seconds(instance(**times, recomputation=r), "fast", 1, 2) for r in ("none", "full"))
    np.testing.assert_allclose(once.forward, twice.forward)
    np.testing.assert_allclose(once.backward, [6e-3, 18e-3])
    np.testing.assert_allclose(twice.backward, [10e-3, 26e-3])


def test_amp_knows_no_recomputation():
    once, twice = (instance({"fast": [2.0, 4.0]}, recomputation=r) for r in ("none", "full"))
    seconds = [AmpCost(world, measure(world.cluster)).layer_seconds("fast", 1, 2) for world in (once, twice)]
    np.testing.assert_array_equal(*seconds)


@pytest.mark.parametrize(
    ("options", "bytes_per_parameter"),
    [({}, 4), ({"optimizer": "distributed"}, 4), ({"zero_stage": 2}, 4), ({"zero_stage": 3}, 6)],
)
def test_only_divided_weights_are_sent_once_more(options, bytes_per_parameter):
    world = instance({"fast": [1]}, parameters=1e6, **options)
    network = measure(world.cluster)
    assert PipelineCost(world, network).stage_gradient_bytes(0, 1) == bytes_per_parameter * 1e6
    assert AmpCost(world, network).stage_gradient_bytes(0, 1) == 4e6
