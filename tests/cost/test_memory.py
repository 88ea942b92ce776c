"""Bytes on one device of a stage."""

import pytest

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.memory import microbatches_in_flight, parameters, stage_bytes
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.problem.model import Layer, SharedParameters
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
    needed = stage_bytes(world, world.model.chain, tensor_parallel=2, microbatch_size=4, in_flight=3)
    assert needed == 18e6 + 48e6 + GiB


def test_a_tensor_group_divides_only_the_sharded_activations():
    world = instance({"fast": [1]}, activation_MB=2, layer={"activation_sharded_MB": 8})
    assert stage_bytes(world, world.model.chain, 4, 1, 1) == 2e6 + 2e6


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
