"""torchtitan's modules, read back by its documented rules and by nothing that wrote them."""

import dataclasses
import random
import tomllib
from importlib.resources import files
from types import SimpleNamespace

from msgspec.structs import replace

from milp_amp.exchange.targets.torchtitan import TORCHTITAN
from milp_amp.problem.model import TransformerShape
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model, plans

COMMON = (
    "pipeline_parallel_degree",
    "tensor_parallel_degree",
    "data_parallel_replicate_degree",
    "data_parallel_shard_degree",
    "fsdp_reshard_after_forward",
    "pipeline_parallel_schedule",
)
SEQUENCES = (
    (*COMMON, "pipeline_parallel_microbatch_size", "module_fqns_per_model_part"),
    ("local_batch_size", "global_batch_size", "seq_len"),
)
"""Fields of 0.3: versions until then count sequences."""
TOKENS = (
    (*COMMON, "num_pp_microbatches", "pipeline_parallel_module_fqns_per_model_part"),
    ("num_tokens_per_microbatch_per_dp_rank", "num_tokens_per_train_step", "max_context_length"),
)
"""Fields of the versions after 0.3, which count tokens."""


def configured(world, plan, tmp_path, names):
    """Set the plan in a configuration that has the fields of one version, and no others, as torchtitan's have."""
    launch = TORCHTITAN.launch(world, plan)
    (tmp_path / "placed.json").write_text(launch.files["placed.json"])
    script = tmp_path / "placed.py"
    script.write_bytes(files("milp_amp.exchange.launch").joinpath("placed.py").read_bytes())
    space = {"__file__": str(script)}
    exec(compile(script.read_text(), "placed.py", "exec"), space)
    sections = [
        dataclasses.make_dataclass(name, [(field, object, None) for field in fields], slots=True)()
        for name, fields in zip(("Parallelism", "Training"), names, strict=True)
    ]
    space["placed"](SimpleNamespace(parallelism=sections[0], training=sections[1]))
    return {name: dataclasses.asdict(found) for name, found in zip(("parallelism", "training"), sections, strict=True)}


def read(world, plan):
    return tomllib.loads(TORCHTITAN.launch(world, plan).files["placed.toml"])


def check(world, plan):
    """Build the whole model's modules and take those of each part away, as torchtitan does with its copies."""
    parallelism, training = (read(world, plan)[section] for section in ("parallelism", "training"))
    decoder = [n for n, layer in enumerate(world.model.chain) if layer.kind == "transformer"]
    whole = ["tok_embeddings", *(f"layers.{n}" for n in range(len(decoder))), "norm", "output"]
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
    local, microbatch = training["local_batch_size"], parallelism["pipeline_parallel_microbatch_size"]
    accumulated, rest = divmod(training["global_batch_size"], local * degrees[0] * degrees[1])
    assert (rest, local % microbatch) == (0, 0)
    # a pipeline cuts its local batch into microbatches; without one a local batch is a microbatch
    assert (accumulated if len(parts) > 1 else local // microbatch) == 1


def test_modules_are_spelled_stage_by_stage():
    world = language_model("etth")
    plan = strategy((0, 2, "a.0/0", "a.0/1"), (2, 4, "b.0/0", "b.0/1"), microbatch=2)
    parallelism = read(world, plan)["parallelism"]
    assert parallelism["module_fqns_per_model_part"] == [
        ["tok_embeddings", "layers.0"],
        ["layers.1", "norm", "output"],
    ]
    assert parallelism["data_parallel_shard_degree"] == 2
    assert parallelism["pipeline_parallel_schedule"] == "1F1B"
    assert read(world, plan)["training"] == {"local_batch_size": 4, "global_batch_size": 8, "seq_len": 1}


def test_stages_for_the_embedding_and_for_the_head_alone_are_spelled():
    plan = strategy((0, 1, "a.0/0"), (1, 3, "b.0/0"), (3, 4, "a.1/0"))
    parts = read(language_model("etth"), plan)["parallelism"]["module_fqns_per_model_part"]
    assert parts == [["tok_embeddings"], ["layers.0", "layers.1"], ["norm", "output"]]


def test_a_configuration_in_python_is_given_the_fields_that_its_version_has(tmp_path):
    world = language_model("etth")
    plan = strategy((0, 2, "a.0/0", "a.0/1"), (2, 4, "b.0/0", "b.0/1"), microbatch=2)
    parts = [["tok_embeddings", "layers.0"], ["layers.1", "norm", "lm_head"]]
    old = configured(world, plan, tmp_path, SEQUENCES)
    assert old["parallelism"]["module_fqns_per_model_part"] == parts
    assert old["parallelism"]["pipeline_parallel_microbatch_size"] == 2
    assert old["training"] == {"local_batch_size": 4, "global_batch_size": 8, "seq_len": 1}
    new = configured(world, plan, tmp_path, TOKENS)
    assert new["parallelism"]["pipeline_parallel_module_fqns_per_model_part"] == parts
    # 8 sequences of one token: two microbatches of two tokens in each of two replicas
    assert new["parallelism"]["num_pp_microbatches"] == 2
    assert list(new["training"].values()) == [2, 8, 1]


def test_what_is_computed_again_is_said_in_the_file_and_in_words():
    world = language_model("etth")
    world = replace(world, workload=replace(world.workload, recomputation="full"))
    plan = strategy((0, 4, "a.0/0"))
    assert read(world, plan)["activation_checkpoint"] == {"mode": "full"}
    assert "FullAC.Config()" in TORCHTITAN.launch(world, plan).notes[0]


def test_without_a_pipeline_no_more_than_a_microbatch_is_computed_at_once(tmp_path):
    plan = strategy((0, 4, "a.0/0"), microbatch=2)
    assert read(language_model("etth"), plan)["training"]["local_batch_size"] == 2
    found = configured(language_model("etth"), plan, tmp_path, SEQUENCES)
    assert found["parallelism"]["module_fqns_per_model_part"] is None


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
