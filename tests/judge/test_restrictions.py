"""Every restriction: kept by a good plan, and named when broken."""

import pytest

from milp_amp.judge.evaluate import evaluate
from tests.builders import instance, strategy

WORLD = instance({"fast": [3.0] * 4}, [("a", 2, "fast", 2), ("b", 1, "fast", 2)], tensor_degrees=(1, 2), batch=8)

PLAN = strategy((0, 1, "a.0/0 a.0/1"), (1, 3, "a.1/0 a.1/1"), (3, 4, "b.0/0 b.0/1"), microbatch=2)
"""Tensor degree 2, one replica, four microbatches, three stages of two devices."""


@pytest.mark.parametrize(
    "text",
    [
        "tensor_parallel<=2",
        "data_parallel=1",
        "pipeline_parallel=3",
        "microbatch_size=2,4",
        "num_microbatches>=4",
        "stage_devices<=2",
        "uniform_tensor_parallel",
        "even_layers",
        "equal_end_tensor_parallel",
        "one_type_stages",
        "compact_stages",
        "layers 1-2 in stage 1",
        "layers 1-2 in stage -2",
        "nodes a.0 in stage 0",
        "nodes b in stage -1",
        "stage 1-2",
        "stage 1-2 on a.1,b",
        "stage 0 on a",
    ],
)
def test_a_plan_that_keeps_a_restriction_breaks_no_rule(text):
    assert evaluate(WORLD.restricted(text), PLAN).violations == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data_parallel>=2", "data_parallel: 1, expected at least 2 (restricted)"),
        ("pipeline_parallel<=2", "pipeline_parallel: 3, expected at most 2 (restricted)"),
        ("microbatch_size=1", "microbatch_size: 2, expected 1 (restricted)"),
        ("num_microbatches=1,2,8", "num_microbatches: 4, expected one of 1, 2, 8 (restricted)"),
        ("layers 0-1 in stage 0", "stages[1].layers: holds layer 1, expected in stage 0 (restricted)"),
        ("layer 3 in stage -2", "stages[2].layers: holds layer 3, expected in stage -2 (restricted)"),
        ("layer 3 in stage 3", "stages[2].layers: holds layer 3, expected in stage 3 (restricted)"),
        ("nodes a.1 in stage 0", "stages[1].replicas: uses node a.1, expected in stage 0 only (restricted)"),
        ("nodes b in stage -2", "stages[2].replicas: uses node b.0, expected in stage -2 only (restricted)"),
        ("idle b", "stages[2].replicas: uses node b.0, expected it idle (restricted)"),
        ("stage 1", "stages: none holds layers [1, 2], expected one (restricted)"),
        ("stage 1-2 on a.0,b", "stages[1].replicas: uses node a.1, expected only a.0, b (restricted)"),
    ],
)
def test_a_broken_restriction_is_named_with_its_stage(text, sentence):
    judged = evaluate(WORLD.restricted(text), PLAN)
    assert judged.violations == (sentence,)
    assert judged.step_time == evaluate(WORLD, PLAN).step_time  # it has a time, and does not answer the question


def test_degrees_and_devices_count_for_every_stage():
    mixed = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "a.1/0"))
    assert evaluate(WORLD.restricted("tensor_parallel>=2"), mixed).violations == (
        "stages[1].tensor_parallel: 1, expected at least 2 (restricted)",
    )
    assert evaluate(WORLD.restricted("stage_devices>=2"), mixed).violations == (
        "stages[1].replicas: devices: 1, expected at least 2 (restricted)",
    )
    assert evaluate(WORLD.restricted("uniform_tensor_parallel"), mixed).violations == (
        "stages: tensor degrees 1, 2, expected one for all (restricted)",
    )


def test_even_stages_differ_by_at_most_one_layer():
    uneven = strategy((0, 3, "a.0/0"), (3, 4, "a.0/1"))
    assert evaluate(WORLD.restricted("even_layers"), uneven).violations == (
        "stages: from 1 to 3 layers, expected to differ by at most one (restricted)",
    )


def test_the_first_and_the_last_stage_are_the_ends():
    world = WORLD.restricted("equal_end_tensor_parallel")
    like = strategy((0, 1, "a.0/0"), (1, 3, "a.1/0 a.1/1"), (3, 4, "a.0/1"))
    unlike = strategy((0, 1, "a.0/0"), (1, 4, "a.1/0 a.1/1"))
    assert evaluate(world, like).violations == ()
    assert evaluate(world, unlike).violations == (
        "stages: tensor degrees 1 first and 2 last, expected one for both (restricted)",
    )


def test_a_stage_of_one_type_names_its_types_otherwise():
    world = instance({"fast": [3.0], "slow": [3.0]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=2)
    mixed = strategy((0, 1, "a.0/0", "b.0/0"))
    assert evaluate(world.restricted("one_type_stages"), mixed).violations == (
        "stages[0].replicas: devices fast, slow, expected one type (restricted)",
    )


def test_a_compact_stage_is_inside_one_node_or_takes_whole_ones():
    world = WORLD.restricted("compact_stages")
    whole, inside = strategy((0, 4, "a.0/0 a.0/1", "b.0/0 b.0/1")), strategy((0, 4, "a.0/1"))
    assert evaluate(world, whole).violations == evaluate(world, inside).violations == ()
    assert evaluate(world, strategy((0, 4, "a.0/0", "a.1/0"))).violations == (
        "stages[0].replicas: 1 of 2 devices of a.0 and others, expected one node or whole ones (restricted)",
    )
