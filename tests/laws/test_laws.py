"""What must hold of the best plan whatever the question: small random worlds, changed a little."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from tests.laws import changes
from tests.laws.changes import ROUNDING, Wider, seconds, solved
from tests.problem.drawing import wired_worlds, worlds

few = settings(max_examples=60, deadline=None)
factors = st.sampled_from([1.25, 2.0, 10.0])
small = worlds(max_layers=6, max_nodes=3, sizes=(1, 2, 4))
wired = wired_worlds(max_layers=6, max_nodes=3, sizes=(1, 2, 4))


@given(small, factors)
@few
def test_twice_the_speed_of_everything_is_half_the_time(world, factor):
    quick = Wider(between=factor, inside=factor)(changes.faster(world, factor))
    assert seconds(quick) == pytest.approx(seconds(world) / factor, rel=1e-6)


@given(small)
@few
def test_twice_the_time_of_everything_is_as_good_a_plan(world):
    """The plan itself does not depend on the unit of time."""
    plan, slow = solved(world), solved(Wider(between=0.5, inside=0.5)(changes.faster(world, 0.5)))
    assert slow.strategy == plan.strategy


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
def test_more_bandwidth_on_all_links_between_nodes_or_inside_all_nodes_never_hurts(where, world, factor):
    assert seconds(Wider(**{where: factor})(world)) <= seconds(world) * ROUNDING


@given(wired, factors)
@few
def test_less_latency_never_hurts(world, factor):
    assert seconds(changes.sooner(world, factor)) <= seconds(world) * ROUNDING


@given(small)
@few
def test_names_do_not_matter(world):
    before, after = solved(world), solved(changes.renamed(world))
    assert after.objective == before.objective
    assert shape(after) == shape(before)


@given(small, st.data())
@few
def test_one_group_or_two_groups_of_half_as_many_nodes_are_the_same(world, data):
    even = [group.name for group in world.cluster.nodes if group.count % 2 == 0]
    assume(even)
    split = changes.halved_group(world, data.draw(st.sampled_from(even)))
    assert len(prepare(split).classes) == len(prepare(world).classes)
    assert seconds(split) == seconds(world)


@given(small, st.integers(1, 3))
@few
def test_nodes_that_no_layer_was_measured_on_never_hurt(world, count):
    more = changes.with_idle_nodes(world, count)
    # They may tell two nodes apart that looked alike, by their way to the newcomers: then the space is another one.
    assume(len(prepare(more).classes) == len(prepare(world).classes) + 1)
    assert seconds(more) <= seconds(world) * ROUNDING


def shape(result):
    """The plan without its names."""
    plan = result.strategy
    return plan and (
        plan.microbatch_size,
        plan.data_parallel,
        [(stage.layers, stage.tensor_parallel, len(stage.replicas)) for stage in plan.stages],
    )
