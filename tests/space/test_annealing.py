"""Plans found by annealing: they cost what the judge says, none beats the optimum, and most reach it."""

from math import inf

import pytest
from msgspec.structs import replace

from formulations import placement_search
from milp_amp.bounds.prepass import prepare
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.engine.limits import Limits
from milp_amp.generate.instance import generate
from milp_amp.generate.request import Request
from milp_amp.judge.evaluate import evaluate
from milp_amp.problem.workload import StageOverhead
from milp_amp.space.annealing import IMPOSSIBLE, Annealed
from milp_amp.space.classes import node_classes
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees, divisors
from milp_amp.space.drafts import Drafts
from milp_amp.space.labels import PlacedStage
from milp_amp.space.places import Places
from tests.agreement.drawing import draw
from tests.placements.drawing import unlike


def at_once(world):
    """Return the same world without latency, which annealing leaves aside."""
    nodes = tuple(replace(node, latency_us=0.0) for node in world.cluster.nodes)
    links = tuple(replace(link, latency_us=0.0) for link in world.cluster.links)
    return replace(world, cluster=replace(world.cluster, nodes=nodes, links=links))


def drafts(world, costs, steps):
    """Yield the plan and the step time of every draft of every configuration without uniform degrees."""
    places = Places(LayerTables(costs), node_classes(world.cluster, costs.network))
    batch = world.workload.global_batch_size
    for d in divisors(batch):
        for b in divisors(batch // d):
            degrees = Degrees(1, d, b, batch // (d * b))
            for draft in Drafts(places).drafts(degrees, tuple(places.tensor_degrees), Annealed(d + b, steps, False)):
                homes = tuple(place for _, _, place in draft.stages)
                path = tuple(PlacedStage(start, stop, n) for n, (start, stop, _) in enumerate(draft.stages))
                if draft.step_time < IMPOSSIBLE:
                    yield places.strategy(degrees, homes, path), draft.step_time


def matrix(seed, shared):
    return generate(Request(kind="matrix", devices=24, layers=12, shared_nic=shared, uneven=True, seed=seed), "m", "m")


def overheads(world):
    """Return the same world with what stages, updates and steps take on top."""
    extra = (StageOverhead(ms=0.3), StageOverhead(ms=2.0, tensor_parallel=2))
    workload = replace(world.workload, stage_overheads=extra, update_ns_per_parameter=0.01, step_overhead_ms=5.0)
    return replace(world, workload=workload)


@pytest.mark.parametrize(
    "world",
    [*map(draw, range(60)), *map(overheads, map(draw, range(60, 80))), *(matrix(n, n % 2 == 1) for n in range(6))],
)
def test_a_draft_costs_what_the_judge_says(world):
    world = at_once(world)
    costs = PipelineCost(world, measure(world.cluster))
    for strategy, step_time in drafts(world, costs, 50):
        judged = evaluate(world, strategy, costs=costs)
        assert not judged.violations
        assert judged.step_time == pytest.approx(step_time, rel=1e-9)


def test_annealing_never_beats_the_optimum_and_mostly_reaches_it():
    reached = 0
    for seed in range(20):
        world = at_once(unlike(seed))
        bounds = prepare(world)
        optimum = placement_search.solve(world, bounds, Limits(gap=1e-9)).objective
        best = min((value for _, value in drafts(world, bounds.costs, 2_000)), default=inf)
        assert best >= optimum * (1 - 1e-9)
        reached += best <= optimum * (1 + 1e-9)
    assert reached >= 18
