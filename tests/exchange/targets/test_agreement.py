"""What is searched for a launcher is what it does not refuse: both halves of every target say the same."""

import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.targets import load, load_serving, names, serving_names
from milp_amp.judge.restrictions import broken_restrictions
from milp_amp.problem.model import TransformerShape
from tests.exchange.targets.language_model import language_model, plans

WORLDS = {
    "plain": lambda: language_model("etth"),
    "tied": lambda: language_model("etth", tied=True),
    "long ends": lambda: language_model("eetthh"),
    "bare": lambda: language_model("tttt"),
    "single": lambda: language_model("eth"),
    "odd heads": lambda: language_model("etth", shape=TransformerShape(hidden_size=9, heads=3)),
    "few keys": lambda: language_model(
        "etth", shape=TransformerShape(hidden_size=8, heads=4, key_value_size=2), tensor_degrees=(1, 2)
    ),
    "three keys": lambda: language_model("etth", shape=TransformerShape(hidden_size=12, heads=6, key_value_size=6)),
    "one type": lambda: language_model("etth", nodes=(("a", 3, "fast", 2),)),
    "one node": lambda: language_model("etth", nodes=(("a", 1, "fast", 4),)),
    "wide nodes": lambda: language_model("etth", nodes=(("a", 2, "fast", 4),)),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", [*names(), *serving_names()])
def test_a_plan_keeps_the_restrictions_exactly_where_it_is_not_refused(name, world):
    target, asked = (load if name in names() else load_serving)(name), WORLDS[world]()
    try:
        restricted = replace(asked, restrictions=target.restrictions(asked))
    except InputError:
        with pytest.raises(InputError):
            target.refusals(asked, next(plans(asked)))
        return
    for plan in plans(asked):
        microbatches = asked.workload.global_batch_size // (plan.data_parallel * plan.microbatch_size)
        broken = list(broken_restrictions(restricted, plan, microbatches))
        assert bool(broken) == bool(target.refusals(asked, plan)), (plan, broken, target.refusals(asked, plan))
