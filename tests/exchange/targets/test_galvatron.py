"""Galvatron's configuration, read back by its documented rules and by nothing that wrote it."""

import json
import random

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.targets.galvatron import GALVATRON
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model, plans

PER_LAYER = ("tp_sizes_enc", "tp_consecutive_flags", "dp_types_enc", "use_sp", "checkpoint")


def read(world, plan):
    document = json.loads(GALVATRON.launch(world, plan).files["galvatron.json"])
    numbers = {name: [int(n) for n in document[name].split(",")] for name in (*PER_LAYER, "pp_division")}
    return document | numbers


def check(world, plan):
    """Assert what Galvatron asserts of a configuration, and that each layer gets the devices of the plan."""
    found = read(world, plan)
    kinds = [layer.kind for layer in world.model.chain]
    decoder = [n for n, kind in enumerate(kinds) if kind == "transformer"]
    devices = sum(len(group) for stage in plan.stages for group in stage.replicas)
    assert all(len(found[name]) == len(decoder) for name in PER_LAYER)
    assert len(found["pp_division"]) == found["pp_deg"]
    assert devices % found["pp_deg"] == 0
    of_stage = devices // found["pp_deg"]
    assert all(1 <= t <= of_stage and of_stage % t == 0 for t in (*found["tp_sizes_enc"], found["vtp"]))
    assert found["global_bsz"] % (of_stage // min(*found["tp_sizes_enc"], found["vtp"])) == 0
    ranks = [s for s, count in enumerate(found["pp_division"]) for _ in range(count)]
    for layer, pipeline_rank, degree in zip(decoder, ranks, found["tp_sizes_enc"], strict=True):
        stage = plan.stages[pipeline_rank]
        assert stage.start <= layer < stage.stop
        assert degree == stage.tensor_parallel
        assert of_stage // degree == plan.data_parallel
    # embedding and head go where the first and the last decoder layer are
    assert (ranks[0], ranks[-1]) == (0, len(plan.stages) - 1)
    assert all(n < plan.stages[0].stop for n in range(decoder[0]))
    assert all(n >= plan.stages[-1].start for n in range(decoder[-1], len(kinds)))
    assert found["chunks"] * plan.data_parallel * plan.microbatch_size == found["global_bsz"]


def test_two_stages_become_one_entry_per_layer():
    world = language_model("etttth", recomputation="full")
    found = read(world, strategy((0, 4, "a.0/0", "a.0/1"), (4, 6, "b.0/0", "b.0/1"), microbatch=2))
    assert (found["pp_deg"], found["pp_division"]) == (2, [3, 1])
    assert (found["tp_sizes_enc"], found["vtp"], found["vsp"]) == ([1, 1, 1, 1], 1, 0)
    assert (found["checkpoint"], found["chunks"], found["global_bsz"]) == ([1, 1, 1, 1], 2, 8)
    assert (found["pipeline_type"], found["default_dp_type"], found["embed_sdp"]) == ("pipedream_flush", "ddp", 0)


def test_divided_weights_are_said_layer_by_layer():
    found = read(language_model("etth", zero_stage=3), strategy((0, 4, "a.0/0", "a.0/1")))
    assert (found["dp_types_enc"], found["default_dp_type"], found["embed_sdp"]) == ([1, 1], "zero3", 1)


def test_every_tiny_plan_that_is_not_refused_is_what_galvatron_reads():
    for world in (language_model("etth"), language_model("eettth"), language_model("tttt")):
        runnable = [plan for plan in plans(world) if not GALVATRON.refusals(world, plan)]
        for plan in random.Random(0).sample(runnable, min(60, len(runnable))):
            check(world, plan)


def test_stages_with_different_numbers_of_devices_are_refused():
    plan = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "b.0/0"))
    assert "1, 2 devices, expected equally many in each" in GALVATRON.refusals(language_model("etth"), plan)[0]


def test_an_optimizer_that_is_divided_alone_is_refused():
    with pytest.raises(InputError, match="optimizer 'distributed', zero_stage 0"):
        GALVATRON.restrictions(language_model("etth", optimizer="distributed"))
