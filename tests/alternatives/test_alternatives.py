"""The best plans of different choices are those that enumeration finds, in the spaces that are searched."""

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import FormulationError, InputError
from milp_amp.judge.check import check
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.choice import choice_of, stage_kind
from milp_amp.plan.result import Status
from milp_amp.solving.alternatives import alternatives
from milp_amp.solving.answer import answered
from tests.agreement.drawing import draw, wired
from tests.alternatives.every_plan import best_of_each, of_intervals, of_places
from tests.builders import instance, strategy
from tests.placements.drawing import draw as draw_placed

TOLERANCE = 1e-6
COUNT = 6


def agrees(world, formulation, spaces, cost_model="pipeline"):
    """Compare the list with enumeration; return how many choices there are."""
    prepass = prepare(world, cost_model)
    best = best_of_each(prepass, (plan for plans in spaces for plan in plans(prepass)))
    values = sorted(best.values())
    result = alternatives(world, COUNT, formulation, cost_model=cost_model, threads=1)
    assert result.status is (Status.OPTIMAL if best else Status.INFEASIBLE)
    assert result.complete == (len(best) < COUNT)
    assert [each.objective for each in result.results] == pytest.approx(values[:COUNT], rel=TOLERANCE)
    assert len(set(result.choices)) == len(result.results)
    for each, choice in zip(result.results, result.choices, strict=True):
        check(world, each, prepass.costs)
        assert choice_of(world.cluster, each.strategy) == choice
        assert each.objective == pytest.approx(best[choice], rel=TOLERANCE)
    if len(best) > COUNT:
        assert result.others_bound <= values[COUNT] * (1 + TOLERANCE)
    return len(best)


@pytest.mark.parametrize("group", range(4))
def test_lists_over_intervals_are_those_of_enumeration(group):
    sizes = [agrees(draw(seed), "interval_dp", [of_intervals]) for seed in range(8 * group, 8 * group + 8)]
    assert max(sizes) > COUNT  # some of these worlds have more choices than are listed


def test_lists_over_intervals_are_those_of_enumeration_on_every_kind_of_graph():
    for seed in range(7):
        agrees(wired(seed), "interval_dp", [of_intervals])


def test_lists_over_intervals_are_those_of_enumeration_where_links_are_paid_once_per_step():
    for seed in range(7):
        agrees(draw(seed), "interval_dp", [of_intervals], "amp")


def test_lists_over_places_are_those_of_enumeration():
    for seed in range(6):
        agrees(draw_placed(seed, max_devices=4, max_layers=3), "placement_search", [of_places])


def test_lists_over_both_spaces_are_those_of_enumeration_of_both():
    for seed in range(100, 104):
        agrees(draw_placed(seed, max_devices=4, max_layers=3), "auto", [of_intervals, of_places])


def test_two_layers_on_a_fast_and_a_slow_device_have_five_choices():
    # 3 ms a layer on the fast device, 6 ms on the slow one, two microbatches: 12 ms alone on the fast one, 24 ms on the
    # slow one; one layer each, in either order, 3 + 6 + 6 ms; both layers on both for one microbatch each, 12 ms.
    world = instance({"fast": [3, 3], "slow": [6, 6]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=2)
    result = alternatives(world.restricted("microbatch_size=1"), 10, threads=1)
    assert [each.objective for each in result.results] == pytest.approx([12e-3, 12e-3, 15e-3, 15e-3, 24e-3])
    assert (result.complete, result.others_bound, result.status) == (True, None, Status.OPTIMAL)
    kinds = [choice.stages for choice in result.choices]
    fast, slow = stage_kind(1, ["fast"]), stage_kind(1, ["slow"])
    assert set(kinds[:2]) == {(fast,), (stage_kind(1, ["slow", "fast"]),)}
    assert set(kinds[2:4]) == {(fast, slow), (slow, fast)}
    assert kinds[4] == (slow,)


def test_a_choice_is_of_device_types_not_of_devices():
    world = instance(nodes=[("a", 2, "fast", 2)])
    one = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
    other = strategy((0, 1, "a.1/1"), (1, 2, "a.0/0"))
    assert choice_of(world.cluster, one) == choice_of(world.cluster, other)


def test_the_bound_of_a_plan_holds_for_those_that_are_not_before_it():
    world = draw(1)
    result = alternatives(world, COUNT, "interval_dp", threads=1)
    for number, each in enumerate(result.results):
        assert all(each.bound <= later.objective * (1 + 1e-9) for later in result.results[number:])


def test_a_wide_gap_is_a_list_within_the_gap():
    prepass = prepare(draw(4))
    values = sorted(best_of_each(prepass, of_intervals(prepass)).values())
    result = alternatives(prepass.instance, 3, "interval_dp", threads=1, gap=0.1)
    for each, value in zip(result.results, values, strict=False):
        assert each.objective >= value * (1 - 1e-9)
        assert each.bound <= value * (1 + 1e-9)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(InputError, match=f"top = {count}, expected an integer from 1 to 1000"):
        alternatives(instance(), count)


def test_a_formulation_that_cannot_leave_out_choices_is_refused():
    with pytest.raises(FormulationError, match="interval_milp cannot leave out choices, expected one of auto"):
        alternatives(instance(), 2, "interval_milp")


def test_nothing_is_proved_of_a_better_plan_that_is_found_after_one_without_a_bound(monkeypatch):
    # Two choices of 12 and 15 ms and more: the first search ends with the slowest plan and no bound, so the second,
    # whose proof leaves that choice out, says nothing of the other plans of it.
    world = instance({"fast": [3, 3], "slow": [6, 6]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=2)
    slowest = strategy((0, 2, "b.0/0"))
    value, _ = closed_form(world, slowest, prepare(world).costs)

    def hasty(run, formulation, start):
        result = answered(run, formulation, start)
        if run.limits.without:
            return result
        return replace(result, strategy=slowest, objective=value, bound=None, gap=None, status=Status.FEASIBLE)

    monkeypatch.setattr("milp_amp.solving.alternatives.answered", hasty)
    result = alternatives(world, 2, threads=1)
    assert result.results[0].objective < result.results[1].objective == value
    assert [(each.status, each.bound) for each in result.results] == [(Status.FEASIBLE, None)] * 2
