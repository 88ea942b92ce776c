"""What must hold of the best placement whatever the question: small random clusters, changed a little."""

from functools import partial

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from formulations import amp_dp, amp_dp_exact, placement_search
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.space.worlds import world as places_of
from tests.laws import changes
from tests.laws.changes import ROUNDING, Wider
from tests.problem.drawing import wired_worlds, worlds

few = settings(max_examples=25, deadline=None)
factors = st.sampled_from([1.25, 2.0, 10.0])
small = worlds(max_layers=4, max_nodes=2, sizes=(1, 2, 4))
wired = wired_worlds(max_layers=4, max_nodes=2, sizes=(1, 2, 4))
silent = worlds(max_layers=4, max_nodes=2, sizes=(1, 2, 4), output_MB=0.0, gradient_MB=0.0)

solved = partial(changes.solved, solve=placement_search.solve)
seconds = partial(changes.seconds, solve=placement_search.solve)


def measured(world):
    """The same, every pair of nodes for itself: what a set of nodes costs does not depend on their order."""
    return replace(world, cluster=replace(world.cluster, contention="slowest_pair"))


def classes(world):
    """The classes of nodes, by the names of their members."""
    return [frozenset(node.name for node in kind.nodes) for kind in prepare(world).classes]


@given(silent)
@few
def test_where_nothing_is_sent_twice_the_speed_of_the_devices_is_half_the_time(world):
    assert seconds(changes.faster(world, 2.0)) == pytest.approx(seconds(world) / 2, rel=1e-6)


@given(small, factors)
@few
def test_twice_the_speed_of_everything_is_half_the_time(world, factor):
    quick = Wider(between=factor, inside=factor)(changes.faster(world, factor))
    assert seconds(quick) == pytest.approx(seconds(world) / factor, rel=1e-6)


@given(small, factors)
@few
def test_faster_devices_never_hurt(world, factor):
    assert seconds(changes.faster(world, factor)) <= seconds(world) * ROUNDING


@given(small, factors, st.sampled_from(["fast", "slow"]))
@few
def test_more_memory_never_hurts(world, factor, device_type):
    assert seconds(changes.with_more_memory(world, factor, device_type)) <= seconds(world) * ROUNDING


@pytest.mark.parametrize("where", ["between", "inside"])
@given(wired, factors)
@few
def test_more_bandwidth_never_hurts(where, world, factor):
    assert seconds(Wider(**{where: factor})(world)) <= seconds(world) * ROUNDING


@given(wired, factors)
@few
def test_less_latency_never_hurts(world, factor):
    assert seconds(changes.sooner(world, factor)) <= seconds(world) * ROUNDING


@given(small)
@few
def test_names_do_not_matter(world):
    assert seconds(changes.renamed(world)) == seconds(world)


@given(small, st.data())
@few
def test_one_group_or_two_groups_of_half_as_many_nodes_are_the_same(world, data):
    even = [group.name for group in world.cluster.nodes if group.count % 2 == 0]
    assume(even)
    split = changes.halved_group(world, data.draw(st.sampled_from(even)))
    assert seconds(split) == seconds(world)


@given(small, st.data())
@few
def test_one_more_node_never_hurts_where_none_that_stood_alone_gets_a_twin(world, data):
    """A node that is a class of its own may be left and come back to; one of several equal nodes may not."""
    before = measured(world)
    after = changes.with_one_more_node(before, data.draw(st.sampled_from([g.name for g in world.cluster.nodes])))
    alone = [kind for kind in classes(before) if len(kind) == 1]
    assume(all(kind in classes(after) for kind in alone))
    assert seconds(after) <= seconds(before) * ROUNDING


@given(small, st.integers(1, 3))
@few
def test_nodes_that_no_layer_was_measured_on_never_hurt(world, count):
    before = measured(world)
    assert seconds(changes.with_idle_nodes(before, count)) <= seconds(before) * ROUNDING


@given(small)
@few
def test_a_tensor_degree_for_every_stage_is_never_worse_than_one_for_all(world):
    assert seconds(world) <= seconds(world.restricted("uniform_tensor_parallel")) * ROUNDING


@given(small)
@few
def test_no_plan_is_below_a_lower_bound(world):
    bounds = prepare(world)
    least = min((c.lower_bound for c in places_of(bounds.costs, bounds.classes).configurations()), default=0.0)
    assert least <= seconds(world) * ROUNDING
    uniform = world.restricted("uniform_tensor_parallel")
    assert prepare(uniform).lower_bound <= seconds(uniform) * ROUNDING


@pytest.mark.parametrize("baseline", [amp_dp, amp_dp_exact])
@given(worlds(max_layers=5, sizes=(2,), batch=8) | worlds(max_layers=5, max_nodes=1, sizes=(4,), batch=8))
@few
def test_no_baseline_has_a_better_plan_where_nodes_and_degrees_are_powers_of_two(baseline, world):
    """Elsewhere the ranks of a stage may fill one node and half of the next, which no place does."""
    world = measured(world)
    plan = baseline.solve(world, prepare(world), Limits())
    assume(plan.objective is not None)
    assert seconds(world) <= plan.objective * ROUNDING


@given(wired)
@few
def test_the_same_question_has_the_same_answer(world):
    first, second = solved(world), solved(world)
    assert (first.strategy, first.objective, first.bound) == (second.strategy, second.objective, second.bound)
