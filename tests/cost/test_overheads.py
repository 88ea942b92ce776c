"""What stages, updates and steps take beside layers and links."""

import pytest

from milp_amp import evaluate
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.workload import StageOverhead
from tests.builders import instance

ON_BOTH = (("a.0/0",), ("a.0/1",))


def plan(*stages, data_parallel=1):
    return Strategy(microbatch_size=1, data_parallel=data_parallel, schedule="1f1b", stages=stages)


TWO_STAGES = plan(
    Stage(layers=(0, 1), tensor_parallel=1, replicas=(("a.0/0",),)),
    Stage(layers=(1, 2), tensor_parallel=1, replicas=(("a.0/1",),)),
)
ONE_STAGE = plan(Stage(layers=(0, 2), tensor_parallel=1, replicas=(("a.0/0",),)))


def world(**workload):
    """Two layers of 3 ms, four microbatches, two devices in a node, nothing to send."""
    return instance(nodes=[("a", 1, "fast", 2)], output_MB=0.0, gradient_MB=8.0, **workload)


def test_a_stage_among_others_takes_its_overhead_for_every_microbatch():
    plain = evaluate(world(), TWO_STAGES).step_time
    slower = evaluate(world(stage_overheads=(StageOverhead(ms=1.0),)), TWO_STAGES).step_time
    assert slower - plain == pytest.approx((2 + 3) * 1e-3)  # both stages once, and the bottleneck three times


def test_the_whole_model_on_one_stage_has_no_overhead():
    slower = evaluate(world(stage_overheads=(StageOverhead(ms=1.0),)), ONE_STAGE).step_time
    assert slower == evaluate(world(), ONE_STAGE).step_time


def test_an_overhead_may_hold_for_one_tensor_degree_and_for_small_microbatches_only():
    entry = StageOverhead(ms=1.0, tensor_parallel=2, largest_microbatch=4)
    assert [entry.holds(2, 4), entry.holds(2, 5), entry.holds(1, 4)] == [True, False, False]


def test_overheads_that_hold_at_once_add_up():
    workload = world(stage_overheads=(StageOverhead(ms=1.0), StageOverhead(ms=2.0, largest_microbatch=1))).workload
    assert workload.stage_overhead(1, 1) == pytest.approx(3e-3)
    assert workload.stage_overhead(1, 2) == pytest.approx(1e-3)


def test_an_update_takes_its_nanoseconds_for_every_parameter_of_the_largest_stage():
    asked = world(update_ns_per_parameter=0.5)
    parameters = sum(layer.parameters for layer in asked.model.chain)
    difference = evaluate(asked, ONE_STAGE).step_time - evaluate(world(), ONE_STAGE).step_time
    assert difference == pytest.approx(0.5e-9 * parameters)


def test_replicas_that_divide_the_optimizer_state_share_the_update():
    whole = plan(Stage(layers=(0, 2), tensor_parallel=1, replicas=ON_BOTH), data_parallel=2)
    parameters = sum(layer.parameters for layer in world().model.chain)
    for optimizer, share in (("replicated", 1), ("distributed", 2)):
        plain = evaluate(world(optimizer=optimizer), whole).step_time
        slower = evaluate(world(optimizer=optimizer, update_ns_per_parameter=0.5), whole).step_time
        assert slower - plain == pytest.approx(0.5e-9 * parameters / share)


def test_every_step_takes_its_overhead_once():
    for strategy in (ONE_STAGE, TWO_STAGES):
        slower = evaluate(world(step_overhead_ms=7.0), strategy).step_time
        assert slower - evaluate(world(), strategy).step_time == pytest.approx(7e-3)
