"""Helix's program: it equals brute force on small worlds, and no family can be left out."""

from dataclasses import dataclass

import pytest

from formulations import serving_helix
from milp_amp.cost.network import measure
from milp_amp.engine.mip import solve_mip
from milp_amp.plan.result import Status
from milp_amp.problem.cluster import Link
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import solve_serving
from tests.serving.worlds import draw, draw_wide, most_tokens, serving


def equals_brute_force(world, formulation, partial_inference):
    best = most_tokens(world, partial_inference)
    result = solve_serving(world, formulation, threads=1, partial_inference=partial_inference)
    if best == 0:
        assert result.status is Status.UNKNOWN
    else:
        assert result.objective == pytest.approx(best, rel=1e-6)
        assert result.verified


@pytest.mark.parametrize("partial_inference", [False, True])
@pytest.mark.parametrize("formulation", ["serving_helix", "serving_helix_clipped"])
@pytest.mark.parametrize("seed", range(25))
def test_it_finds_the_best_placement(seed, formulation, partial_inference):
    equals_brute_force(draw(seed), formulation, partial_inference)


@pytest.mark.parametrize("partial_inference", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_it_finds_the_best_placement_with_more_types_and_on_other_networks(seed, partial_inference):
    equals_brute_force(draw_wide(seed), "serving_helix_clipped", partial_inference)


def test_its_note_says_what_the_program_alone_proves():
    result = solve_serving(serving({"a": (2, (10.0, 6.0))}, layers=2), "serving_helix")
    assert result.notes == ("the program alone proves at most 12 tokens/s",)
    assert result.objective == pytest.approx(12.0)  # both machines hold both layers


@dataclass(frozen=True)
class Case:
    """A world whose optimum is another one without a family of constraints."""

    family: str
    world: ServingInstance
    optimum: float
    without: float
    partial_inference: bool = False

    def carried(self, without=None):
        program, _ = serving_helix.build(self.world, measure(self.world.cluster), False, self.partial_inference)
        for name in [name for name in program.constraints if without and name.startswith(f"{without}_")]:
            del program.constraints[name]
        return -solve_mip(program, stopped=lambda: False).objective


TWO_LAYERS_ONE_MACHINE = serving({"a": (1, (10.0,))}, layers=2)
SLOW_LINKS = [Link(source=name, target="switch", bandwidth_GBps=3e-3) for name in "ab"]
CASES = (
    # A machine would hold one layer, and two others, and do what it does with one and with two.
    Case("holds", serving({"a": (1, (10.0, 6.0))}, layers=3), 0, 16),
    # A machine would hold a layer more than there are.
    Case("ends", serving({"a": (1, (3.0, 10.0))}, layers=1), 3, 10),
    # The layer in the middle would be left out.
    Case("follows_not_after", serving({"a": (2, (10.0,))}, layers=3), 0, 10),
    # The layer in the middle would be done twice: that is what partial inference is for.
    Case("follows_not_before", serving({"a": (2, (1.0, 4.0))}, layers=3), 1, 4),
    # With partial inference, what the machine of three layers has done would go on to one that ends no later: another
    # way out to the coordinator, which takes four tokens per second from each.
    Case(
        "follows_not_before",
        serving({"a": (2, (10.0,)), "b": (1, (10.0, 10.0, 10.0))}, layers=3, coordinator_GBps=4e-6),
        4,
        8,
        partial_inference=True,
    ),
    Case("first", TWO_LAYERS_ONE_MACHINE, 0, 10),
    Case("last", TWO_LAYERS_ONE_MACHINE, 0, 10),
    # No connection would have to be open: what enters a machine leaves it for the coordinator.
    Case("link", serving({"a": (1, (10.0,)), "b": (1, (7.0,))}, layers=2, links=SLOW_LINKS), 3, 17),
    Case("conserved", TWO_LAYERS_ONE_MACHINE, 0, 10),
    # The coordinator alone would be the limit.
    Case("speed", serving({"a": (1, (10.0,))}, layers=1, coordinator_GBps=4e-5), 10, 40),
)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)


@EACH
def test_with_all_families_the_optimum_is_known(case):
    assert case.carried() == pytest.approx(case.optimum, abs=1e-6)


@EACH
def test_without_a_family_the_optimum_is_another_one(case):
    assert case.carried(without=case.family) == pytest.approx(case.without, abs=1e-6)


def test_every_family_has_its_case():
    world = serving({"a": (1, (10.0,)), "b": (1, (7.0,))}, layers=2)
    program, _ = serving_helix.build(world, measure(world.cluster), False, False)
    families = {case.family for case in CASES}
    assert all(any(name.startswith(f"{family}_") for family in families) for name in program.constraints)
