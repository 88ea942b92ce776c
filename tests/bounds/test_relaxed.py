"""Relaxed paths: a plan's granularity without its places."""

import math

import pytest
from hypothesis import given, settings

from milp_amp.bounds import prepass as prepass_module
from milp_amp.bounds.prepass import prepare, refined
from milp_amp.bounds.relaxed import PRECISION, Relaxation, RelaxedGrid, never
from milp_amp.space import path as path_module
from milp_amp.space.boxes import Box
from tests.builders import instance
from tests.problem.drawing import worlds
from tests.space.drawing import configurations, every_path

ROUNDING = 1 + 1e-9


def named(candidate):
    return {bound.name: bound.value for bound in candidate.bounds}


def candidate(prepass, t=1, d=1, b=1):
    (found,) = (c for c in prepass.candidates if str(c.degrees) == f"t={t} d={d} b={b}")
    return found


def grid(prepass, t=1, d=1):
    return RelaxedGrid(prepass.costs, prepass.classes, t, d)


def test_a_class_holds_as_many_relaxed_stages_as_it_could_take_part_in():
    world = instance({"fast": [1], "slow": [1]}, [("a", 1, "fast", 3), ("b", 1, "slow", 4)])
    one = grid(prepare(world), d=2)
    assert (one.capacity, one.max_stages) == ((2, 2), 3)
    assert one.compositions == ((1, 0), (0, 1))


def test_with_one_replica_a_transfer_keeps_its_pair_of_classes():
    nodes = [("a", 1, "fast", 1), ("b", 2, "slow", 1), ("c", 1, "slow", 2)]
    world = instance({"fast": [1], "slow": [1]}, nodes, nic_GBps={"a": 1, "b": 2, "c": 4}, inside_GBps=10)
    one = grid(prepare(world))
    a, b, c = one.compositions
    assert one.transfer((0, 0, 0), a, b) == pytest.approx(2e-9)
    assert one.transfer((0, 0, 0), b, b) == pytest.approx(1e-9)  # from node to node
    assert one.transfer((0, 0, 0), c, c) == pytest.approx(0.2e-9)  # inside the node
    assert one.transfer((0, 0, 0), a, a) == math.inf  # no second device
    assert grid(prepare(world), d=2).transfer((0, 0, 0), a, b) == pytest.approx(0.2e-9)  # the best there is


def test_the_min_max_partition_bounds_the_bottleneck():
    # On two devices 5 | 4 + 3 + 2 or 5 + 4 | 3 + 2: perfect balance says 7, the longest layer 5, the best partition 9.
    world = instance({"fast": [5, 4, 3, 2]}, [("a", 1, "fast", 2)], batch=8)
    prepass = prepare(world)
    better = prepass.refine(candidate(prepass))
    balance = better.box.bottleneck_floor
    assert 9e-3 / (1 + PRECISION) <= balance <= 9e-3
    assert named(better)["chain balance"] == pytest.approx(14e-3 + 7 * balance)


def test_the_relaxed_path_pays_for_its_boundaries():
    # Two stages: 6 + 2 × 1 ms of transfers, W 3; one stage: 6, W 6. Seven more microbatches.
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], output_MB=1, batch=8)
    prepass = prepare(world)
    assert named(prepass.refine(candidate(prepass)))["relaxed path"] == pytest.approx(8e-3 + 7 * 3e-3)


def test_where_nothing_fits_the_bound_is_infinite():
    for batch in (1, 4):
        prepass = prepare(instance(batch=batch, memory_GiB=1e-3, parameters=1e9))
        better = prepass.refine(candidate(prepass))
        assert (named(better)["chain balance"], better.lower_bound) == (math.inf, math.inf)


def test_with_too_many_classes_the_cheap_bounds_have_to_do(monkeypatch):
    monkeypatch.setattr(path_module, "MAX_STATES", 1)
    prepass = prepare(instance())
    first = prepass.candidates[0]
    better = prepass.refine(first)
    assert (better.bounds, better.refined) == (first.bounds, True)


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_refining_never_lowers_a_bound(world):
    prepass = prepare(world)
    for one in prepass.candidates[:4]:
        better = prepass.refine(one)
        assert better.lower_bound >= one.lower_bound
        assert better.box.bottleneck_floor >= one.box.bottleneck_floor
        assert better.refined
        assert not any(math.isnan(bound.value) for bound in better.bounds)


@given(configurations(("pipeline", "amp")))
@settings(max_examples=80, deadline=None)
def test_no_plan_lies_below_a_bound(drawn):
    prepass, made = drawn
    (one,) = (c for c in prepass.candidates if c.degrees == made.degrees)
    better = prepass.refine(one)
    for path in every_path(made):
        assert path.bottleneck * ROUNDING >= better.box.bottleneck_floor
        assert path.synchronisation * ROUNDING >= better.box.synchronisation_floor
        assert path.seconds * ROUNDING >= better.seconds
        assert path.step_time(made.weight) * ROUNDING >= better.lower_bound


@given(configurations(max_layers=5))
@settings(max_examples=40, deadline=None)
def test_a_bound_cut_short_stays_below_the_one_that_is_not(drawn):
    prepass, made = drawn
    relaxation = Relaxation(prepass.tables, prepass.classes, made.degrees)
    box = Box()
    exact = relaxation.least_step_time(box, math.inf, 10**6)
    values = [relaxation.least_step_time(box, math.inf, evaluations) for evaluations in (0, 1, 2, 4, 8)]
    assert values == sorted(values)
    assert values[-1] <= exact
    for enough in (0.5 * exact, exact, 2 * exact):
        assert relaxation.least_step_time(box, enough, 10**6) == pytest.approx(min(enough, exact))


def test_after_refining_the_least_bound_is_a_refined_one(monkeypatch):
    world = instance({"fast": [5, 4, 3, 2]}, [("a", 2, "fast", 2)], batch=8, output_MB=1, gradient_MB=1)
    prepass = prepare(world)
    done = refined(prepass)
    values = [one.lower_bound for one in done]
    assert values == sorted(values)
    assert done[0].refined
    assert {one.degrees for one in done} == {one.degrees for one in prepass.candidates}
    assert not all(one.refined for one in done)
    monkeypatch.setattr(prepass_module, "RELAXED_EVALUATIONS", 1)
    assert refined(prepass)[0].lower_bound <= values[0] * ROUNDING


def test_a_candidate_opens_into_itself_refined_and_then_into_its_layouts():
    prepass = prepare(instance(nodes=[("a", 1, "fast", 2)]))
    ((bound, better),) = prepass.open(candidate(prepass, d=2), math.inf, never)
    assert (bound, better.refined) == (better.lower_bound, True)
    regions = list(prepass.open(better, math.inf, never))
    assert [region.columns.grid.layout.value for _, region in regions] == ["stage by stage", "replica by replica"]
    assert {bound for bound, _ in regions} == {better.lower_bound}
    assert {region.box for _, region in regions} == {better.box}


def test_the_cut_between_two_classes_names_its_links():
    world = instance(nodes=[("a", 2, "fast", 1), ("b", 1, "slow", 1)], nic_GBps={"a": 2, "b": 1})
    cuts = {(c.source.name, c.target.name): c.cut for c in prepare(world).class_cuts}
    assert set(cuts) == {("fast@a", "fast@a"), ("fast@a", "slow@b"), ("slow@b", "fast@a")}  # b has one node
    assert cuts["fast@a", "slow@b"].bandwidth == 1e9
    assert cuts["fast@a", "slow@b"].links == (("switch", "b.0"),)
    assert cuts["fast@a", "fast@a"].bandwidth == 2e9


def test_compositions_that_are_not_searched_are_not_called_infeasible(monkeypatch):
    # Three classes of one device each and three replicas: only a stage over all three classes has room.
    monkeypatch.setattr("milp_amp.space.grid.MAX_COMPOSITIONS", 0)
    world = instance({"x": [3], "y": [3], "z": [3]}, [("a", 1, "x", 1), ("b", 1, "y", 1), ("c", 1, "z", 1)], batch=3)
    prepass = prepare(world)
    better = prepass.refine(candidate(prepass, d=3))
    assert list(prepass.open(better, math.inf, never)) == [(better.lower_bound, None)]
