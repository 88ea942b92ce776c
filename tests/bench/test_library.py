"""The library holds what it says: no file is another, no value is unattained, no bound is bettered."""

from pathlib import Path

import pytest

from milp_amp.bench.best_known import TABLE, BestKnown
from milp_amp.bench.library import INDEX, Entry, index, question, structure
from milp_amp.bench.rows import read_rows, to_csv
from milp_amp.errors import InputError, PlanError
from milp_amp.problem.cluster import Link
from tests.bench.libraries import SERVE, TRAIN, library, rewrite, rewrite_json, wrong
from tests.builders import instance

PUBLISHED = Path(__file__).parents[2] / "instances"


def test_nothing_is_wrong_with_the_published_library():
    assert wrong(PUBLISHED) == []


def test_the_published_index_is_what_the_command_writes():
    assert (PUBLISHED / INDEX).read_bytes() == to_csv(index(PUBLISHED), Entry)


@pytest.fixture
def made(tmp_path):
    return library(tmp_path / "library")


def test_nothing_is_wrong_with_a_library_that_was_just_written(made):
    assert wrong(made) == []


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        (TRAIN, {"value": 0.014, "bound": ""}, "value = 0.014, but the plan attains 0.015"),
        (SERVE, {"value": 10.5, "bound": 10.5}, "value = 10.5, but the plan attains 10.0"),
        (TRAIN, {"bound": 0.016}, "bound = 0.016, but the value 0.015"),
        (SERVE, {"bound": 9.5}, "bound = 9.5, but the value 10.0 is better"),
        (TRAIN, {"status": "optimal"}, "status = 'optimal', expected 'feasible' for a gap of 0.333"),
        (SERVE, {"status": "feasible"}, "status = 'feasible', expected 'optimal' for a gap of 0.0"),
        (TRAIN, {"gap": 0.1}, "gap = 0.1, expected 0.333"),
        (TRAIN, {"gap": ""}, "gap = None, expected 0.333"),
        (SERVE, {"gap": ""}, "gap = None, expected 0.0"),
        (TRAIN, {"bound_by": ""}, "contradicts bound_by = None"),
        (TRAIN, {"objective": "least price"}, "objective = 'least price', expected 'least step_time'"),
        (TRAIN, {"plan": "plans/other.json"}, "plan = 'plans/other.json', expected 'plans/made/train--pipeline.json'"),
        (SERVE, {"cost_model": "pipeline"}, "plan = 'plans/made/serve--flow.json', expected"),
        (TRAIN, {"instance": "made/other.json"}, "made/other.json: no such instance"),
    ],
)
def test_a_row_that_says_what_is_not_so_is_named(path, fields, expected, made):
    rewrite(made, path, **fields)
    assert any(expected in line for line in wrong(made)), wrong(made)


TWICE = [{"layers": [0, 2], "tensor_parallel": 1, "replicas": [["a.0/0"], ["a.0/0"]]}]


@pytest.mark.parametrize(
    ("path", "fields", "rule"),
    [
        (TRAIN, {"stages": TWICE, "data_parallel": 2}, "stages"),
        (TRAIN, {"schedule": "gpipe"}, "schedule"),  # it has a price, but not the schedule that was asked for
        (SERVE, {"layers": {"a.0": [0, 3]}}, "layers"),
    ],
)
def test_a_plan_that_breaks_a_rule_attains_nothing(path, fields, rule, made):
    plan = "plans/made/train--pipeline.json" if path == TRAIN else "plans/made/serve--flow.json"
    rewrite_json(made / plan, **fields)
    assert [line.startswith(f"{path}: {plan}: {rule}") for line in wrong(made)] == [True], wrong(made)


def test_rounding_is_no_contradiction(made):
    rewrite(made, TRAIN, value=0.015, bound=0.015 * (1 + 1e-12), gap=1e-12, status="optimal")
    assert wrong(made) == []


def test_serving_is_a_question_about_flow_alone(made):
    plan = made / "plans/made/serve--flow.json"
    plan.rename(plan.with_name("serve--amp.json"))
    rewrite(made, SERVE, cost_model="amp", plan="plans/made/serve--amp.json")
    assert wrong(made) == [
        f"{SERVE}: plans/made/serve--amp.json: cost model 'amp', expected 'flow' for a question about serving"
    ]


def test_a_placement_that_lets_requests_in_anywhere_answers_another_question(made):
    rewrite_json(made / "plans/made/serve--flow.json", partial_inference=True)
    assert wrong(made) == [
        f"{SERVE}: plans/made/serve--flow.json: partial_inference = true, expected false: it answers another question"
    ]


def test_a_plan_without_a_row_and_a_row_without_a_plan_are_named(made):
    plan = made / "plans/made/train--pipeline.json"
    plan.rename(plan.with_name("stray.json"))
    assert wrong(made) == [
        "plans/made/stray.json: the plan of no row",
        f"{TRAIN}: plan = 'plans/made/train--pipeline.json', but there is no such file",
    ]


def test_a_question_is_answered_once(made):
    table = made / TABLE
    table.write_text(table.read_text() + table.read_text().splitlines()[-1] + "\n")
    assert wrong(made) == [f"{TRAIN}, pipeline: stands 2 times, expected once"]


def test_an_instance_that_was_changed_is_named(made):
    (made / TRAIN).write_bytes((made / TRAIN).read_bytes() + b"\n")
    assert [line.partition(" = ")[0] for line in wrong(made)] == [f"{TRAIN}: sha256"]


def test_an_index_that_says_what_the_cluster_is_not_is_named(made):
    rewrite(made, TRAIN, INDEX, devices=3)
    assert wrong(made) == [f"{TRAIN}: devices = 3 in {INDEX}, expected 2"]


def test_instances_that_are_missing_or_not_listed_are_named(made):
    (made / TRAIN).rename(made / "made/new.json")
    assert wrong(made) == [
        f"{TRAIN}: in {INDEX}, but not in {made}",
        f"made/new.json: in {made}, but not in {INDEX}",
        f"{TRAIN}: no such instance",
    ]


def test_an_instance_stands_once_in_the_index(made):
    file = made / INDEX
    file.write_text(file.read_text() + file.read_text().splitlines()[-1] + "\n")
    assert wrong(made) == [f"{TRAIN}: stands 2 times in {INDEX}, expected once"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("path\n", "columns 'path', expected 'instance,cost_model,"),
        ("{head}\nx,pipeline\n", "line 2: expected 12 values"),
        ("{head}\nx,pipeline,least step_time,fast,,,feasible,f,,,2026-01-02,p\n", "line 2: Expected `float`"),
        ("{head}\nx,pipeline,least step_time,1,,,feasible,f,,,today,p\n", "line 2: Invalid RFC3339 encoded date"),
        ("{head}\nx,pipeline,least step_time,1,nan,,feasible,f,,,2026-01-02,p\n", "line 2: Expected `float`"),
        ("{head}\nx,pipeline,least step_time,inf,,,feasible,f,,,2026-01-02,p\n", "line 2: Expected `float`"),
        ('{head}\n"x\n', "line 2: unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_its_line(content, complaint, made):
    head = (made / TABLE).read_text().splitlines()[0]
    (made / TABLE).write_text(content.format(head=head))
    with pytest.raises(InputError) as refused:
        read_rows(made / TABLE, BestKnown)
    assert complaint in str(refused.value)


def test_a_table_that_is_not_text_is_refused(made):
    (made / TABLE).write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8, expected CSV in UTF-8"):
        read_rows(made / TABLE, BestKnown)


def test_a_plan_that_cannot_be_read_is_refused(made):
    (made / "plans/made/train--pipeline.json").write_text("{")
    with pytest.raises(PlanError):
        wrong(made)


def link(source, target):
    return Link(source=source, target=target, bandwidth_GBps=1.0)


ONE_WAY = [
    Link(source=s, target=t, bandwidth_GBps=1.0, one_way=True)
    for s, t in (("a", "x"), ("x", "a"), ("b", "x"), ("x", "b"))
]


@pytest.mark.parametrize(
    ("word", "links", "switches"),
    [
        ("star", [link("a", "x"), link("b", "x")], "x"),
        ("star", ONE_WAY, "x"),
        ("tree", [link("a", "x"), link("b", "y"), link("x", "y")], "xy"),
        ("tree", [link("a", "x"), link("a", "b")], "x"),
        ("matrix", [link("a", "b")], ""),
        ("graph", [link("a", "x"), link("b", "x"), link("a", "b")], "x"),
        ("graph", [link("a", "x"), link("a", "y"), link("b", "x"), link("b", "y")], "xy"),
    ],
)
def test_a_cluster_is_called_by_what_its_links_make_of_it(word, links, switches):
    world = instance(nodes=[("a", 1, "fast", 2), ("b", 1, "fast", 2)], links=links, switches=switches)
    assert structure(world.cluster) == word


def test_groups_of_nodes_are_written_out():
    """Two nodes between two switches close a circle, which one does not."""
    ends = [link("a", "x"), link("a", "y")]
    words = [
        structure(instance(nodes=[("a", count, "fast", 1)], links=ends, switches="xy").cluster) for count in (1, 2)
    ]
    assert words == ["tree", "graph"]


def test_equal_nodes_that_are_all_linked_are_a_matrix():
    world = instance(nodes=[("a", 3, "fast", 1)], links=[link("a", "a")], switches=())
    assert structure(world.cluster) == "matrix"


def test_nodes_at_several_sites_are_called_so():
    world = instance(nodes=[("a", 1, "fast", 2), ("b", 1, "fast", 2)], sites={"a": "here", "b": "there"})
    assert structure(world.cluster) == "sites"


@pytest.mark.parametrize(
    ("objective", "word"),
    [({}, "training"), ({"minimise": "price"}, "price"), ({"most_price_per_step": 1.0}, "budget")],
)
def test_a_question_is_called_by_what_it_asks(objective, word):
    assert question(instance(price_per_hour={"fast": 1.0}, objective=objective)) == word
