"""Layouts as Megatron reads them: by the parser of the package ``megatron-core`` (extra ``megatron``)."""

import csv
import random
import warnings
from pathlib import Path

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.nearest import nearest
from milp_amp.exchange.targets.megatron import BRIDGE, MEGATRON
from milp_amp.plan.files import read_strategy
from milp_amp.problem.files import read_question
from milp_amp.problem.instance import Instance
from tests.exchange.targets.language_model import language_model, plans

LIBRARY = Path(__file__).parents[3] / "instances"
ROWS = csv.DictReader((LIBRARY / "best_known.csv").read_text().splitlines())
PLANS = [row for row in ROWS if not row["instance"].startswith("helix")]
RESTRICTED = ("amp/gpt2-heterogeneous-cluster", "amp/gpt2-homogeneous", "vtrain/a100-8", "synthetic/two-types-16")


@pytest.fixture(scope="module")
def parse():
    """Return the parser; its package warns on import of what it has no use for without a GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("megatron.core.transformer.pipeline_parallel_layer_layout")
    return module.PipelineParallelLayerLayout


def check(parse, world: Instance, plan) -> None:
    """Assert that Megatron accepts the layout, and builds in every stage the layers that the plan has there."""
    kinds = [layer.kind for layer in world.model.chain]
    decoder = [n for n, kind in enumerate(kinds) if kind == "transformer"]
    arguments = MEGATRON.launch(world, plan).arguments
    degree = int(arguments[arguments.index("--pipeline-model-parallel-size") + 1])
    assert degree == len(plan.stages)
    if degree == 1:
        assert "--pipeline-model-parallel-layout" not in arguments
        return
    layout = arguments[arguments.index("--pipeline-model-parallel-layout") + 1]
    assert f'"{layout}"' in BRIDGE.launch(world, plan).files["placed.py"]
    parsed = parse(layout, degree)
    assert parsed.virtual_pipeline_model_parallel_size == 1
    parsed.validate_layer_layout(num_layers=len(decoder), mtp_num_layers=None)
    for rank, stage in enumerate(plan.stages):
        held = [k for k, n in enumerate(decoder) if stage.start <= n < stage.stop]
        assert parsed.get_layer_id_list(vp_stage=0, pp_rank=rank) == held
    assert parsed.layout[0][0][0].name == "embedding"
    assert parsed.layout[-1][0][-1].name == "loss"


@pytest.mark.parametrize("row", PLANS, ids=lambda row: Path(row["plan"]).stem)
def test_megatron_reads_the_layout_of_every_plan_of_the_library_that_it_can_run(parse, row):
    world = read_question(LIBRARY / row["instance"])
    plan = read_strategy(LIBRARY / row["plan"])
    try:
        refusals = MEGATRON.refusals(world, plan)
    except InputError:
        return
    if not refusals:
        check(parse, world, plan)


@pytest.mark.parametrize("name", RESTRICTED)
def test_megatron_reads_the_layout_of_the_best_plan_that_it_can_run(parse, name):
    world = read_question(LIBRARY / f"{name}.json")
    plan = read_strategy(LIBRARY / "plans" / f"{name}--pipeline.json")
    result = nearest(world, plan, MEGATRON, cost_model="pipeline", time_limit=10)
    assert MEGATRON.refusals(world, result.strategy) == ()
    check(parse, world, result.strategy)


def test_megatron_reads_the_layout_of_tiny_plans_with_stages_without_decoder_layers(parse):
    for world in (language_model("etth"), language_model("etoth"), language_model("eetthh")):
        runnable = [plan for plan in plans(world) if not MEGATRON.refusals(world, plan)]
        for plan in random.Random(0).sample(runnable, min(80, len(runnable))):
            check(parse, world, plan)
