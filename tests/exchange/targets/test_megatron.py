"""Megatron-LM: one tensor degree, a layout that spells the decoder layers of every stage."""

import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.targets.megatron import BRIDGE, MEGATRON, ends, layout
from milp_amp.problem.model import TransformerShape
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model


def value(arguments, option):
    return arguments[arguments.index(option) + 1]


def test_the_layout_names_embedding_and_loss_once_at_its_ends():
    assert layout((6, 7, 1)) == "Et*6|t*7|tL"


def test_stages_without_decoder_layers_are_spelled_as_nothing():
    assert layout((0, 3, 0, 0)) == "E|t*3||L"


def test_older_versions_take_only_plans_whose_middle_stages_are_equal():
    assert ends((5, 7, 7, 4)) == (5, 4)
    assert ends((5, 3)) == (5, 3)
    assert ends((5, 7, 6, 4)) is None
    assert ends((0, 7, 4)) is None


def test_two_stages_of_a_model_become_arguments():
    world = language_model("etttth", shape=TransformerShape(hidden_size=64, heads=4), recomputation="full")
    plan = strategy((0, 4, "a.0/0 a.0/1"), (4, 6, "b.0/0 b.0/1"), microbatch=2)
    arguments = MEGATRON.launch(world, plan).arguments
    assert value(arguments, "--tensor-model-parallel-size") == "2"
    assert value(arguments, "--pipeline-model-parallel-size") == "2"
    assert value(arguments, "--micro-batch-size") == "2"
    assert value(arguments, "--global-batch-size") == "8"
    assert value(arguments, "--num-layers") == "4"
    assert value(arguments, "--hidden-size") == "64"
    assert value(arguments, "--pipeline-model-parallel-layout") == "Et*3|tL"
    assert value(arguments, "--recompute-granularity") == "full"
    assert "--untie-embeddings-and-output-weights" in arguments


def test_parameters_that_embedding_and_head_share_stay_tied():
    plan = strategy((0, 2, "a.0/0"), (2, 4, "a.0/1"))
    assert (
        "--untie-embeddings-and-output-weights"
        not in MEGATRON.launch(language_model("etth", tied=True), plan).arguments
    )


def test_one_stage_needs_no_layout():
    plan = strategy((0, 4, "a.0/0"))
    assert "--pipeline-model-parallel-layout" not in MEGATRON.launch(language_model("etth"), plan).arguments


def test_megatron_bridge_is_told_the_same_layout_by_its_configuration():
    text = BRIDGE.launch(language_model("etth"), strategy((0, 2, "a.0/0"), (2, 4, "a.0/1"))).files["placed.py"]
    cfg = _Fields()
    space: dict = {}
    exec(compile(text, "placed.py", "exec"), space)
    assert space["placed"](cfg) is cfg
    assert cfg.model.pipeline_model_parallel_layout == "Et|tL"
    assert (cfg.model.tensor_model_parallel_size, cfg.train.global_batch_size) == (1, 8)


@pytest.mark.parametrize(
    ("recomputation", "fields"),
    [("none", (None, None, None)), ("selective", ("selective", None, None)), ("full", ("full", "uniform", 1))],
)
def test_megatron_bridge_computes_again_and_divides_what_the_memory_of_the_plan_asks_for(recomputation, fields):
    world = language_model("etth")
    workload = replace(world.workload, recomputation=recomputation, optimizer="distributed")
    text = BRIDGE.launch(replace(world, workload=workload), strategy((0, 4, "a.0/0"))).files["placed.py"]
    cfg = _Fields()
    space: dict = {}
    exec(compile(text, "placed.py", "exec"), space)
    model = space["placed"](cfg).model
    assert (model.recompute_granularity, model.recompute_method, model.recompute_num_layers) == fields
    assert cfg.ddp.use_distributed_optimizer is cfg.optimizer.use_distributed_optimizer is True


def test_different_tensor_degrees_are_refused_with_what_was_found():
    plan = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "b.0/0"))
    assert "tensor degrees 1, 2" in MEGATRON.refusals(language_model("etth"), plan)[0]


def test_an_embedding_outside_the_first_stage_is_refused():
    plan = strategy((0, 1, "a.0/0"), (1, 4, "a.0/1"))
    assert "layer 1 of the embedding" in MEGATRON.refusals(language_model("eeth"), plan)[0]


def test_a_head_outside_the_last_stage_is_refused():
    plan = strategy((0, 3, "a.0/0"), (3, 4, "a.0/1"))
    assert "layer 2 of the head" in MEGATRON.refusals(language_model("ethh"), plan)[0]


def test_a_tensor_degree_that_does_not_divide_the_heads_is_refused():
    world = language_model("etth", shape=TransformerShape(hidden_size=9, heads=3))
    assert "a divisor of 3 heads" in MEGATRON.refusals(world, strategy((0, 4, "a.0/0 a.0/1")))[0]


def test_devices_may_share_a_head_of_keys_or_have_several_but_no_part_of_one():
    plan = strategy((0, 4, "a.0/0 a.0/1"))
    one, three = (
        language_model("etth", shape=TransformerShape(hidden_size=12, heads=6, key_value_size=2 * keys))
        for keys in (1, 3)
    )
    assert MEGATRON.refusals(one, plan) == ()
    assert "2, expected a divisor or a multiple of 3 heads of keys" in MEGATRON.refusals(three, plan)[0]


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (language_model("eh"), "none of kind 'transformer'"),
        (language_model("etht"), "layer 2 .* stands between transformer layers"),
        (language_model("etth", schedule="gpipe"), "workload.schedule: 'gpipe', expected '1f1b'"),
        (language_model("etth", zero_stage=2), "workload.zero_stage: 2, expected at most 1"),
    ],
)
def test_an_instance_that_it_cannot_run_at_all_is_refused_in_one_line(world, reason):
    with pytest.raises(InputError, match=reason):
        MEGATRON.restrictions(world)
    with pytest.raises(InputError, match=reason):
        MEGATRON.refusals(world, strategy((0, world.model.num_layers, "a.0/0")))


def test_a_layer_that_costs_nothing_may_stand_between_decoder_layers():
    plan = strategy((0, 3, "a.0/0"), (3, 5, "a.0/1"))
    arguments = MEGATRON.launch(language_model("etoth"), plan).arguments
    assert value(arguments, "--pipeline-model-parallel-layout") == "Et|tL"


class _Fields:
    """A configuration whose sections come into being when they are named."""

    def __getattr__(self, name):
        if name not in ("model", "train", "ddp", "optimizer"):
            raise AttributeError(name)
        self.__dict__[name] = type(self)()
        return self.__dict__[name]
