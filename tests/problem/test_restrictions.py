"""Restrictions: read from text, put together, and refused where they make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milp_amp.errors import InputError
from milp_amp.problem.restrictions import (
    FixedStage,
    LayerPin,
    NodePin,
    PartialPlan,
    Range,
    Restrictions,
)
from tests.builders import instance

WORLD = instance({"fast": [3.0] * 6}, [("a", 2, "fast", 1), ("b-c 1", 1, "fast", 2)])

numbers = st.none() | st.integers(1, 6)
ranges = st.builds(
    Range,
    at_most=numbers,
    at_least=numbers,
    exactly=numbers,
    one_of=st.none() | st.lists(st.integers(1, 6), max_size=3).map(tuple),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tensor_parallel<=4", Restrictions(tensor_parallel=Range(at_most=4))),
        ("data_parallel >= 2", Restrictions(data_parallel=Range(at_least=2))),
        (" pipeline_parallel=3 ", Restrictions(pipeline_parallel=Range(exactly=3))),
        ("microbatch_size=1, 2,4", Restrictions(microbatch_size=Range(one_of=(1, 2, 4)))),
        ("even_layers", Restrictions(even_layers=True)),
        ("uniform_tensor_parallel", Restrictions(uniform_tensor_parallel=True)),
        ("equal_end_tensor_parallel", Restrictions(equal_end_tensor_parallel=True)),
        ("one_type_stages", Restrictions(one_type_stages=True)),
        ("compact_stages", Restrictions(compact_stages=True)),
        ("layers 0-5 in stage 0", Restrictions(layer_pins=(LayerPin(layers=(0, 6), stage=0),))),
        ("layer 5 in stage -1", Restrictions(layer_pins=(LayerPin(layers=(5, 6), stage=-1),))),
        ("nodes a.0, b-c 1 in stage 1", Restrictions(node_pins=(NodePin(nodes=("a.0", "b-c 1"), stage=1),))),
        ("idle a,b-c 1.0", Restrictions(idle_nodes=("a", "b-c 1.0"))),
        ("stage 2-3", Restrictions(plan=PartialPlan(stages=(FixedStage(layers=(2, 4)),)))),
        ("stage 2 on a", Restrictions(plan=PartialPlan(stages=(FixedStage(layers=(2, 3), nodes=("a",)),)))),
    ],
)
def test_a_line_of_text_is_a_restriction(text, meant):
    assert Restrictions.parse([text]) == meant
    assert WORLD.restricted(text).restrictions == meant


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "expected COUNT<=N"),
        ("tensor_parallel", "expected COUNT<=N"),
        ("tensor_parallel<4", "expected COUNT<=N"),
        ("tensor_parallel<=1,2", "2 numbers, expected one after '<='"),
        ("tensor_parallel=0", ">= 1"),
        ("depth=4", "expected COUNT<=N"),
        ("layers 0-5", "expected COUNT<=N"),
        ("layers 4-3 in stage 0", "restrictions.layer_pins[0].layers: [4, 4], expected start < stop <= 6"),
        ("layers 4-6 in stage 0", "restrictions.layer_pins[0].layers: [4, 7], expected start < stop <= 6"),
        ("stage 6", "restrictions.plan.stages[0].layers: [6, 7], expected start < stop <= 6"),
        ("layers 0-5 in stage 10000000", "<= 1000000"),
        ("nodes a.2 in stage 0", "restrictions.node_pins[0].nodes: 'a.2' is unknown"),
        ("idle a.0,c", "restrictions.idle_nodes: 'c' is unknown"),
        ("idle a.0,", "length >= 1"),
        ("stage 0 on a.0/0", "restrictions.plan.stages[0].nodes: 'a.0/0' is unknown"),
    ],
)
def test_what_is_no_restriction_is_refused_in_one_line(text, names):
    with pytest.raises(InputError) as refused:
        WORLD.restricted(text)
    assert names in str(refused.value)
    assert "\n" not in str(refused.value)


@given(ranges, ranges, st.integers(1, 8))
def test_merged_ranges_admit_what_both_admit(one, other, value):
    assert one.merged(other).admits(value) == (one.admits(value) and other.admits(value))


@given(ranges)
def test_a_range_is_empty_if_it_admits_nothing(allowed):
    assert allowed.empty == (not any(allowed.admits(value) for value in range(1, 10)))


@given(ranges)
def test_a_free_range_admits_everything(allowed):
    if allowed.free:
        assert all(allowed.admits(value) for value in range(1, 10))


def test_restrictions_in_an_instance_and_later_ones_hold_together():
    world = WORLD.restricted("tensor_parallel<=4", "stage 0").restricted("tensor_parallel>=2", "stage 3", "even_layers")
    assert world.restrictions == Restrictions(
        tensor_parallel=Range(at_most=4, at_least=2),
        even_layers=True,
        plan=PartialPlan(stages=(FixedStage(layers=(0, 1)), FixedStage(layers=(3, 4)))),
    )


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        (["tensor_parallel<=2", "tensor_parallel>=3"], "tensor_parallel"),
        (["microbatch_size=2", "microbatch_size=3"], "microbatch_size"),
        (["data_parallel=1,2", "data_parallel=3,4"], "data_parallel"),
        (["stage_devices=8", "stage_devices<=4"], "stage_devices"),
    ],
)
def test_a_count_without_a_value_is_a_contradiction(texts, field):
    contradiction = Restrictions.parse(texts).contradiction
    assert contradiction is not None
    assert contradiction.startswith(f"restrictions.{field}: ")


def test_a_plan_and_a_range_can_contradict_each_other():
    fixed = Restrictions(plan=PartialPlan(microbatch_size=3), microbatch_size=Range(at_most=2))
    assert fixed.contradiction is not None


def test_what_leaves_a_value_is_no_contradiction():
    assert Restrictions.parse(["tensor_parallel<=2", "tensor_parallel>=2", "tensor_parallel=1,2"]).contradiction is None
