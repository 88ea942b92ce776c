"""The exact program: it equals brute force, with and without partial inference, and no family can be left out."""

import threading
from dataclasses import dataclass

import pytest

from formulations import serving_flow
from formulations.serving_flow import STEP, TICKS, Parameters, Ticks
from milp_amp.bounds.serving import flow_bounds
from milp_amp.cost.network import measure
from milp_amp.engine.cpsat import solve_cpsat
from milp_amp.engine.flow_search import FlowLimits, FlowSearch
from milp_amp.errors import Discrepancy
from milp_amp.plan.placement import Placement
from milp_amp.plan.result import Status
from milp_amp.problem.cluster import Link
from milp_amp.problem.files import read_serving
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import serving_names, solve_serving
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, draw_wide, most_tokens, serving


def test_it_is_installed():
    assert "serving_flow" in serving_names()


def equals_brute_force(world, partial_inference):
    best = most_tokens(world, partial_inference)
    result = solve_serving(world, "serving_flow", threads=1, partial_inference=partial_inference)
    if best == 0:
        assert result.status is Status.INFEASIBLE
        return
    assert result.status is Status.OPTIMAL
    assert result.verified
    assert result.objective == pytest.approx(best, rel=1e-6)
    assert best * (1 - 1e-9) <= result.bound <= best * (1 + 2e-7)


@pytest.mark.parametrize("block", range(30))
def test_it_finds_and_proves_the_best_placement_of_600_small_worlds(block):
    for seed in range(20 * block, 20 * block + 20):
        equals_brute_force(draw(seed), partial_inference=bool(seed % 2))


@pytest.mark.parametrize("block", range(40))
def test_it_finds_and_proves_the_best_placement_of_400_worlds_with_more_types_and_other_networks(block):
    for seed in range(10 * block, 10 * block + 10):
        equals_brute_force(draw_wide(seed), partial_inference=bool(seed % 2))


IMPLIED = ("fan_out", "fan_in", "cover")
TOLERANCE = 1e-5
"""Tokens per second: rounding of ticks and steps."""

PLENTY = 100.0
"""Tokens per second that none of the following worlds carries."""


@dataclass(frozen=True)
class Case:
    """A world whose optimum is another one if rows of a family are left out."""

    family: str
    world: ServingInstance
    optimum: float
    without: float


def star(**GBps):
    return [Link(source=name, target="switch", bandwidth_GBps=each) for name, each in GBps.items()]


TWO_LAYERS_ONE_MACHINE = serving({"a": (1, (10.0,))}, layers=2)
FOUR_PER_ENTRANCE = serving({"a": (3, (10.0,))}, layers=2, coordinator_GBps=4e-6)
THREE_PER_LINK = serving({"a": (1, (10.0,)), "b": (1, (7.0,))}, layers=2, links=star(a=3e-3, b=3e-3))
CASES = (
    # The one machine would hold the first layer and the second.
    Case("machines", TWO_LAYERS_ONE_MACHINE, 0, 10),
    # Two machines send three each. Counted as the second one alone, a machine would send for two, and one is left over.
    Case("steps", serving({"a": (2, (10.0,)), "b": (1, (20.0,))}, layers=2, links=star(a=3e-3, b=1e3)), 6, 10),
    # Nobody holds the layer in the middle, and each class could have both machines.
    Case("speed", serving({"a": (2, (10.0,))}, layers=3), 0, 20),
    # Two entrances and one way out, or one entrance and two ways out.
    Case("first", FOUR_PER_ENTRANCE, 4, 8),
    Case("last", FOUR_PER_ENTRANCE, 4, 8),
    # What comes from the coordinator would not have to pass: up to 2 × 10 into one class and 2 × 4 into another.
    Case("into", serving({"a": (2, (10.0, 4.0))}, layers=2), 10, 28),
    # What has passed the first layer would get lost.
    Case("out_of", TWO_LAYERS_ONE_MACHINE, 0, 10),
    Case("pool", TWO_LAYERS_ONE_MACHINE, 0, 10),
    Case("link", THREE_PER_LINK, 3, 7),
    Case("whole_steps", TWO_LAYERS_ONE_MACHINE, 0, PLENTY),
)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)


def program_of(case):
    ticks = Ticks(TICKS / PLENTY)
    given = Parameters.of(case.world, measure(case.world.cluster), ticks, False)
    return ticks, serving_flow.build(given)


def optimum(case, without=()):
    ticks, program = program_of(case)
    for row in program.model.proto.constraints:
        if row.name in without:
            row.clear_linear()
            row.clear_bool_or()
            row.clear_bool_and()
    outcome = solve_cpsat(
        program.model,
        [],
        found=lambda chosen: None,
        bounded=lambda bound: None,
        stopped=lambda: False,
        bound_first=True,
    )
    return ticks.tokens_per_s(-STEP * outcome.bound)


@EACH
def test_with_all_families_the_optimum_is_known(case):
    assert optimum(case) == pytest.approx(case.optimum, abs=TOLERANCE)


@EACH
def test_without_a_family_the_optimum_is_another_one(case):
    # What is implied goes as well: it says some of what the others say.
    assert optimum(case, without=(case.family, *IMPLIED)) == pytest.approx(case.without, abs=TOLERANCE)


@EACH
def test_fans_and_cover_are_implied(case):
    assert optimum(case, without=IMPLIED) == pytest.approx(case.optimum, abs=TOLERANCE)


def test_every_family_has_its_case():
    named = {row.name for case in CASES for row in program_of(case)[1].model.proto.constraints}
    assert named == {*IMPLIED, *(case.family for case in CASES)}


def test_partial_inference_enters_machines_in_the_middle_of_their_layers():
    """Each machine is slow unless it holds two layers of three."""
    world = serving({"a": (2, (1.0, 4.0))}, layers=3)
    assert solve_serving(world, "serving_flow").objective == pytest.approx(1.0)
    partial = solve_serving(world, "serving_flow", partial_inference=True)
    assert partial.objective == pytest.approx(4.0)
    assert sorted(partial.placement.layers.values()) == [(0, 2), (1, 3)]


def test_links_that_cannot_bind_share_a_pool_and_only_those():
    def pools(**GBps):
        world = serving({"a": (2, (10.0, 6.0)), "b": (1, (7.0,))}, layers=2, links=star(**GBps))
        return Parameters.of(world, measure(world.cluster), Ticks(TICKS / PLENTY), False).S

    assert pools(a=1.0, b=7e-3) == {"a": {"a", "b"}, "b": {"a", "b"}}  # b does 7 tokens per second, and sends as many
    assert pools(a=1.0, b=6e-3) == {"a": {"a"}, "b": {"b"}}  # there is no second b to send to
    assert pools(a=9e-3, b=1.0) == {"a": {"b"}, "b": {"a", "b"}}  # two a exchange 9, and each does 10


def test_no_more_machines_are_counted_than_carry_everything():
    world = serving({"a": (9, (10.0, 6.0))}, layers=2, coordinator_GBps=8e-6)
    most = Parameters.of(world, measure(world.cluster), Ticks(TICKS / 30.0), False).most
    assert most == {("a", 0, 1): 4, ("a", 1, 2): 4, ("a", 0, 2): 5}  # 4 × 8 and 5 × 6 tokens per second


def test_a_helix_instance_is_proved():
    result = solve_serving(read_serving(LIBRARY / "helix" / "t4-30b-12.json"), "serving_flow")
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(397.685064)


def test_who_asks_to_stop_gets_the_placement_that_was_given():
    world = serving({"a": (2, (10.0, 6.0))}, layers=2)
    stop, start = threading.Event(), Placement(layers={"a.0": (0, 2)})
    stop.set()
    limits = FlowLimits(threads=1, stop=stop, start=start)
    result = serving_flow.solve(world, flow_bounds(world), limits)
    assert (result.status, result.objective, result.placement) == (Status.FEASIBLE, 6.0, start)
    assert result.bound == pytest.approx(12.0)


def test_it_goes_on_from_a_given_placement_and_reports_what_it_finds():
    world, seen = serving({"a": (2, (10.0, 6.0))}, layers=2), []
    start = Placement(layers={"a.0": (0, 2)})
    solve_serving(world, "serving_flow", threads=1, warm_start=start, progress=seen.append)
    assert [seen[0].objective, seen[-1].objective] == [6.0, 12.0]


def test_a_bound_is_lowered_and_never_raised():
    search = FlowSearch(FlowLimits(), bound=5.0)
    search.lower(4.0)
    search.lower(6.0)
    assert search.bound == 4.0


def test_a_bound_below_what_a_placement_carries_is_never_taken_for_a_proof():
    search = FlowSearch(FlowLimits(), bound=5.0)
    search.improve(4.0, Placement(layers={"a.0": (0, 1)}))
    with pytest.raises(Discrepancy, match=r"carries 4 tokens/s, above the bound 3 tokens/s"):
        search.lower(3.0)
