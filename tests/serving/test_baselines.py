"""Petals, SWARM and separate pipelines: what they do, by hand, and that they claim no more than there is."""

import numpy as np
import pytest

from formulations import serving_petals, serving_separate, serving_swarm
from milp_amp.bounds.serving import flow_bounds
from milp_amp.judge.flow import flow_of
from milp_amp.plan.files import read_placement
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_serving
from milp_amp.solving.serving import solve_serving
from milp_amp.space.fleet import Fleet
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, most_tokens, serving

BASELINES = ["serving_petals", "serving_swarm", "serving_separate"]


@pytest.mark.parametrize("formulation", BASELINES)
@pytest.mark.parametrize("seed", range(100))
def test_no_claim_is_above_the_best_placement_and_every_claim_is_confirmed(seed, formulation):
    world = draw(seed)
    result = solve_serving(world, formulation)
    assert result == solve_again(world, formulation, result)
    if result.placement is None:
        assert result.status is Status.UNKNOWN
        return
    assert result.verified
    best = most_tokens(world, partial_inference=result.placement.partial_inference)
    assert 0 < result.objective <= best * (1 + 1e-9)
    assert result.bound <= min(bound.tokens_per_s for bound in flow_bounds(world)) * (1 + 1e-9)


def solve_again(world, formulation, before):
    """Return the same result if it is found again, as if at the same time."""
    again = solve_serving(world, formulation)
    return type(again)(
        **{field: getattr(again, field) for field in again.__struct_fields__ if field not in ("runtime_s", "trace")},
        runtime_s=before.runtime_s,
        trace=before.trace,
    )


def test_petals_fills_the_model_block_by_block():
    result = solve_serving(serving({"a": (2, (10.0, 6.0))}, layers=4), "serving_petals")
    assert sorted(result.placement.layers.values()) == [(0, 2), (2, 4)]
    assert result.objective == 6.0


def test_a_server_of_petals_looks_at_the_least_throughput_first():
    world = serving({"a": (1, (10.0, 6.0))}, layers=4)
    (machine,) = world.machines
    assert serving_petals.choice(world, machine, np.array([4.0, 4.0, 1.0, 20.0])) == (1, 3)  # 1 and 4
    assert serving_petals.choice(world, machine, np.array([4.0, 3.0, 2.0, 2.0])) == (2, 4)
    assert serving_petals.choice(world, machine, np.array([5.0, 5.0, 5.0, 5.0])) == (0, 2)


@pytest.mark.parametrize("seed", range(6))
def test_servers_of_petals_move_whatever_the_order_they_came_in(seed):
    """One, one, two: the last joins either layer, and three tokens/s stand beside one until a slow one moves."""
    world = serving({"one": (2, (1.0,)), "two": (1, (2.0,))}, layers=2)
    assert solve_serving(world, "serving_petals", seed=seed).objective == 2.0


def test_petals_enters_machines_in_the_middle_of_their_layers():
    world = serving({"a": (2, (9.0, 5.0))}, layers=3)  # two layers each: one of the three is held twice
    result = solve_serving(world, "serving_petals")
    assert sorted(result.placement.layers.values()) == [(0, 2), (1, 3)]
    assert result.placement.partial_inference
    assert result.objective == 5.0
    assert result.notes == ("requests enter machines in the middle of their layers",)


def test_swarm_cuts_as_many_stages_as_the_machine_with_the_least_room_needs():
    world = serving({"small": (3, (6.0, 3.0)), "large": (1, (9.0, 7.0, 5.0, 4.0))}, layers=5)
    assert serving_swarm.equal_stages(world) == [(0, 2), (2, 4), (4, 5)]
    result = solve_serving(world, "serving_swarm")
    assert result.placement.layers == {"large.0": (0, 2), "small.0": (2, 4), "small.1": (4, 5), "small.2": (2, 4)}
    assert result.objective == 6.0  # 7, 3 + 3 and 6


def test_a_peer_of_swarm_moves_to_the_stage_that_is_short():
    """By two layers a comes first, then b, then c; of one layer c alone carries 20, so b is not needed beside it."""
    world = serving({"a": (1, (8.0, 7.0)), "b": (1, (6.0, 5.0)), "c": (1, (20.0, 4.0))}, layers=3)
    result = solve_serving(world, "serving_swarm")
    assert result.placement.layers == {"a.0": (0, 2), "b.0": (0, 2), "c.0": (2, 3)}
    assert result.objective == 12.0


def test_swarm_finds_nothing_where_stages_outnumber_machines():
    assert solve_serving(serving({"a": (1, (5.0,))}, layers=2), "serving_swarm").status is Status.UNKNOWN


def test_separate_pipelines_stand_beside_each_other():
    """Two of a make one pipeline of 4 tokens/s, each b carries 3 tokens/s alone, c is alone and cannot."""
    world = serving({"a": (2, (6.0, 4.0)), "b": (2, (9.0, 5.0, 4.0, 3.0)), "c": (1, (50.0,))}, layers=4)
    fleet = Fleet.of(world)
    assert [serving_separate.machines_of_a_pipeline(fleet, kind) for kind in "abc"] == [2, 1, 0]
    result = solve_serving(world, "serving_separate")
    assert result.placement.layers == {"a.0": (0, 2), "a.1": (2, 4), "b.0": (0, 4), "b.1": (0, 4)}
    assert result.objective == 10.0


def test_a_type_makes_as_many_pipelines_as_carry_most():
    """Four machines make four pipelines of 3 tokens/s, two of 5, or one of 9; and two of 7 are more than four of 3."""
    fleet = Fleet.of(serving({"a": (4, (9.0, 5.0, 4.0, 3.0))}, layers=4))
    assert serving_separate.machines_of_a_pipeline(fleet, "a") == 1
    fleet = Fleet.of(serving({"a": (4, (9.0, 7.0, 4.0, 3.0))}, layers=4))
    assert serving_separate.machines_of_a_pipeline(fleet, "a") == 2


def test_what_is_left_of_a_type_is_idle():
    result = solve_serving(serving({"a": (3, (9.0, 5.0))}, layers=4), "serving_separate")
    assert result.placement.layers == {"a.0": (0, 2), "a.1": (2, 4)}
    assert result.objective == 5.0


@pytest.mark.parametrize(
    ("name", "formulation", "published"),
    [
        ("single-70b-24", "serving_petals", "single-petals"),
        ("single-70b-24", "serving_swarm", "single-swarm"),
        ("high-heterogeneity-70b-42", "serving_swarm", "high-heterogeneity-swarm"),
    ],
)
def test_baselines_carry_what_the_published_placements_of_their_namesakes_do(name, formulation, published):
    world = read_serving(LIBRARY / "helix" / f"{name}.json")
    theirs = flow_of(world, read_placement(LIBRARY / "helix" / "placements" / f"{published}.json"))
    assert solve_serving(world, formulation).objective == pytest.approx(theirs.tokens_per_s)


@pytest.mark.parametrize(
    ("name", "tokens"), [("l4-30b-8", 252.649846), ("t4-30b-12", 397.685064), ("a100-30b-4", 1044.533345)]
)
def test_one_type_alone_is_served_best_by_one_pipeline(name, tokens):
    result = solve_serving(read_serving(LIBRARY / "helix" / f"{name}.json"), "serving_separate")
    assert result.objective == pytest.approx(tokens)
    assert result.status is Status.OPTIMAL
