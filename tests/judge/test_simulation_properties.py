"""A step, event by event, against what can be proved about any plan."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.judge.evaluate import evaluate, timeline
from milp_amp.judge.simulate import Job
from tests.judge.drawing import worlds_and_plans


def num_microbatches(world, plan):
    return world.workload.global_batch_size // plan.data_parallel


def twice_as_fast(world):
    """The same world with every layer in half the time, and twice the bandwidth everywhere."""
    replace, cluster = msgspec.structs.replace, world.cluster

    def wider(edges):
        return tuple(replace(edge, bandwidth_GBps=2 * edge.bandwidth_GBps) for edge in edges)

    def halved(values):
        return tuple(value / 2 for value in values)

    return replace(
        world,
        cluster=replace(cluster, nodes=wider(cluster.nodes), links=wider(cluster.links)),
        profile=tuple(
            replace(times, forward_ms=halved(times.forward_ms), backward_ms=halved(times.backward_ms))
            for times in world.profile
        ),
    )


@given(worlds_and_plans())
@settings(max_examples=60, deadline=None)
def test_no_step_is_shorter_than_what_each_resource_must_do(drawn):
    world, plan = drawn
    verdict = evaluate(world, plan)
    m = num_microbatches(world, plan)
    stations = (*verdict.stage_seconds, *verdict.boundary_seconds)
    work = [m * tau + sigma for tau, sigma in zip(verdict.stage_seconds, verdict.synchronisation_seconds, strict=True)]
    assert verdict.simulated_step_time * (1 + 1e-9) >= max(m * max(stations), *work)


@given(worlds_and_plans(same_type=True))
@settings(max_examples=60, deadline=None)
def test_no_step_is_shorter_than_one_microbatch_alone(drawn):
    world, plan = drawn
    verdict = evaluate(world, plan)
    alone = sum(verdict.stage_seconds) + sum(verdict.boundary_seconds) + verdict.synchronisation_seconds[0]
    assert verdict.simulated_step_time * (1 + 1e-9) >= alone


@given(worlds_and_plans(schedules=("1f1b",), same_type=True))
@settings(max_examples=60, deadline=None)
def test_1f1b_pays_the_round_trip_of_every_microbatch_that_must_wait_for_another(drawn):
    # With n stages to the end, microbatch n enters a stage only after microbatch 0 has come back to it.
    world, plan = drawn
    verdict = evaluate(world, plan)
    tau, kappa, p = verdict.stage_seconds, verdict.boundary_seconds, len(plan.stages)
    for s in range(p):
        trips = -(-num_microbatches(world, plan) // (p - s))
        approach = sum(tau[:s]) + sum(kappa[:s])
        assert verdict.simulated_step_time * (1 + 1e-9) >= approach + trips * (sum(tau[s:]) + sum(kappa[s:]))


@given(worlds_and_plans(schedules=("gpipe",), same_type=True))
@settings(max_examples=60, deadline=None)
def test_gpipe_is_never_faster_than_the_closed_form_without_the_synchronisation(drawn):
    # Σ + (m − 1) max bounds each of its two flow lines, and the largest of sums is at most the sum of the largest.
    world, plan = drawn
    verdict = evaluate(world, plan)
    assert verdict.simulated_step_time * (1 + 1e-9) >= verdict.step_time - max(verdict.synchronisation_seconds)


@given(worlds_and_plans())
@settings(max_examples=40, deadline=None)
def test_a_resource_does_one_thing_at_a_time_and_everything_once(drawn):
    world, plan = drawn
    events = timeline(world, plan)
    m = num_microbatches(world, plan)
    for spans, places in ((events.passes, len(plan.stages)), (events.transfers, len(plan.stages) - 1)):
        for place in range(places):
            here = [span for span in spans if span.place == place]
            assert len({span.job for span in here}) == len(here) == 2 * m
            assert all(before.end <= after.start + 1e-12 for before, after in pairwise(here))


@given(worlds_and_plans())
@settings(max_examples=40, deadline=None)
def test_a_pass_waits_for_its_neighbour(drawn):
    world, plan = drawn
    spans = {(span.place, span.job): span for span in timeline(world, plan).passes}
    for (place, job), span in spans.items():
        below = spans.get((place - 1, Job("forward", job.microbatch)))
        above = spans.get((place + 1, Job("backward", job.microbatch)))
        needed = below if job.direction == "forward" else above or spans[place, Job("forward", job.microbatch)]
        assert needed is None or needed.end <= span.start + 1e-12


@given(worlds_and_plans(schedules=("1f1b",)))
@settings(max_examples=40, deadline=None)
def test_1f1b_holds_no_more_microbatches_than_there_are_stages_to_the_end(drawn):
    world, plan = drawn
    for s in range(len(plan.stages)):
        held = most = 0
        for span in (span for span in timeline(world, plan).passes if span.place == s):
            held += 1 if span.job.direction == "forward" else -1
            most = max(most, held)
        assert most <= len(plan.stages) - s


@given(worlds_and_plans(), st.sampled_from(PER_BYTE_COST_MODELS))
@settings(max_examples=40, deadline=None)
def test_twice_the_speed_and_bandwidth_is_half_the_time(drawn, cost_model):
    world, plan = drawn
    slow, fast = evaluate(world, plan, cost_model), evaluate(twice_as_fast(world), plan, cost_model)
    assert fast.step_time == pytest.approx(slow.step_time / 2)
    assert fast.simulated_step_time == pytest.approx(slow.simulated_step_time / 2)
    assert fast.throughput == pytest.approx(2 * slow.throughput)
