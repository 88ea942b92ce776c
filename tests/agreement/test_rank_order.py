"""The exact baseline against enumeration of its own space: one placement, every partition."""

import pytest

from milp_amp.bounds.prepass import prepare
from tests.agreement.checks import baseline_difference
from tests.agreement.drawing import draw


# 3167 has two partitions that tie, which once closed a box by the path of a wider one.
@pytest.mark.parametrize("seed", [*range(150), 3167])
def test_the_exact_baseline_finds_the_best_partition_of_the_published_placement(seed):
    for cost_model in ("amp", "pipeline"):
        baseline_difference(prepare(draw(seed), cost_model))
