"""The program of a restricted plan, as it is written to a file: any solver finds the same optimum in it."""

import pytest

from formulations import interval_milp
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.mip import solve_mip
from tests.agreement.brute_force import brute_force
from tests.agreement.drawing import plain
from tests.agreement.restricting import restricted


@pytest.mark.parametrize("kind", ["pipeline_parallel", "even_layers", "layer_pins", "node_pins", "plan.stages"])
@pytest.mark.parametrize("seed", range(12))
def test_the_program_around_a_restricted_optimum_has_it_as_its_optimum(kind, seed):
    prepass = prepare(restricted(plain(seed), seed, kinds=(kind,)).restricted("data_parallel=1"))
    best = brute_force(prepass.instance, prepass.costs)
    if best is None:
        return
    graph, box = prepass.graph_around(best.strategy, best.value)
    program, _ = interval_milp.build(graph, box, best.value)
    assert solve_mip(program, stopped=lambda: False).objective == pytest.approx(1.0, rel=1e-6)
