"""Intervals of layers: sums, shared parameters, memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from milp_amp.cost.memory import microbatches_in_flight, parameters, stage_bytes
from milp_amp.problem.model import SharedParameters
from milp_amp.space.columns import UNLIMITED_STAGES, LayerTables
from milp_amp.space.configuration import Degrees, Layout
from tests.builders import instance
from tests.problem.drawing import worlds


def columns(world, t=1, d=1, b=1, cost_model="pipeline", layout=Layout.STAGE_BY_STAGE):
    return prepare(world, cost_model).columns(Degrees(t, d, b, world.workload.global_batch_size // (d * b)), layout)


def tables(world):
    return prepare(world).tables


def test_interval_sums():
    assert LayerTables.interval_sums(np.array([1.0, 2.0, 4.0])).tolist() == [
        [0, 1, 3, 7],
        [0, 0, 2, 6],
        [0, 0, 0, 4],
    ]


def test_an_interval_holds_shared_parameters_once():
    world = instance(
        {"fast": [1, 1, 1]},
        parameters=[1.0, 2.0, 4.0],
        layer={"shared_parameters": SharedParameters(name="tied", parameters=100)},
    )
    assert tables(world).parameters.tolist() == [[0, 101, 103, 107], [0, 0, 102, 106], [0, 0, 0, 104]]
    assert (tables(world).gradient_bytes == 4 * tables(world).parameters).all()


def test_boundaries_carry_the_output_of_the_layer_before_and_the_ends_carry_nothing():
    world = instance({"fast": [1, 1, 1]}, output_MB=[1, 2, 4])
    assert columns(world, b=2).boundary_bytes.tolist() == [0, 2e6, 4e6, 0]


def test_the_pipeline_pays_its_bottleneck_once_per_microbatch_but_the_first():
    assert columns(instance({"fast": [1]}, batch=8), b=2).weight == 3


def test_a_mixed_stage_is_as_slow_and_as_small_as_its_worst_class():
    world = instance(
        {"fast": [1.0], "slow": [5.0]},
        [("a", 1, "fast", 2), ("b", 1, "slow", 2)],
        activation_MB=1024**2 / 1e3,  # a thousand of them are a TiB
        memory_GiB={"fast": 2, "slow": 4},
        batch=16,
    )
    made = columns(world, d=2)
    seconds = dict(zip(made.compositions, made.stage_seconds[:, 0, 1], strict=True))
    room = dict(zip(made.compositions, made.stages_to_end[:, 0, 1], strict=True))
    assert seconds == pytest.approx({(0, 2): 5e-3, (1, 1): 5e-3, (2, 0): 1e-3})
    assert room == {(0, 2): 4, (1, 1): 2, (2, 0): 2}


@pytest.mark.parametrize(
    ("schedule", "batch", "kept", "expected"),
    [
        ("1f1b", 8, 1.0, 3),  # 3.5 units of memory, one per microbatch in flight
        ("1f1b", 8, 3.0, 1),
        ("1f1b", 8, 4.0, 0),
        ("1f1b", 8, 0.0, UNLIMITED_STAGES),
        ("1f1b", 3, 1.0, UNLIMITED_STAGES),  # never more than three in flight
        ("1f1b", 4, 1.0, 3),
        ("gpipe", 3, 1.0, UNLIMITED_STAGES),
        ("gpipe", 4, 1.0, 0),
    ],
)
def test_stages_to_the_end_that_memory_allows(schedule, batch, kept, expected):
    unit = 2**30 / 1e6
    world = instance(
        {"fast": [1]}, [("a", 1, "fast", 8)], memory_GiB=3.5, activation_MB=kept * unit, batch=batch, schedule=schedule
    )
    assert columns(world).stages_to_end[0, 0, 1] == expected


@pytest.mark.parametrize(("count", "expected"), [(2.0, 2), (3.0, 1), (4.0, 0)])
def test_state_and_reserve_leave_less_for_activations(count, expected):
    # 4 GiB less 0.5 reserved; ``count`` × 2³⁰ / 18 parameters of 18 bytes, halved by two tensor ranks: 1, 1.5, 2 GiB.
    world = instance(
        {("fast", 2): [1]},
        [("a", 1, "fast", 8)],
        memory_GiB=4,
        reserve_GiB=0.5,
        parameters=count * 2**30 / 18,
        activation_MB=1.1 * 2**30 / 1e6 if count < 4 else 1.6 * 2**30 / 1e6,
        batch=8,
    )
    assert columns(world, t=2).stages_to_end[0, 0, 1] == expected


def test_a_state_that_does_not_fit_fits_nowhere_even_without_activations():
    world = instance({"fast": [1]}, memory_GiB=1, parameters=2**30, activation_MB=0)
    made = columns(world)
    assert made.stages_to_end[0, 0, 1] == 0
    assert made.stage_seconds[0, 0, 1] == np.inf


def test_amp_knows_no_memory():
    world = instance({"fast": [1]}, memory_GiB=1, parameters=2**30)
    assert columns(world, cost_model="amp").stages_to_end[0, 0, 1] == UNLIMITED_STAGES


@given(worlds(), st.sampled_from([1, 2]), st.sampled_from([1, 2]), st.sampled_from([1, 3]))
@settings(max_examples=60, deadline=None)
def test_the_tables_say_what_the_leaf_costs_say(world, t, b, d):
    own, size = tables(world), world.model.num_layers
    memory = world.cluster.device_types["fast"].memory
    degrees = Degrees(t, d, b, 4)
    most = own.stages_to_end(degrees, memory)
    for i in range(size):
        for j in range(i + 1, size + 1):
            layers = world.model.chain[i:j]
            assert own.parameters[i, j] == pytest.approx(parameters(layers))
            for stages in range(1, 7):
                held = microbatches_in_flight(world.workload.schedule, 4, stages)
                assert (stage_bytes(world, layers, t, d, b, held) <= memory) == (stages <= most[i, j])
