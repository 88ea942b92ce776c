"""Memory, layers, search and cluster, drawn from what the judge says."""

from itertools import combinations

import msgspec
import pytest

from milp_amp.cost.network import measure
from milp_amp.judge.limiting import limiting_cut
from milp_amp.plan.result import TracePoint
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.files import read
from milp_amp.view.cluster import circle, cluster_figure
from milp_amp.view.drawing import gathered, scale
from milp_amp.view.layers import layers_figure
from milp_amp.view.memory import memory_figure
from milp_amp.view.progress import progress_figure
from milp_amp.view.training_figures import TRAINING_FIGURES, training_figures
from milp_amp.view.units_text import seconds
from tests.cli.worlds import LIBRARY
from tests.view.plans import instance, judged


def test_a_memory_bar_ends_at_the_judges_number_and_its_limit_at_the_smallest_device():
    memory = judged().evaluation.memory
    figure = memory_figure(memory)
    assert [box.width for box in figure.boxes] == [entry.memory_GiB for entry in memory]
    assert [line.points[0][0] for line in figure.lines] == [16.0, 8.0]


def test_a_stage_that_does_not_fit_has_another_colour():
    memory = judged().evaluation.memory
    short = type(memory[0])(device="f.0/0", device_type="fast", memory_GiB=17.0, capacity_GiB=16.0)
    assert [box.kind for box in memory_figure([short, *memory[1:]]).boxes] == ["over", "memory"]


def test_of_many_stages_the_fullest_of_every_group_is_drawn():
    entry = judged().evaluation.memory[0]
    kind = type(entry)
    many = [kind(device="f.0/0", device_type="fast", memory_GiB=1 + s % 2, capacity_GiB=16.0) for s in range(128)]
    figure = memory_figure(many)
    assert [box.width for box in figure.boxes] == [2.0] * 64
    assert figure.notes == ("128 stages in 64 rows: each shows the fullest of its neighbours.",)


def test_a_node_holds_the_layers_of_its_stage():
    found = judged()
    figure = layers_figure(found.instance, found.result.strategy, 100)
    assert [(box.x, box.width) for box in figure.boxes] == [(0.0, 3.0), (3.0, 1.0)]
    assert [words for _, words in figure.rungs] == ["f.0", "s.0"]
    assert "layers 0-2, tensor degree 1, 2 fast on one node: f.0/0-1" in figure.boxes[0].hint


def test_with_room_for_fewer_boxes_neighbouring_stages_become_one():
    found = judged()
    figure = layers_figure(found.instance, found.result.strategy, 1)
    assert len(figure.notes) == 2
    assert {(box.x, box.width) for box in figure.boxes} == {(0.0, 4.0)}


def test_the_cut_is_that_of_the_two_nodes_that_exchange_least():
    found = judged()
    assert found.limit.cut.bandwidth == 1e9
    figure = cluster_figure(found.instance.cluster, found.limit)
    assert [line.kind for line in figure.lines].count("cut") == 1
    assert figure.notes[0].startswith("Minimum cut between f.0 and s.0, the weakest pair at boundary 0")


def test_without_a_plan_the_weakest_pair_of_the_cluster_is_cut():
    cluster = instance().cluster
    assert "exchange least of all nodes" in limiting_cut(cluster, measure(cluster)).reason


def test_a_plan_of_one_stage_is_cut_where_its_own_nodes_exchange_least():
    stage = {"layers": [0, 4], "tensor_parallel": 1, "replicas": [["f.0/0"], ["s.0/0"]]}
    found = judged(strategy={"microbatch_size": 1, "data_parallel": 2, "stages": [stage]})
    assert found.limit.reason == "between f.0 and s.0, which exchange least of the nodes that synchronise"


def test_switches_stand_inside_on_the_side_of_their_groups():
    world = read(LIBRARY / "synthetic" / "three-types-48.json").cluster
    places = circle(world)
    for group in ("island0", "island1", "island2"):
        assert places[f"{group}-switch"] == pytest.approx([coordinate / 2 for coordinate in places[group]])
    assert places["core"] == (0.0, 0.0)


def test_groups_stand_on_a_circle_and_the_only_switch_in_the_middle():
    places = circle(instance().cluster)
    assert [x * x + y * y for x, y in (places["f"], places["s"])] == pytest.approx([1, 1])
    assert places["switch"] == (0.0, 0.0)


def test_of_too_many_links_those_of_the_cut_and_the_slowest_are_drawn():
    group = {"device": "fast", "devices": 1, "bandwidth_GBps": 10}
    names = [f"n{number}" for number in range(30)]
    document = {
        "device_types": {"fast": {"memory_GiB": 16}},
        "nodes": [{"name": name, **group} for name in names],
        "links": [{"source": v, "target": w, "bandwidth_GBps": 1} for v, w in combinations(names, 2)],
        "hosts_forward": False,
    }
    cluster = msgspec.convert(document, type=Cluster)
    figure = cluster_figure(cluster, limiting_cut(cluster, measure(cluster)))
    assert len(figure.lines) == 400
    assert "cut" in {line.kind for line in figure.lines}
    assert any("of the cut and the slowest" in note for note in figure.notes)


def test_a_value_holds_until_the_next_and_the_last_until_the_end():
    trace = [
        TracePoint(time_s=1.0, objective=3.0, bound=None),
        TracePoint(time_s=2.0, objective=2.0, bound=1.0),
    ]
    incumbent, bound = progress_figure(trace, 4.0, seconds, "").lines
    assert incumbent.points == ((1.0, 3.0), (2.0, 3.0), (2.0, 2.0), (4.0, 2.0))
    assert bound.points == ((2.0, 1.0), (4.0, 1.0))


def test_a_run_that_reported_nothing_has_no_such_figure():
    assert progress_figure([], 4.0, seconds, "") is None


def test_numbers_that_no_axis_holds_are_not_drawn():
    assert progress_figure([TracePoint(time_s=1.0, objective=1e308, bound=-1e308)], 4.0, seconds, "") is None


def test_a_result_with_a_plan_has_every_figure():
    assert [figure.name for figure in training_figures(judged(), TRAINING_FIGURES, 100)] == list(TRAINING_FIGURES)


@pytest.mark.parametrize(("high", "count"), [(0.0, 1), (1.0, 6), (9.7, 5), (123.0, 7)])
def test_an_axis_has_a_handful_of_round_numbers(high, count):
    assert len(scale(high, str)) == count


def test_groups_of_neighbours_cover_all_and_differ_by_one_at_most():
    groups = gathered(10, 4)
    assert [len(group) for group in groups] == [2, 3, 2, 3]
    assert [number for group in groups for number in group] == list(range(10))
