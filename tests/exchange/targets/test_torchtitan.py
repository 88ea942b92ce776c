"""torchtitan's modules, read back by its documented rules and by nothing that wrote them."""

import random
import tomllib
from types import SimpleNamespace

from milp_amp.exchange.targets.torchtitan import TORCHTITAN
from milp_amp.problem.model import TransformerShape
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model, plans


def read(world, plan):
    launch = TORCHTITAN.launch(world, plan)
    document = tomllib.loads(launch.files["placed.toml"])
    config = SimpleNamespace(parallelism=SimpleNamespace(), training=SimpleNamespace())
    space: dict = {}
    exec(compile(launch.files["placed.py"], "placed.py", "exec"), space)
    space["placed"](config)
    assert {section: vars(getattr(config, section)) for section in document} == document
    return document


def check(world, plan):
    """Build the whole model's modules and take those of each part away, as torchtitan does with its copies."""
    parallelism, training = (read(world, plan)[section] for section in ("parallelism", "training"))
    decoder = [n for n, layer in enumerate(world.model.chain) if layer.kind == "transformer"]
    whole = ["tok_embeddings", *(f"layers.{n}" for n in range(len(decoder))), "norm", "lm_head"]
    parts = parallelism.get("module_fqns_per_model_part", [whole])
    assert len(parts) == parallelism["pipeline_parallel_degree"] == len(plan.stages)
    assert [module for part in parts for module in part] == whole
    for part, stage in zip(parts, plan.stages, strict=True):
        held = [f"layers.{k}" for k, n in enumerate(decoder) if stage.start <= n < stage.stop]
        assert [module for module in part if module.startswith("layers.")] == held
    degrees = [parallelism[f"{name}_degree"] for name in ("data_parallel_replicate", "data_parallel_shard")]
    devices = sum(len(group) for stage in plan.stages for group in stage.replicas)
    ranks = degrees[0] * degrees[1] * parallelism["tensor_parallel_degree"] * parallelism["pipeline_parallel_degree"]
    assert ranks == devices
    # one step is one local batch of every replica, cut into microbatches
    assert training["local_batch_size"] * degrees[0] * degrees[1] == training["global_batch_size"]
    assert training["local_batch_size"] % parallelism["pipeline_parallel_microbatch_size"] == 0


def test_modules_are_spelled_stage_by_stage():
    world = language_model("etth")
    plan = strategy((0, 2, "a.0/0", "a.0/1"), (2, 4, "b.0/0", "b.0/1"), microbatch=2)
    parallelism = read(world, plan)["parallelism"]
    assert parallelism["module_fqns_per_model_part"] == [
        ["tok_embeddings", "layers.0"],
        ["layers.1", "norm", "lm_head"],
    ]
    assert parallelism["data_parallel_shard_degree"] == 2
    assert parallelism["pipeline_parallel_schedule"] == "1F1B"
    assert read(world, plan)["training"] == {"local_batch_size": 4, "global_batch_size": 8, "seq_len": 1}


def test_stages_for_the_embedding_and_for_the_head_alone_are_spelled():
    plan = strategy((0, 1, "a.0/0"), (1, 3, "b.0/0"), (3, 4, "a.1/0"))
    parts = read(language_model("etth"), plan)["parallelism"]["module_fqns_per_model_part"]
    assert parts == [["tok_embeddings"], ["layers.0", "layers.1"], ["norm", "lm_head"]]


def test_every_tiny_plan_that_is_not_refused_is_what_torchtitan_reads():
    for world in (language_model("etth"), language_model("etth", tied=True), language_model("tttt")):
        runnable = [plan for plan in plans(world) if not TORCHTITAN.refusals(world, plan)]
        for plan in random.Random(0).sample(runnable, min(60, len(runnable))):
            check(world, plan)


def test_tied_embeddings_exclude_pipelines():
    plan = strategy((0, 2, "a.0/0"), (2, 4, "b.0/0"))
    assert "expected one where embeddings are tied" in TORCHTITAN.refusals(language_model("etth", tied=True), plan)[0]
    assert TORCHTITAN.refusals(language_model("etth", tied=True), strategy((0, 4, "a.0/0"))) == ()


def test_a_head_of_keys_is_not_repeated():
    world = language_model("etth", shape=TransformerShape(hidden_size=8, heads=4, key_value_size=2))
    plan = strategy((0, 4, "a.0/0 a.0/1"))
    assert "expected a divisor of 1 heads of keys" in TORCHTITAN.refusals(world, plan)[0]
