"""MindSpeed-LLM: Megatron's arguments and a list of layers."""

from milp_amp.exchange.targets.mindspeed import MINDSPEED
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model


def test_the_list_has_the_decoder_layers_of_every_stage():
    plan = strategy((0, 3, "a.0/0"), (3, 5, "a.0/1"), (5, 8, "b.0/0"))
    arguments = MINDSPEED.launch(language_model("ettttthh"), plan).arguments
    assert arguments[arguments.index("--num-layer-list") + 1] == "2,2,1"
    assert arguments[arguments.index("--num-layers") + 1] == "5"


def test_one_stage_needs_no_list():
    assert "--num-layer-list" not in MINDSPEED.launch(language_model("eth"), strategy((0, 3, "a.0/0"))).arguments


def test_a_stage_for_the_head_alone_is_refused():
    plan = strategy((0, 3, "a.0/0"), (3, 4, "b.0/0"))
    assert "stages[1]: holds no decoder layer" in MINDSPEED.refusals(language_model("etth"), plan)[0]
