"""Where memory decides, every formulation must find what enumeration finds, and nothing that does not fit."""

import pytest

from milp_amp import formulation
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.errors import FormulationError
from milp_amp.judge.evaluate import evaluate
from tests.agreement.brute_force import brute_force
from tests.agreement.checks import EXACT, baseline_difference, difference, truth, violations
from tests.agreement.scarce import ample, scarce


@pytest.mark.parametrize("seed", range(300))
def test_every_formulation_and_every_bound_agrees_with_brute_force_where_memory_decides(seed):
    known = truth(scarce(seed), "pipeline")
    for name in EXACT:
        difference(name, known)
    baseline_difference(known.prepass)
    assert violations(known) == []


@pytest.mark.parametrize("name", [*EXACT, "amp_dp", "amp_dp_exact"])
def test_no_plan_needs_more_memory_than_a_device_has(name):
    """Whatever the options; looked up stage by stage, not taken from the list of violations."""
    plans = 0
    for seed in range(1000, 1200):
        world = scarce(seed)
        try:
            result = formulation.load(name)(world, prepare(world), Limits(threads=1))
        except FormulationError:  # the baselines need nodes of equal size
            continue
        if result.strategy is None:
            continue
        plans += 1
        for stage in evaluate(world, result.strategy).memory:
            assert stage.memory_GiB <= stage.capacity_GiB * (1 + 1e-9)
    assert plans > 10


def test_memory_forbids_some_of_these_worlds_and_changes_the_optimum_of_others():
    """The agreement above would prove little if memory did not bind."""
    forbidden, changed = 0, 0
    for seed in range(100):
        world = scarce(seed)
        tight, free = (brute_force(w, prepare(w).costs) for w in (world, ample(world)))
        forbidden += tight is None
        changed += tight is not None and free is not None and tight.value > free.value * (1 + 1e-9)
    assert forbidden > 10
    assert changed > 5
