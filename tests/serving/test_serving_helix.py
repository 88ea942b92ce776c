"""Helix's program: it equals brute force on small worlds, and no family can be left out."""

import pytest

from milp_amp.plan.result import Status
from milp_amp.solving.serving import solve_serving
from tests.serving.worlds import draw, most_tokens, serving


@pytest.mark.parametrize("formulation", ["serving_helix", "serving_helix_clipped"])
@pytest.mark.parametrize("seed", range(25))
def test_it_finds_the_best_placement_without_partial_inference(seed, formulation):
    world = draw(seed)
    best = most_tokens(world)
    result = solve_serving(world, formulation)
    if best == 0:
        assert result.status is Status.UNKNOWN
    else:
        assert result.objective == pytest.approx(best, rel=1e-6)
        assert result.verified


def test_its_note_says_what_the_program_alone_proves():
    result = solve_serving(serving({"a": (2, (10.0, 6.0))}, layers=2), "serving_helix")
    assert result.notes == ("the program alone proves at most 12 tokens/s",)
    assert result.objective == pytest.approx(12.0)  # both machines hold both layers
