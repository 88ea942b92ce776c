"""The best plan under a target's restrictions is the best of those that the target does not refuse, by enumeration."""

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import InputError
from milp_amp.exchange.nearest import restricted
from milp_amp.exchange.targets import load_any, names, serving_names
from milp_amp.problem.model import Model
from tests.agreement.checks import Truth, difference
from tests.placements.drawing import draw, even
from tests.placements.homes import Documented
from tests.placements.plans import best_plan

TARGETS = (*names(), *serving_names())

FEW = 3
"""Layers from which on a chain has an embedding and a head besides decoder layers."""


def language_model(world):
    """The world with an embedding and a head around decoder layers, which some worlds tie."""
    chain = world.model.chain
    ends = {0: "embedding", len(chain) - 1: "head"} if len(chain) >= FEW else {}
    layers = tuple(replace(layer, kind=ends.get(n, "transformer"), repeat=1) for n, layer in enumerate(chain))
    return replace(world, model=Model(name=world.model.name, layers=layers, shape=world.model.shape))


def world_of(seed):
    return language_model(draw(seed) if seed % 2 else even(seed, mixed=True))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("seed", range(30))
def test_the_restricted_optimum_is_the_best_plan_that_is_not_refused(seed, name):
    world, target = world_of(seed), load_any(name)
    try:
        prepass = prepare(restricted(world, target))
    except InputError:
        return  # the target has nothing for this instance, whatever the plan
    homes = Documented(prepass.instance, prepass.costs)
    known = best_plan(
        prepass.instance, prepass.costs, homes, homes.start, lambda plan: not target.refusals(world, plan)
    )
    difference("placement_search", Truth(prepass, known, {}))


@pytest.mark.parametrize("name", TARGETS)
def test_some_worlds_have_something_for_every_target(name):
    """The agreement above would prove little otherwise."""
    worlds = 0
    for seed in range(30):
        try:
            worlds += bool(restricted(world_of(seed), load_any(name)))
        except InputError:
            continue
    assert worlds >= 3
