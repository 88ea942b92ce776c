"""What cells prove is true: none of them is spared by first plans or by labels set at once."""

import pytest

from formulations import placement_search
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.judge.check import check
from milp_amp.plan.result import Status
from tests.agreement.drawing import draw
from tests.space.sailor_worlds import draw as draw_sailor

CELLS_ALONE = {"SMALL": 0, "SLICES": 0}
NARROW_BEAMS = {"SLICES": 0, "FIRST_BEAM": 1}


@pytest.mark.parametrize("constants", [CELLS_ALONE, NARROW_BEAMS])
@pytest.mark.parametrize(("drawn", "cost_model"), [(draw, "pipeline"), (draw_sailor, "sailor")])
@pytest.mark.parametrize("seed", range(50))
def test_cells_alone_prove_the_same_optimum(monkeypatch, seed, drawn, cost_model, constants):
    world = drawn(seed)
    bounds = prepare(world, cost_model)
    known = placement_search.solve(world, bounds, Limits())
    for name, value in constants.items():
        monkeypatch.setattr(placement_search, name, value)
    found = check(world, placement_search.solve(world, bounds, Limits()), bounds.costs)
    assert found.status in (Status.OPTIMAL, Status.INFEASIBLE)
    assert found.status is known.status
    if known.objective is not None:
        assert found.objective == pytest.approx(known.objective, rel=1e-6)
