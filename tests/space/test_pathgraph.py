"""The path graph: what it leaves out can be left out."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import EngineError, FormulationError
from milp_amp.space import pathgraph
from milp_amp.space.boxes import Box
from milp_amp.space.configuration import Degrees, Layout
from milp_amp.space.pathgraph import Node, build_graph, restrict
from tests.builders import instance
from tests.space.drawing import configurations, every_path

TWO_LAYERS = instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], output_MB=[1, 0])


def columns(world, d=1):
    return prepare(world).columns(Degrees(1, d, 1, world.workload.global_batch_size // d), Layout.STAGE_BY_STAGE)


def intervals(graph):
    return sorted((column.start, column.stop) for column in graph.columns)


def crosses(graph, path):
    """Whether the graph has every column and every join of a path."""
    grid, compositions = graph.source.grid, graph.source.compositions
    places = {(column.start, column.place) for column in graph.columns}
    joins = {(join.state, join.place) for join in graph.joins}

    def place(step):
        return Node(step.stop, grid.phase(step.position), compositions.index(step.composition))

    def state(step):
        taken = tuple(u + n for u, n in zip(step.position, step.composition, strict=True))
        return Node(step.start, grid.phase(taken), compositions.index(step.composition))

    return all((step.start, place(step)) in places for step in path.steps) and all(
        (state(later), place(earlier)) in joins for earlier, later in pairwise(path.steps)
    )


def test_two_layers_make_three_columns_and_one_join():
    graph = build_graph(columns(TWO_LAYERS), Box(), math.inf)
    # The last layer on slot 0, both on slot 0, the first behind the last on slot 1.
    assert intervals(graph) == [(0, 1), (0, 2), (1, 2)]
    assert [join.kappa for join in graph.joins] == pytest.approx([2e-3])
    assert graph.slowest == pytest.approx(6e-3)


def test_columns_above_the_ceiling_are_left_out():
    assert intervals(build_graph(columns(TWO_LAYERS), Box(0, 3e-3), math.inf)) == [(0, 1), (1, 2)]


def test_a_station_above_the_ceiling_is_left_out_and_with_it_what_needs_it():
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], output_MB=[4, 0])
    graph = build_graph(columns(world), Box(0, 7e-3), math.inf)
    assert (intervals(graph), graph.joins) == ([(0, 2)], ())


def test_under_amp_a_link_is_no_station():
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], output_MB=[4, 0])
    made = prepare(world, "amp").columns(Degrees(1, 1, 1, 4), Layout.STAGE_BY_STAGE)
    assert len(build_graph(made, Box(0, 3e-3), math.inf).joins) == 1


def test_a_long_column_must_leave_room_for_every_microbatch():
    # One stage: 6 + 3 × 6 = 24 ms; two: 8 + 3 × 3 = 17 ms. Below 20 ms only two are left, below 17 ms none.
    assert intervals(build_graph(columns(TWO_LAYERS), Box(3e-3), 20e-3)) == [(0, 1), (1, 2)]
    assert intervals(build_graph(columns(TWO_LAYERS), Box(3e-3), 17e-3 - 1e-9)) == []


def test_the_synchronisation_that_must_be_paid_leaves_less_for_the_path():
    # Two stages and 4 ms that no plan avoids: 17 + 4 = 21 ms.
    box = Box(3e-3, synchronisation_floor=4e-3)
    assert intervals(build_graph(columns(TWO_LAYERS), box, 21.1e-3)) == [(0, 1), (1, 2)]
    assert intervals(build_graph(columns(TWO_LAYERS), box, 20.9e-3)) == []


def test_a_synchronisation_above_its_ceiling_is_left_out():
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 4)], gradient_MB=2)
    graph = build_graph(columns(world, d=2), Box(synchronisation=3e-3), math.inf)
    assert intervals(graph) == [(0, 1), (1, 2)]
    assert [column.sigma for column in graph.columns] == pytest.approx([2e-3, 2e-3])


def test_a_graph_too_large_to_write_down_is_refused(monkeypatch):
    monkeypatch.setattr(pathgraph, "MAX_ARCS", 3)
    with pytest.raises(FormulationError, match="expected a smaller program"):
        build_graph(columns(TWO_LAYERS), Box(), math.inf)


def test_restricting_gives_the_bottleneck_a_ceiling_even_without_an_incumbent():
    graph, box = restrict(columns(TWO_LAYERS), Box(3e-3), 6e-3, math.inf)
    assert box.bottleneck == graph.slowest == pytest.approx(6e-3)
    _, box = restrict(columns(TWO_LAYERS), Box(7e-3), 6e-3, math.inf)
    assert box.bottleneck == 7e-3


def test_restricting_below_what_is_possible_leaves_nothing():
    graph, box = restrict(columns(TWO_LAYERS), Box(3e-3), 6e-3, 14e-3)
    assert graph.columns == ()
    assert box.empty


def test_the_path_of_chosen_columns_has_their_positions():
    graph = build_graph(columns(TWO_LAYERS), Box(0, 3e-3), math.inf)
    path = graph.path(graph.columns)
    assert [(step.start, step.stop, step.position) for step in path.steps] == [(0, 1, (1,)), (1, 2, (0,))]
    assert path.seconds == pytest.approx(8e-3)


@pytest.mark.parametrize("chosen", [[(0, 1)], [(1, 2)], [(0, 1), (0, 2)], [(0, 2), (1, 2)], []])
def test_columns_that_do_not_cover_every_layer_once_are_no_path(chosen):
    graph = build_graph(columns(TWO_LAYERS), Box(), math.inf)
    with pytest.raises(EngineError, match="a solver's answer is no path"):
        graph.path(column for column in graph.columns if (column.start, column.stop) in chosen)


@given(configurations(("pipeline", "amp")), st.data())
@settings(max_examples=80, deadline=None)
def test_every_path_that_beats_the_cutoff_stays(drawn, data):
    prepass, made = drawn
    paths = every_path(made)
    values = sorted({path.step_time(made.weight) for path in paths})
    cutoff = data.draw(st.sampled_from([math.inf, *[value * (1 + 1e-9) for value in values[:5]], *values[:5]]))
    ceilings = st.sampled_from([math.inf, *sorted({path.bottleneck for path in paths})[:5]])
    candidate = next(each for each in prepass.candidates if each.degrees == made.degrees)
    # The floor may lie a rounding error above what it bounds.
    box = replace(candidate.box, bottleneck=max(data.draw(ceilings), candidate.box.bottleneck_floor))
    graph, part = restrict(made, box, candidate.seconds, cutoff)
    for path in paths:
        if path.bottleneck <= box.bottleneck and path.step_time(made.weight) < cutoff * (1 - 1e-9):
            assert crosses(graph, path)
            assert path.bottleneck <= part.bottleneck
            assert path.synchronisation <= part.synchronisation


@given(configurations())
@settings(max_examples=40, deadline=None)
def test_a_column_and_its_places_cost_what_the_path_through_them_costs(drawn):
    _, made = drawn
    graph = build_graph(made, Box(), math.inf)
    for path in every_path(made)[:30]:
        assert crosses(graph, path)
        chosen = [
            next(c for c in graph.columns if (c.start, c.place) == (step.start, _place(graph, step)))
            for step in path.steps
        ]
        again = graph.path(chosen)
        assert again == path
        assert sum(column.tau for column in chosen) <= path.seconds * (1 + 1e-12)
        assert max(column.sigma for column in chosen) == pytest.approx(path.synchronisation)


def _place(graph, step):
    return Node(step.stop, graph.source.grid.phase(step.position), graph.source.compositions.index(step.composition))
