"""A step, event by event, against sums that can be done by hand."""

import pytest

from milp_amp.judge.evaluate import evaluate, timeline
from milp_amp.judge.simulate import stage_order
from tests.builders import instance, strategy

SCHEDULES = ("1f1b", "gpipe")


def line(stages, schedule="1f1b"):
    """One layer and one device per stage."""
    return strategy(*((s, s + 1, f"a.0/{s}") for s in range(stages)), schedule=schedule)


def spell(jobs):
    return " ".join(f"{job.direction[0].upper()}{job.microbatch}" for job in jobs)


def test_1f1b_warms_up_then_alternates_then_drains():
    assert spell(stage_order("1f1b", 4, stages_to_end=3)) == "F0 F1 F2 B0 F3 B1 B2 B3"
    assert spell(stage_order("1f1b", 4, stages_to_end=1)) == "F0 B0 F1 B1 F2 B2 F3 B3"
    assert spell(stage_order("1f1b", 2, stages_to_end=9)) == "F0 F1 B0 B1"


def test_gpipe_runs_all_forward_passes_first():
    assert spell(stage_order("gpipe", 3, stages_to_end=2)) == "F0 F1 F2 B0 B1 B2"


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("stages", "microbatches"), [(1, 5), (2, 1), (3, 4), (4, 2), (6, 20)])
def test_equal_stages_without_transfers_take_what_the_closed_form_says(schedule, stages, microbatches):
    world = instance({"fast": [3] * stages}, [("a", 1, "fast", stages)], batch=microbatches, schedule=schedule)
    verdict = evaluate(world, line(stages, schedule))
    assert verdict.simulated_step_time == pytest.approx((microbatches - 1 + stages) * 3e-3)
    assert verdict.step_time == pytest.approx(verdict.simulated_step_time)


def test_gpipe_with_uneven_stages_takes_what_the_closed_form_says():
    # Forward passes and backward passes are a flow line each, both with the same bottleneck.
    world = instance({"fast": [3, 12, 6, 9]}, [("a", 1, "fast", 4)], batch=5, schedule="gpipe")
    verdict = evaluate(world, line(4, "gpipe"))
    assert verdict.simulated_step_time == pytest.approx((3 + 12 + 6 + 9 + 4 * 12) * 1e-3)
    assert verdict.step_time == pytest.approx(verdict.simulated_step_time)


def test_1f1b_works_on_the_bottleneck_while_the_last_stage_computes():
    # Stage 0 is busy for 2 × 30 ms and never waits: the closed form adds stage 1, which nobody waits for.
    world = instance({"fast": [30, 3]}, batch=2)
    verdict = evaluate(world, line(2))
    assert verdict.step_time == pytest.approx(0.063)
    assert verdict.simulated_step_time == pytest.approx(0.060)


def test_two_stages_and_a_link_by_hand():
    world = instance({"fast": [3, 3]}, output_MB=1, batch=2)
    events = timeline(world, line(2))
    spans = [(span.place, spell([span.job]), round(span.start * 1e3), round(span.end * 1e3)) for span in events.passes]
    assert sorted(spans) == [
        (0, "B0", 6, 8), (0, "B1", 9, 11), (0, "F0", 0, 1), (0, "F1", 1, 2),
        (1, "B0", 3, 5), (1, "B1", 6, 8), (1, "F0", 2, 3), (1, "F1", 5, 6),
    ]  # fmt: skip


def test_1f1b_waits_for_the_round_trip_that_gpipe_hides():
    # Two microbatches may be in flight at stage 0; each needs 3 + 2 + 3 ms to come back, so one leaves every 4 ms.
    microbatches = 100
    world = {name: instance({"fast": [3, 3]}, output_MB=1, batch=microbatches, schedule=name) for name in SCHEDULES}
    seconds = {name: evaluate(world[name], line(2, name)).simulated_step_time for name in SCHEDULES}
    assert seconds["1f1b"] == pytest.approx((8 + (microbatches - 1) * 4) * 1e-3, rel=0.01)
    assert seconds["gpipe"] == pytest.approx((8 + (microbatches - 1) * 3) * 1e-3, rel=0.01)


def test_a_link_slower_than_the_stages_is_busy_all_the_time():
    world = instance({"fast": [3, 3]}, output_MB=5, batch=4, schedule="gpipe")
    verdict = evaluate(world, line(2, "gpipe"))
    # First forward pass, four activations, last forward pass; first backward pass, four gradients, last backward pass.
    assert verdict.simulated_step_time == pytest.approx((1 + 4 * 5 + 1 + 2 + 4 * 5 + 2) * 1e-3)
    assert verdict.step_time == pytest.approx(verdict.simulated_step_time)


def test_amp_delays_the_activation_only_and_never_queues():
    world = instance({"fast": [3, 3]}, output_MB=5, batch=4, schedule="gpipe")
    events = timeline(world, line(2, "gpipe"), cost_model="amp")
    # The last activation leaves at 4 ms and arrives at 14, is computed until 15; four backward passes, and one below.
    assert events.step_time == pytest.approx((4 + 10 + 1 + 4 * 2 + 2) * 1e-3)
    assert {round((span.end - span.start) * 1e3) for span in events.transfers} == {0, 10}


def test_a_stage_synchronises_when_its_last_replica_is_ready():
    world = instance({"fast": [3], "slow": [9]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], gradient_MB=20, batch=4)
    events = timeline(world, strategy((0, 1, "a.0/0", "b.0/0")))
    assert [second for span in events.synchronisations for second in span] == pytest.approx([0.018, 0.038])
    assert events.step_time == pytest.approx(0.038)
    assert events.passes[-1].end == pytest.approx(0.006)  # the timeline shows replica 0, the fast one


def test_a_stage_that_is_done_synchronises_while_others_compute():
    # Stage 1 is done after 4 ms of 6 and synchronises for 1 ms: nobody waits for it.
    world = instance({"fast": [3, 3]}, [("a", 1, "fast", 4)], gradient_MB=[0, 1], batch=2, inside_GBps=1)
    events = timeline(world, strategy((0, 1, "a.0/0", "a.0/1"), (1, 2, "a.0/2", "a.0/3")))
    assert events.step_time == pytest.approx(0.006)
    assert events.synchronisations[1] == pytest.approx((0.004, 0.005))


def test_a_cost_model_that_knows_only_sums_is_split_one_to_two():
    milliseconds = {"fast": [2], "slow": [10]}
    world = instance(milliseconds, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], backward_ms=milliseconds, batch=1)
    plan = strategy((0, 1, "a.0/0"))
    seconds = {
        name: [span.end - span.start for span in timeline(world, plan, name).passes] for name in ("amp", "pipeline")
    }
    assert seconds["amp"] == pytest.approx([6e-3, 12e-3])  # the mean device: 6 ms forward, taken three times
    assert seconds["pipeline"] == pytest.approx([2e-3, 2e-3])
