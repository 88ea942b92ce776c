"""The exact baseline against enumeration of its own space: one placement, every partition."""

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.plan.result import Status
from tests.agreement.brute_force import rank_order
from tests.agreement.checks import ROUNDING, TOLERANCE, run
from tests.agreement.drawing import draw

EQUAL_NODES = [seed for seed in range(200) if len({group.devices for group in draw(seed).cluster.nodes}) == 1]


@pytest.mark.parametrize("cost_model", ["amp", "pipeline"])
@pytest.mark.parametrize("seed", [*EQUAL_NODES[:60], 3167])
def test_the_exact_baseline_finds_the_best_partition_of_the_published_placement(seed, cost_model):
    prepass = prepare(draw(seed), cost_model)
    best = rank_order(prepass.instance, prepass.costs)
    result = run("amp_dp_exact", prepass)
    if best is None:
        assert result.status is Status.INFEASIBLE
        return
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(best.value, rel=TOLERANCE)
    assert result.bound <= best.value * (1 + ROUNDING)
