"""Every rule: kept by a good plan, and named with its field when broken."""

import pytest

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.errors import InputError, PlanError
from milp_amp.judge.evaluate import evaluate, timeline
from milp_amp.plan.strategy import Stage, Strategy
from tests.builders import instance, strategy

GiB = 2.0**30

WORLD = instance(
    {"fast": [3, 3, 3], "slow": [6, 6, 6]}, [("a", 2, "fast", 2), ("b", 1, "slow", 4)], tensor_degrees=(1, 2)
)


def violation(plan, world=WORLD, cost_model="pipeline"):
    """The only sentence that the judge has against a plan."""
    (sentence,) = evaluate(world, plan, cost_model).violations
    return sentence


@pytest.mark.parametrize("cost_model", PER_BYTE_COST_MODELS)
def test_a_good_plan_breaks_no_rule(cost_model):
    plan = strategy((0, 1, "a.0/0 a.0/1", "b.0/0 b.0/1"), (1, 3, "a.1/0 a.1/1", "b.0/2 b.0/3"))
    assert evaluate(WORLD, plan, cost_model).violations == ()


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        (
            [(1, 3, "a.0/0")],
            "stages[0].layers: [1, 3] starts at 1, expected 0, so that every layer runs once and in order",
        ),
        (
            [(0, 1, "a.0/0"), (2, 3, "a.0/1")],
            "stages[1].layers: [2, 3] starts at 2, expected 1, so that every layer runs once and in order",
        ),
        (
            [(0, 2, "a.0/0"), (1, 3, "a.0/1")],
            "stages[1].layers: [1, 3] starts at 1, expected 2, so that every layer runs once and in order",
        ),
        ([(0, 2, "a.0/0")], "stages[0].layers: ends at 2, expected 3, the model's end"),
        ([(0, 4, "a.0/0")], "stages[0].layers: ends at 4, expected 3, the model's end"),
        ([(0, 3, "a.0/0"), (3, 3, "a.0/1")], "stages[1].layers: [3, 3] holds no layer, expected stop > start"),
        (
            [(0, 3, "a.0/2")],
            "stages[0].replicas[0]: device 'a.0/2' is unknown, expected an address like 'a.0/0'",
        ),
        (
            [(0, 3, "a.0/0 a.1/0")],
            "stages[0].replicas[0]: a tensor group on nodes a.0, a.1, expected one node",
        ),
        (
            [(0, 1, "a.0/0", "a.0/1"), (1, 3, "a.1/0")],
            "stages[1].replicas: 1, expected 2 (data_parallel)",
        ),
        (
            [(0, 3, "b.0/0 b.0/1 b.0/2")],
            "stages[0].tensor_parallel: 3 is not profiled on slow, expected one of 1, 2",
        ),
        (
            [(0, 3, "a.0/0", "a.0/1", "a.1/0")],
            "data_parallel × microbatch_size: 3, expected a divisor of the global batch size 4",
        ),
    ],
)
def test_a_broken_rule_is_named_and_the_plan_has_no_time(stages, sentence):
    verdict = evaluate(WORLD, strategy(*stages))
    assert verdict.violations == (sentence,)
    assert (verdict.step_time, verdict.simulated_step_time, verdict.throughput) == (None, None, None)
    assert verdict.fullest is None


def test_a_device_works_for_one_stage_only():
    verdict = evaluate(WORLD, strategy((0, 1, "a.0/0"), (1, 3, "a.0/0")))
    assert verdict.violations == tuple(
        f"stages[{s}].replicas[0]: device 'a.0/0' is used 2 times, expected once" for s in (0, 1)
    )


def test_a_device_stands_once_in_its_tensor_group():
    assert "used 2 times" in violation(strategy((0, 3, "a.0/0 a.0/0")))


def test_a_tensor_group_has_the_devices_it_says():
    plan = Strategy(
        microbatch_size=1,
        data_parallel=1,
        stages=(Stage(layers=(0, 3), tensor_parallel=2, replicas=(("a.0/0",),)),),
    )
    assert violation(plan) == "stages[0].replicas[0]: 1 devices, expected tensor_parallel = 2, at least 1"


def test_a_microbatch_must_fit_into_the_batch_of_a_replica():
    assert violation(strategy((0, 3, "a.0/0"), microbatch=8)).startswith("data_parallel × microbatch_size: 8, expected")


@pytest.mark.parametrize("empty", [(), ((),)])
def test_what_no_file_could_hold_is_refused_too(empty):
    plan = Strategy(
        microbatch_size=0,
        data_parallel=len(empty),
        stages=(Stage(layers=(0, 3), tensor_parallel=0, replicas=empty),),
    )
    assert evaluate(WORLD, plan).step_time is None


def test_a_device_type_that_was_never_measured_cannot_be_used():
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 1), ("b", 1, "new", 1)])
    sentence = violation(strategy((0, 2, "b.0/0")), world)
    assert sentence == "stages[0].tensor_parallel: 1 is not profiled on new, expected one of a profiled device type"


def test_amp_needs_every_device_type_at_a_degree():
    world = instance(
        {("fast", 1): [3, 3], ("fast", 2): [2, 2], ("slow", 1): [9, 9]}, [("a", 1, "fast", 2), ("b", 1, "slow", 1)]
    )
    plan = strategy((0, 2, "a.0/0 a.0/1"))
    assert evaluate(world, plan).valid
    assert violation(plan, world, "amp").endswith("2 is not profiled on fast, expected one of 1")


def test_a_plan_follows_the_schedule_that_is_asked_for():
    verdict = evaluate(WORLD, strategy((0, 3, "a.0/0"), schedule="gpipe"))
    assert verdict.violations == ("schedule: 'gpipe', expected '1f1b' (the workload's)",)
    assert verdict.step_time is not None


@pytest.mark.parametrize(("schedule", "in_flight"), [("1f1b", (3, 2, 1)), ("gpipe", (8, 8, 8))])
def test_memory_is_state_and_the_activations_in_flight(schedule, in_flight):
    # A layer has GiB / 18 parameters of 18 bytes, 100 MB of activations per sequence, two sequences a microbatch.
    world = instance(
        {"fast": [3, 3, 3]},
        [("a", 1, "fast", 3)],
        parameters=GiB / 18,
        activation_MB=100,
        memory_GiB=4,
        batch=16,
        schedule=schedule,
    )
    plan = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"), (2, 3, "a.0/2"), microbatch=2, schedule=schedule)
    verdict = evaluate(world, plan)
    needed = [stage.memory_GiB * GiB for stage in verdict.memory]
    assert needed == pytest.approx([GiB + n * 2 * 100e6 for n in in_flight])
    assert verdict.memory[0].headroom_GiB == pytest.approx(4 - verdict.memory[0].memory_GiB)
    assert verdict.fullest == 0


def test_fewer_microbatches_than_stages_are_all_in_flight():
    world = instance({"fast": [3, 3, 3]}, [("a", 1, "fast", 3)], activation_MB=100, batch=2)
    verdict = evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"), (2, 3, "a.0/2")))
    assert [stage.memory_GiB * GiB for stage in verdict.memory] == pytest.approx([200e6, 200e6, 100e6])


def test_a_stage_must_fit_into_the_smallest_of_its_devices():
    world = instance(
        {"fast": [3, 3], "slow": [6, 6]},
        [("a", 1, "fast", 1), ("b", 1, "slow", 1)],
        parameters=GiB / 18,
        memory_GiB={"fast": 2.0, "slow": 1.75},
        reserve_GiB=0.5,
    )
    assert evaluate(world, strategy((0, 1, "a.0/0"), (1, 2, "b.0/0"))).valid
    assert violation(strategy((0, 2, "a.0/0", "b.0/0")), world) == (
        "stages[0]: needs 2.5 GiB per device, expected at most 1.75 GiB (slow b.0/0)"
    )


def test_a_plan_that_fits_exactly_fits():
    world = instance({"fast": [3, 3]}, parameters=GiB / 18, memory_GiB=2.0)
    assert evaluate(world, strategy((0, 2, "a.0/0"))).valid


def test_a_plan_without_memory_still_has_its_time_and_amp_does_not_ask():
    world = instance({"fast": [3, 3]}, parameters=GiB, memory_GiB=1)
    plan = strategy((0, 2, "a.0/0"))
    assert evaluate(world, plan).step_time == pytest.approx(4 * 6e-3)
    assert violation(plan, world).startswith("stages[0]: needs 36 GiB")
    assert evaluate(world, plan, "amp").valid


def test_a_plan_without_structure_has_no_timeline():
    with pytest.raises(PlanError, match="ends at 2, expected 3"):
        timeline(WORLD, strategy((0, 2, "a.0/0")))


def test_an_unknown_cost_model_is_refused():
    with pytest.raises(InputError, match="no cost model 'guess', expected one of amp, blocking, pipeline"):
        evaluate(WORLD, strategy((0, 3, "a.0/0")), cost_model="guess")
