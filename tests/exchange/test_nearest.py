"""The nearest plan: the refused one with its borders moved, or the best that a search finds instead."""

import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.nearest import costs_of, judged, nearest, restricted, start
from milp_amp.exchange.targets import load
from milp_amp.plan.result import Status
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model


def moved(kinds, plan, target="flagscale", **fields):
    world = restricted(language_model(kinds, **fields), load(target))
    found = start(world, plan, costs_of(world, "pipeline"))
    return None if found is None else [stage.layers for stage in found.stages]


def test_a_stage_for_the_embedding_alone_gets_the_first_decoder_layer():
    assert moved("etth", strategy((0, 1, "a.0/0"), (1, 4, "a.0/1"))) == [(0, 2), (2, 4)]


def test_a_stage_that_loses_all_its_layers_goes_away():
    assert moved("eett", strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"), (2, 4, "a.1/0")), "megatron") == [(0, 2), (2, 4)]


def test_borders_that_may_stay_stay():
    assert moved("etth", strategy((0, 2, "a.0/0"), (2, 4, "a.0/1"))) == [(0, 2), (2, 4)]


def test_tensor_groups_lose_devices_where_one_degree_is_asked_for():
    world = restricted(language_model("etth"), load("megatron"))
    found = start(world, strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "a.1/1")), costs_of(world, "pipeline"))
    assert found == strategy((0, 2, "a.0/0"), (2, 4, "a.1/1"))


def test_there_is_no_start_where_neither_helps():
    """A stage on devices of two types stays one, wherever its borders are."""
    assert moved("etth", strategy((0, 4, "a.0/0", "b.0/0"))) is None


def test_the_nearest_plan_of_two_layers_is_that_of_one_tensor_degree():
    world = language_model("tt", nodes=(("a", 2, "fast", 2),), batch=4)
    refused = strategy((0, 1, "a.0/0 a.0/1"), (1, 2, "a.1/0"))
    value = judged(world, refused, costs_of(world, "pipeline"))
    result = nearest(world, refused, load("megatron"), cost_model="pipeline", time_limit=20)
    assert result.status is Status.OPTIMAL
    # 4 microbatches: degree 2 twice takes 1.5 ms a stage, and (4 + 2 − 1) × 1.5; four replicas take 6 ms at once
    assert result.objective == pytest.approx(6e-3)
    # the slow stage sets the pace: 1.5 + 3 + 3 × 3 ms
    assert value == pytest.approx(13.5e-3)


def test_an_instance_that_the_target_cannot_run_has_no_nearest_plan():
    world = replace(language_model("eh"), name="no decoder layer")
    with pytest.raises(InputError, match="none of kind 'transformer'"):
        nearest(world, strategy((0, 2, "a.0/0")), load("megatron"), cost_model="pipeline")
