"""The best plan that keeps restrictions, by enumeration with predicates that know nothing of the search."""

from collections import Counter

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Status
from milp_amp.solving import solve
from tests.agreement.checks import Truth, difference, run
from tests.builders import curve, instance
from tests.placements.drawing import draw, even
from tests.placements.homes import Documented
from tests.placements.plans import best_plan
from tests.space.sailor_plans import best_value
from tests.space.sailor_worlds import draw as draw_sailor
from tests.space.sailor_worlds import space_of


def nodes(world, stage):
    """How many devices the stage has of every node."""
    return Counter(world.cluster.host_of_device[device] for group in stage.replicas for device in group)


def one_type(world, plan):
    return all(len({host.group.device for host in nodes(world, stage)}) == 1 for stage in plan.stages)


def compact(world, plan):
    used = [nodes(world, stage) for stage in plan.stages]
    return all(len(each) == 1 or all(n == host.group.devices for host, n in each.items()) for each in used)


def equal_ends(world, plan):
    return plan.stages[0].tensor_parallel == plan.stages[-1].tensor_parallel


def ends_together(world, plan):
    layers = world.model.num_layers
    return plan.stages[0].stop >= min(2, layers) and plan.stages[-1].start <= max(layers - 2, 0)


def uniform(world, plan):
    return len({stage.tensor_parallel for stage in plan.stages}) == 1


MEANINGS = {
    "one_type_stages": one_type,
    "compact_stages": compact,
    "equal_end_tensor_parallel": equal_ends,
    "uniform_tensor_parallel": uniform,
    "ends": ends_together,
}


def asked(world, name):
    """The world with a restriction; ``ends``: the first two layers in the first stage, the last two in the last one."""
    layers = world.model.num_layers
    ends = f"layers 0-{min(1, layers - 1)} in stage 0", f"layers {max(layers - 2, 0)}-{layers - 1} in stage -1"
    return world.restricted(*(ends if name == "ends" else (name,)))


def truth(world, name):
    prepass = prepare(asked(world, name))
    homes = Documented(prepass.instance, prepass.costs)
    keeps = MEANINGS[name]
    found = best_plan(prepass.instance, prepass.costs, homes, homes.start, lambda plan: keeps(world, plan))
    return Truth(prepass, found, {})


@pytest.mark.parametrize("name", sorted(MEANINGS))
@pytest.mark.parametrize("seed", range(60))
def test_it_finds_the_best_of_the_described_plans_that_keep_a_restriction(seed, name):
    world = draw(seed) if seed % 2 else even(seed, mixed=True)
    difference("placement_search", truth(world, name))
    if name != "compact_stages":  # which the programs with a pre-pass of slots refuse
        difference("placement_milp", truth(world, name))


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_one_of_them_costs_something_in_some_worlds_and_nothing_in_others(name):
    outcomes = set()
    for seed in range(1000, 1200):
        world = draw(seed) if seed % 2 else even(seed, mixed=True)
        free, kept = run("placement_search", prepare(world)), run("placement_search", prepare(asked(world, name)))
        if free.objective and kept.objective:
            outcomes.add("worse" if kept.objective > free.objective * (1 + 1e-9) else "kept")
        if len(outcomes) == 2:
            return
    raise AssertionError(f"only {outcomes}")


SAILOR = ("one_type_stages", "uniform_tensor_parallel", "equal_end_tensor_parallel", "tensor_parallel=2", "ends")


@pytest.mark.parametrize("name", [*SAILOR, "stage_devices<=2", "microbatch_size=2", "stage 0"])
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_so_it_does_under_costs_that_are_not_per_byte(seed, name):
    world = asked(draw_sailor(seed, max_layers=3, sizes=(1, 2)), name)
    order = [kind.nodes[0].group.name for kind in space_of(world).classes]
    best = best_value(world, order)
    result = run("placement_search", prepare(world, "sailor"))
    assert (result.status is Status.INFEASIBLE) == (best == float("inf"))
    assert result.objective is None or result.objective == pytest.approx(best, rel=1e-6)


def test_stages_of_whole_nodes_are_refused_where_costs_do_not_tell_nodes_apart():
    world = instance(curves=[curve("fast", "fast", 1)])
    for text in ("compact_stages", "idle a"):
        with pytest.raises(FormulationError, match="restrictions: on nodes under cost model 'sailor', expected others"):
            solve(world.restricted(text), cost_model="sailor")


def test_a_stage_of_three_devices_on_nodes_of_two_is_not_compact():
    # Three replicas of 6 ms, 2 rounds; one node of two: 3 rounds. Two whole nodes: 4 replicas do not divide 6.
    world = instance({"fast": [6]}, [("a", 2, "fast", 2)], batch=6)
    assert solve(world).objective == pytest.approx(0.012)
    assert solve(world.restricted("compact_stages")).objective == pytest.approx(0.018)


@pytest.mark.parametrize("flag", ["one_type_stages", "compact_stages", "equal_end_tensor_parallel"])
def test_programs_over_single_nodes_refuse_what_is_about_several(flag):
    with pytest.raises(FormulationError, match=r"^restrictions\.\w+: .*expected"):
        solve(instance(contention="slowest_pair").restricted(flag), "placement_cpsat")
