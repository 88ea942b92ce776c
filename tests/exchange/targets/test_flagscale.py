"""FlagScale's meshes, read back by its documented rules and by nothing that wrote them."""

import random

import pytest

from milp_amp.exchange.targets.flagscale import FLAGSCALE
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model, plans

yaml = pytest.importorskip("yaml")


def read(launch):
    """Return the system section; FlagScale's runner hands each of its fields on as an option of the same name."""
    document = yaml.safe_load(launch.files["hetero.yaml"])
    assert launch.arguments.count("--enable-hetero") == 1
    hetero = document["system"]["hetero"]
    for name in ("hetero_pipeline_layer_split", "hetero_process_meshes", "hetero_device_types"):
        at = launch.arguments.index(f"--{name.replace('_', '-')}") + 1
        assert launch.arguments[at : at + len(hetero[name])] == tuple(map(str, hetero[name]))
    assert document["system"]["sequence_parallel"] is ("--sequence-parallel" in launch.arguments)
    return document


def groups(document, types_by_rank):
    """Number the ranks as FlagScale does: sorted by the first place of their type, then cut into meshes.

    Returns (stage, data rank, tensor rank) by physical rank.
    """
    hetero = document["system"]["hetero"]
    order = sorted(range(len(types_by_rank)), key=lambda r: (hetero["hetero_device_types"].index(types_by_rank[r]), r))
    flat, where, logical, stage = hetero["hetero_process_meshes"], {}, 0, 0
    for tensor, _, _, data, pipeline in (flat[k : k + 5] for k in range(0, len(flat), 5)):
        for _ in range(pipeline):
            for place in range(data * tensor):
                where[order[logical]] = (stage, *divmod(place, tensor))
                logical += 1
            stage += 1
    assert logical == len(types_by_rank)
    return where


def check(world, plan):
    """Assert every documented rule, and that every rank does what the plan says."""
    launch = FLAGSCALE.launch(world, plan)
    document = read(launch)
    hetero, system, model = document["system"]["hetero"], document["system"], document["model"]
    meshes = [hetero["hetero_process_meshes"][k : k + 5] for k in range(0, len(hetero["hetero_process_meshes"]), 5)]
    assert len(meshes) == len(hetero["hetero_device_types"])
    assert sum(pp for *_, pp in meshes) == system["pipeline_model_parallel_size"]
    assert {cp for _, cp, _, _, _ in meshes} == {1}
    assert all(meshes[0][3] * model["micro_batch_size"] % dp == 0 for _, _, _, dp, _ in meshes)
    assert sum(hetero["hetero_pipeline_layer_split"]) == model["num_layers"]
    assert len(hetero["hetero_pipeline_layer_split"]) == len(plan.stages)
    assert min(hetero["hetero_pipeline_layer_split"]) > 0
    assert hetero["standalone_embedding_stage"] is False
    if not model["untie_embeddings_and_output_weights"]:
        assert meshes[0][0] == meshes[-1][0]
    devices = [
        (s, r, k)
        for s, stage in enumerate(plan.stages)
        for r, group in enumerate(stage.replicas)
        for k in range(len(group))
    ]
    where = groups(document, [launch.labels[s] for s, _, _ in devices])
    assert [where[rank] for rank in range(len(devices))] == devices


def test_two_types_are_two_meshes():
    world = language_model("etttth", nodes=(("a", 1, "A100", 4), ("v", 1, "V100", 2)), tensor_degrees=(1, 2))
    plan = strategy((0, 3, "a.0/0 a.0/1"), (3, 4, "a.0/2 a.0/3"), (4, 6, "v.0/0"))
    hetero = read(FLAGSCALE.launch(world, plan))["system"]["hetero"]
    assert hetero["hetero_pipeline_layer_split"] == [2, 1, 1]
    assert hetero["hetero_process_meshes"] == [2, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    assert hetero["hetero_device_types"] == ["A100", "V100"]


def test_a_type_that_comes_back_has_a_name_of_its_own_each_time():
    plan = strategy((0, 2, "a.0/0"), (2, 3, "b.0/0"), (3, 5, "a.1/0"))
    world = language_model("ettth")
    assert FLAGSCALE.launch(world, plan).labels == ("fast-0", "slow", "fast-1")
    check(world, plan)


def test_types_that_are_spelled_alike_are_told_apart():
    for names, words in ((("X 1", "X_1"), ("X_1-0", "X_1-1", "X_1-2")), (("X", "X-1"), ("X-0-0", "X-1-1", "X-1-2"))):
        nodes = (("a", 2, names[0], 2), ("b", 1, names[1], 2))
        world = language_model("ettth", nodes=nodes)
        plan = strategy((0, 2, "a.0/0"), (2, 3, "b.0/0"), (3, 5, "a.1/0"))
        assert FLAGSCALE.launch(world, plan).labels == words
        check(world, plan)


def test_every_tiny_plan_that_is_not_refused_is_what_flagscale_reads():
    for world in (language_model("etth"), language_model("etth", tied=True), language_model("tttt")):
        runnable = [plan for plan in plans(world) if not FLAGSCALE.refusals(world, plan)]
        for plan in random.Random(0).sample(runnable, min(60, len(runnable))):
            check(world, plan)


def test_a_stage_of_two_types_is_refused():
    plan = strategy((0, 4, "a.0/0", "b.0/0"))
    assert "devices of types fast, slow" in FLAGSCALE.refusals(language_model("etth"), plan)[0]


def test_tied_embeddings_want_one_tensor_degree_at_both_ends():
    plan = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "b.0/0"))
    assert "tensor degrees 2 first and 1 last" in FLAGSCALE.refusals(language_model("etth", tied=True), plan)[0]
    assert FLAGSCALE.refusals(language_model("etth"), plan) == ()


def test_a_stage_for_the_embedding_alone_is_refused():
    plan = strategy((0, 1, "a.0/0"), (1, 4, "b.0/0"))
    assert "stages[0]: holds no decoder layer" in FLAGSCALE.refusals(language_model("etth"), plan)[0]
