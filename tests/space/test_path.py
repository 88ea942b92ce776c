"""The cheapest path under two ceilings."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import FormulationError
from milp_amp.space import path as path_module
from milp_amp.space.configuration import Degrees, Layout
from milp_amp.space.path import CheapestPath, strategy_of
from tests.builders import instance, strategy
from tests.space.drawing import configurations, every_path, least

BOTH_MODELS = ("pipeline", "amp")


def columns(world, t=1, d=1, b=1, layout=Layout.STAGE_BY_STAGE):
    return prepare(world).columns(Degrees(t, d, b, world.workload.global_batch_size // (d * b)), layout)


def stages(path):
    return [(step.start, step.stop, step.position) for step in path.steps]


FOUR_LAYERS = instance(
    {"fast": [4, 2, 2, 4]}, [("a", 1, "fast", 4)], output_MB=[1, 2, 1, 0], gradient_MB=1, inside_GBps=2
)
"""Boundaries take 1, 2 and 1 ms there and back."""


def test_without_ceilings_one_stage_is_cheapest():
    path = CheapestPath(columns(FOUR_LAYERS)).solve()
    assert stages(path) == [(0, 4, (0,))]
    assert (path.seconds, path.bottleneck, path.synchronisation) == pytest.approx((12e-3, 12e-3, 0))


def test_under_a_ceiling_the_cheapest_cuts_that_keep_it():
    path = CheapestPath(columns(FOUR_LAYERS)).solve(9e-3)
    # One cut of 1 ms at the side: 4 | 8, or 8 | 4.
    assert path.seconds == pytest.approx(13e-3)
    assert path.bottleneck == pytest.approx(8e-3)
    # No stage above 4 ms: 4 | 2 + 2 | 4 over the two cheap cuts; slots are counted from the end.
    path = CheapestPath(columns(FOUR_LAYERS)).solve(4.5e-3)
    assert stages(path) == [(0, 1, (2,)), (1, 3, (1,)), (3, 4, (0,))]
    assert path.seconds == pytest.approx(14e-3)


def test_no_path_lies_below_the_longest_layer():
    assert CheapestPath(columns(FOUR_LAYERS)).solve(3.9e-3) is None


def test_a_link_longer_than_the_ceiling_is_not_crossed():
    world = instance({"fast": [2, 1, 2]}, [("a", 1, "fast", 2)], output_MB=[2, 5, 0], inside_GBps=2)
    path = CheapestPath(columns(world)).solve(3e-3)
    assert (stages(path), path.bottleneck) == ([(0, 1, (1,)), (1, 3, (0,))], pytest.approx(3e-3))
    assert CheapestPath(columns(world)).solve(1.9e-3) is None


def test_a_synchronisation_longer_than_its_ceiling_is_not_waited_for():
    # Two replicas: 1 ms per MB of gradients at 1 GB/s; one stage of 4 MB, or two of 2 MB.
    world = instance({"fast": [2, 2]}, [("a", 1, "fast", 4)], gradient_MB=2, inside_GBps=1)
    oracle = CheapestPath(columns(world, d=2))
    assert oracle.solve().synchronisation == pytest.approx(4e-3)
    assert oracle.solve(synchronisation=3e-3).synchronisation == pytest.approx(2e-3)
    assert oracle.solve(synchronisation=1e-3) is None


def test_memory_keeps_a_full_stage_near_the_end():
    # Room for one microbatch of both layers, or two of one: one stage of two layers, or 1 | 1.
    unit = 2**30 / 1e6
    world = instance({"fast": [3, 3, 3]}, [("a", 1, "fast", 3)], activation_MB=unit, memory_GiB=2.5, batch=8)
    path = CheapestPath(columns(world)).solve()
    assert stages(path) == [(0, 1, (1,)), (1, 3, (0,))]


def test_a_stage_that_holds_one_microbatch_more_than_fits_is_no_stage():
    # As above, with a long last layer: 1 + 1 | 3 needs two microbatches of two layers, 1 | 1 + 3 does not.
    unit = 2**30 / 1e6
    world = instance({"fast": [1, 1, 3]}, [("a", 1, "fast", 2)], activation_MB=unit, memory_GiB=2.5, batch=8)
    assert CheapestPath(columns(world)).solve(3.5e-3) is None
    assert stages(CheapestPath(columns(world)).solve(4.5e-3)) == [(0, 1, (1,)), (1, 3, (0,))]


def test_a_path_is_a_plan_down_to_the_devices():
    made = columns(FOUR_LAYERS)
    path = CheapestPath(made).solve(9e-3)
    cut = path.steps[0].stop
    assert strategy_of(made, path, "1f1b") == strategy((0, cut, "a.0/1"), (cut, 4, "a.0/0"))
    assert path.step_time(3) == pytest.approx(13e-3 + 3 * 8e-3)


def test_slots_that_no_stage_fits_are_left_free(monkeypatch):
    # Two classes of three devices, two replicas a stage: without mixed stages one stage each, though six are free.
    monkeypatch.setattr("milp_amp.space.grid.MAX_COMPOSITIONS", 0)
    world = instance({"x": [3, 3, 3], "y": [3, 3, 3]}, [("a", 1, "x", 3), ("b", 1, "y", 3)], batch=2)
    path = CheapestPath(columns(world, d=2)).solve(bottleneck=6e-3)
    assert path
    assert [len(path.steps), path.bottleneck] == [2, pytest.approx(6e-3)]


def test_a_space_too_large_to_list_is_refused(monkeypatch):
    monkeypatch.setattr(path_module, "MAX_STATES", 12)
    assert CheapestPath(columns(instance(nodes=[("a", 1, "fast", 3)]))).solve()
    with pytest.raises(FormulationError, match="expected at most"):
        CheapestPath(columns(instance(nodes=[("a", 1, "fast", 4)])))


ceilings = st.floats(0, 30e-3)


@given(configurations(BOTH_MODELS), ceilings, ceilings)
@settings(max_examples=80, deadline=None)
def test_the_cheapest_path_is_the_cheapest_of_all_paths(drawn, bottleneck, synchronisation):
    _, made = drawn
    paths = every_path(made)
    oracle = CheapestPath(made)
    stations = sorted({path.bottleneck for path in paths})[:6]
    rings = sorted({path.synchronisation for path in paths})[:3]
    for W in (math.inf, bottleneck, *stations):
        for S in (math.inf, synchronisation, *rings):
            path = oracle.solve(W, S)
            assert (math.inf if path is None else path.seconds) == pytest.approx(least(paths, W, S), rel=1e-12)
            if path is not None:
                assert path.bottleneck <= W
                assert path.synchronisation <= S


@given(configurations(BOTH_MODELS, max_layers=6), ceilings, ceilings, st.floats(1, 3), st.floats(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_higher_ceiling_never_makes_the_cheapest_path_dearer(drawn, W, S, wider, longer):
    oracle = CheapestPath(drawn[1])

    def cheapest(bottleneck, synchronisation):
        path = oracle.solve(bottleneck, synchronisation)
        return math.inf if path is None else path.seconds * (1 - 1e-12)

    assert cheapest(W * wider, S) <= cheapest(W, S) * (1 + 1e-9)
    assert cheapest(W, S * longer) <= cheapest(W, S) * (1 + 1e-9)
