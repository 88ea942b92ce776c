"""The question that a trial answered is the instance's, but for what the trial has of its own."""

from dataclasses import replace

import pytest

from milp_amp.bench.asked import instance_of, widened
from milp_amp.bench.trials import Gpt, Trial
from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.problem.workload import Workload
from milp_amp.roofline.instance import instance_of as counted
from milp_amp.roofline.machines import read_machines
from tests.builders import instance
from tests.roofline.shapes import gpt

TRIAL = Trial(
    tensor_parallel=2,
    data_parallel=1,
    pipeline_parallel=1,
    microbatch_size=4,
    boundaries=(0, 5),
    measured=1.0,
)
SMALL = Gpt(hidden_size=256, heads=4, layers=3, sequence_length=512)


def world(machines="2x8xA100-80"):
    workload = Workload(global_batch_size=16, sequence_length=1024)
    shape = gpt(biases=True, tied=True, positions=1024)
    return counted(shape, read_machines(machines), workload, name="made", source="for a test")


def test_a_trial_without_anything_of_its_own_asks_what_the_instance_asks():
    assert instance_of(world(), TRIAL) == world()


def test_a_batch_of_its_own_replaces_that_of_the_instance_and_nothing_else():
    asked = instance_of(world(), replace(TRIAL, global_batch_size=64))
    assert asked.workload.global_batch_size == 64
    assert (asked.model, asked.cluster, asked.profile) == (world().model, world().cluster, world().profile)


def test_a_gpt_of_its_own_has_12_h_h_and_13_h_parameters_per_layer():
    """4 h² of attention and 8 h² of feed-forward, biases of 4 h and 5 h, two normalisations of 2 h."""
    h = SMALL.hidden_size
    asked = instance_of(world(), replace(TRIAL, model=SMALL))
    embedding, *layers, head = asked.model.chain
    assert [layer.parameters for layer in layers] == 3 * [12 * h * h + 13 * h]
    assert embedding.parameters == 1024 * h
    assert head.parameters == 2 * h
    assert embedding.shared_parameters == head.shared_parameters
    assert head.shared_parameters.parameters == 50_000 * h


def test_a_gpt_of_its_own_has_a_sequence_of_its_own_and_states_as_large_as_that():
    asked = instance_of(world(), replace(TRIAL, model=SMALL, global_batch_size=2))
    assert (asked.workload.sequence_length, asked.workload.global_batch_size) == (512, 2)
    assert asked.model.chain[1].output_elements == 512 * 256


def test_layers_of_a_gpt_are_timed_at_the_degrees_of_the_trial():
    asked = instance_of(world("1x8xA100-80,1x8xV100-32"), replace(TRIAL, model=SMALL))
    degrees = [(entry.device, entry.tensor_parallel, entry.microbatch_size) for entry in asked.profile]
    assert degrees == [("A100-80", 2, 4), ("V100-32", 2, 4)]
    assert all(len(entry.forward_ms) == 5 for entry in asked.profile)


def test_heads_divide_the_hidden_size():
    with pytest.raises(PlanError, match=r"^3 heads, expected a divisor of the hidden size 256$"):
        instance_of(world(), replace(TRIAL, model=replace(SMALL, heads=3)))


def test_other_models_need_an_instance_that_says_how_its_layers_were_counted():
    with pytest.raises(PlanError, match=r"^a model of its own, expected an instance with 'counted'"):
        instance_of(instance(), replace(TRIAL, model=SMALL))


def cluster(*nodes, **bandwidths):
    return instance({"fast": [3, 3]}, nodes=nodes, **bandwidths).cluster


def test_a_tensor_group_of_16_joins_two_nodes_of_8_whose_devices_share_the_link():
    """A link of 80 GB/s is 10 GB/s for each of 8 devices; two nodes have two links."""
    wide = widened(cluster(("a", 4, "fast", 8), inside_GBps=300, nic_GBps=80), 16)
    (group,) = wide.nodes
    assert (group.count, group.devices, group.bandwidth_GBps) == (2, 16, 10)
    assert [link.bandwidth_GBps for link in wide.links] == [160]
    between = measure(wide).between
    assert (between[0, 0], between[0, 1]) == (pytest.approx(10e9), pytest.approx(160e9))


def test_joined_nodes_have_all_the_devices_that_there_were():
    before = cluster(("a", 4, "fast", 8), ("b", 2, "fast", 8))
    assert widened(before, 16).num_devices == before.num_devices == 48


def test_a_group_that_a_node_has_room_for_joins_nothing():
    before = cluster(("a", 3, "fast", 8))
    assert widened(before, 8) == before


@pytest.mark.parametrize("count", [1, 3])
def test_an_odd_node_has_no_other_to_join(count):
    with pytest.raises(PlanError, match=r"^a tensor group of 16, expected at most 8 \(devices of a node\)$"):
        widened(cluster(("a", count, "fast", 8)), 16)
