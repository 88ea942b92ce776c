"""The exact program: it equals brute force, with and without partial inference."""

import pytest

from milp_amp.plan.result import Status
from milp_amp.solving.serving import solve_serving
from tests.serving.worlds import draw, most_tokens


@pytest.mark.parametrize("partial_inference", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_it_finds_and_proves_the_best_placement(seed, partial_inference):
    world = draw(seed)
    best = most_tokens(world, partial_inference)
    result = solve_serving(world, "serving_flow", threads=1, partial_inference=partial_inference)
    if best == 0:
        assert result.status is Status.INFEASIBLE
    else:
        assert result.status is Status.OPTIMAL
        assert result.objective == pytest.approx(best, rel=1e-6)
