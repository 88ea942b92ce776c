"""A prediction is the judge's step time of the instance with the numbers in it."""

from random import Random

import pytest
from msgspec.structs import replace

from milp_amp.calibration.bake import baked
from milp_amp.calibration.pieces import Workshop
from milp_amp.errors import InputError
from milp_amp.problem.cluster import Link
from milp_amp.problem.workload import StageOverhead
from tests.agreement.drawing import draw, plain, wire, wired
from tests.builders import instance
from tests.calibration.worlds import (
    fine_grained,
    judged,
    laboratory,
    predicted,
    random_factor,
    random_trial,
    trial,
)
from tests.space.sailor_worlds import draw as draw_sailor

TWO_NODES = {"nodes": [("a", 2, "fast", 1)]}


def pairs(make, seeds, cost_model, whole_batches=True):
    """Worlds and trials of them that the judge can price."""
    for seed in seeds:
        world, dice = make(seed), Random(seed)
        asked = random_trial(world, dice, whole_batches)
        if asked is None:
            continue
        try:
            Workshop(world, cost_model).pieces(asked, 1.0)
        except InputError:
            continue
        yield world, asked, dice


def some_numbers(world, asked, dice):
    """Up to all kinds of numbers; layers take milliseconds more only where no floor of the profile is in force."""
    kinds = sorted(world.cluster.device_types)
    t = asked.tensor_parallel
    sizes = {
        kind: [x.microbatch_size for x in world.profile if (x.device, x.tensor_parallel) == (kind, t)] for kind in kinds
    }
    every = {
        "layer_time": random_factor(dice),
        f"layer_time[{dice.choice(kinds)}]": random_factor(dice),
        f"layer_time[t={t}]": random_factor(dice),
        "stage_ms": dice.uniform(0, 20),
        "stage_ms[t>1,b<=2]": dice.uniform(0, 20),
        "link[inside]": random_factor(dice),
        "link[between]": random_factor(dice),
        "synchronisation": random_factor(dice),
        "update_ns": dice.uniform(0, 5),
        "step_ms": dice.uniform(0, 100),
    }
    if asked.microbatch_size >= max(min(known) for known in sizes.values() if known):
        every[f"layer_ms[t={t}]"] = dice.uniform(0, 10)
    return {name: every[name] for name in dice.sample(list(every), dice.randint(1, len(every)))}


def everything(seed):
    """A world of ordinary numbers on a graph with everything a graph can have."""
    return wire(Random(seed), plain(seed))


def composed(world):
    """Whether ``max`` and ``sum`` are all that a world's links are composed by."""
    mixed = world.workload.all_reduce == "hierarchical" and world.cluster.contention == "slowest_pair"
    return not mixed and not any(link.one_way for link in world.cluster.links)


@pytest.mark.parametrize("make", [draw, wired])
def test_without_numbers_the_prediction_is_the_judges_step_time(make):
    compared = 0
    for world, asked, _ in pairs(make, range(400), "pipeline"):
        assert predicted(world, asked, {}) == pytest.approx(judged(world, asked), rel=1e-9)
        compared += 1
    assert compared > 80


def test_without_numbers_the_same_holds_for_stages_that_block():
    compared = 0
    for world, asked, _ in pairs(draw_sailor, range(300), "blocking", whole_batches=False):
        assert predicted(world, asked, {}, "blocking") == pytest.approx(judged(world, asked, "blocking"), rel=1e-9)
        compared += 1
    assert compared > 60


@pytest.mark.parametrize("recomputation", ["none", "full"])
@pytest.mark.parametrize("make", [plain, everything])
def test_with_numbers_the_prediction_is_the_step_time_of_the_instance_with_the_numbers_in_it(make, recomputation):
    compared = 0
    for world, asked, dice in pairs(make, range(700), "pipeline"):
        if not composed(world):
            continue
        world = fine_grained(world)
        world = replace(world, workload=replace(world.workload, recomputation=recomputation))
        numbers = some_numbers(world, asked, dice)
        truth = judged(baked(world, numbers), asked)
        assert predicted(world, asked, numbers) == pytest.approx(truth, rel=1e-9), numbers
        compared += 1
    assert compared > 100


def test_with_numbers_the_same_holds_for_stages_that_block():
    compared = 0
    for world, asked, dice in pairs(draw_sailor, range(300), "blocking", whole_batches=False):
        t = asked.tensor_parallel
        every = {
            "layer_time": random_factor(dice),
            f"layer_time[t={t}]": random_factor(dice),
            "layer_time[slow]": random_factor(dice),
            f"layer_ms[t={t}]": dice.uniform(0, 10),
            "link[inside]": random_factor(dice),
            "link[between]": random_factor(dice),
            "synchronisation": random_factor(dice),
            "stage_ms": 5.0,
            "update_ns": 1.0,
            "step_ms": 30.0,
        }
        numbers = {name: every[name] for name in dice.sample(list(every), dice.randint(1, len(every)))}
        truth = judged(baked(world, numbers), asked, "blocking")
        assert predicted(world, asked, numbers, "blocking") == pytest.approx(truth, rel=1e-9), numbers
        compared += 1
    assert compared > 60


@pytest.mark.parametrize("more", [0.5, -0.5])
@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_layers_milliseconds_beside_a_single_profiled_microbatch_make_it_affine(size, more):
    world = laboratory(layer_ms={("fast", 1, 2): [6.0] * 8}, batch=8)
    asked, numbers = trial(1, 1, (0, 8), size), {"layer_ms[t=1]": more}
    seconds = 8 // size * 8 * (3 * size + more) * 1e-3
    assert judged(baked(world, numbers), asked) == pytest.approx(seconds)
    assert predicted(world, asked, numbers) == pytest.approx(seconds)


def test_layers_twice_as_slow_make_a_single_device_twice_as_slow():
    world, asked = instance(batch=1), trial()
    assert predicted(world, asked, {}) == pytest.approx(6e-3)
    assert predicted(world, asked, {"layer_time": 2.0}) == pytest.approx(12e-3)


def test_factors_on_the_same_layers_are_multiplied():
    world, asked = instance(batch=1), trial()
    numbers = {"layer_time": 2.0, "layer_time[fast]": 3.0, "layer_time[t=1]": 0.5, "layer_time[t=2]": 9.0}
    assert predicted(world, asked, numbers) == pytest.approx(3 * 6e-3)


def test_a_stage_among_others_takes_its_milliseconds_and_the_whole_model_does_not():
    world = instance(batch=4)
    halves, whole = trial(boundaries=(0, 1, 2)), trial()
    numbers = {"stage_ms": 1.0}
    grown = predicted(world, halves, numbers) - predicted(world, halves, {})
    assert grown == pytest.approx((2 + 3) * 1e-3)
    assert predicted(world, whole, numbers) == predicted(world, whole, {})


def test_overheads_that_the_instance_has_already_stay():
    world = instance(batch=4, stage_overheads=(StageOverhead(ms=1.0),), step_overhead_ms=5.0)
    halves = trial(boundaries=(0, 1, 2))
    assert predicted(world, halves, {}) == pytest.approx((5 * 3 + 5 * 1 + 5) * 1e-3)
    assert predicted(world, halves, {"stage_ms": 2.0}) == pytest.approx((5 * 3 + 5 * 3 + 5) * 1e-3)


def test_stages_that_block_have_no_overheads_of_their_own():
    world = instance({("fast", 1, 1): [3.0, 3.0]}, batch=4, stage_overheads=(StageOverhead(ms=1.0),))
    halves = trial(boundaries=(0, 1, 2))
    assert judged(world, halves, "blocking") == pytest.approx(5 * 3e-3)
    assert predicted(world, halves, {"stage_ms": 2.0}, "blocking") == pytest.approx(5 * 3e-3)


@pytest.mark.parametrize(("optimizer", "share"), [("replicated", 1), ("distributed", 2)])
def test_replicas_that_divide_the_optimizer_state_share_the_update(optimizer, share):
    """Two layers of 10⁶ parameters at 3 ns each."""
    world, asked = instance(gradient_MB=4.0, optimizer=optimizer), trial(d=2)
    grown = predicted(world, asked, {"update_ns": 3.0}) - predicted(world, asked, {})
    assert grown == pytest.approx(6e-3 / share)
    assert judged(baked(world, {"update_ns": 3.0}), asked) - judged(world, asked) == pytest.approx(6e-3 / share)


def test_only_small_messages_of_tensor_groups_are_waited_for():
    world = laboratory()
    numbers = {"stage_ms[t>1,b<=2]": 1.0}

    def grown(t, b):
        asked = trial(t, 1, (0, 4, 8), b)
        return predicted(world, asked, numbers) - predicted(world, asked, {})

    assert grown(2, 2) == pytest.approx((2 + 7) * 1e-3)
    assert grown(2, 4) == grown(1, 2) == 0


def test_half_the_bandwidth_between_nodes_doubles_what_is_sent_between_them():
    """Two layers of 3 ms and 1 MB there and back: 3 + 2 + 3 ms for one microbatch."""
    world, asked = instance(batch=1, output_MB=1.0, **TWO_NODES), trial(boundaries=(0, 1, 2))
    assert predicted(world, asked, {}) == pytest.approx(8e-3)
    assert predicted(world, asked, {"link[between]": 0.5}) == pytest.approx(10e-3)
    assert predicted(world, asked, {"link[inside]": 0.5}) == pytest.approx(8e-3)


def test_latencies_updates_and_steps_take_as_long_on_slower_links():
    """A ring of two: 4 MB, 4 ms at 1 GB/s; two hops of 2 × 1 ms; 10⁶ parameters at 1 ns each; 5 ms for the step."""
    links = (Link(source="a", target="switch", bandwidth_GBps=1.0, latency_us=1000.0),)
    world = instance(
        batch=2, gradient_MB=2.0, links=links, update_ns_per_parameter=1.0, step_overhead_ms=5.0, **TWO_NODES
    )
    asked = trial(d=2)
    assert predicted(world, asked, {}) == pytest.approx((6 + 4 + 4 + 1 + 5) * 1e-3)
    assert predicted(world, asked, {"link[between]": 0.5}) == pytest.approx((6 + 8 + 4 + 1 + 5) * 1e-3)
    assert predicted(world, asked, {"synchronisation": 0.5}) == pytest.approx((6 + 8 + 4 + 1 + 5) * 1e-3)


def test_a_hierarchy_pays_for_both_kinds_of_links_and_a_ring_for_the_slower():
    """Two nodes with two replicas each and 8 MB to reduce, 2 · 1/2 of it in every ring of two.

    Inside nodes 8 MB at 2 GB/s, between them two rings at once of 4 MB each at 1 GB/s. One ring of four carries
    12 MB over its slowest edge.
    """
    asked = trial(d=4, boundaries=(0, 2))
    world = {
        kind: instance(batch=4, gradient_MB=4.0, inside_GBps=2.0, nodes=[("a", 2, "fast", 2)], all_reduce=kind)
        for kind in ("ring", "hierarchical")
    }
    assert predicted(world["hierarchical"], asked, {}) == pytest.approx((6 + 4 + 8) * 1e-3)
    assert predicted(world["hierarchical"], asked, {"link[inside]": 0.5}) == pytest.approx((6 + 8 + 8) * 1e-3)
    assert predicted(world["hierarchical"], asked, {"link[between]": 2.0}) == pytest.approx((6 + 4 + 4) * 1e-3)
    assert predicted(world["ring"], asked, {}) == pytest.approx((6 + 12) * 1e-3)
    assert predicted(world["ring"], asked, {"link[between]": 4.0}) == pytest.approx((6 + 6) * 1e-3)


@pytest.mark.parametrize(
    "worse",
    [
        {"layer_time": 1.5},
        {"layer_ms[t=1]": 1.0},
        {"stage_ms": 2.0},
        {"link[inside]": 0.5},
        {"link[between]": 0.5},
        {"synchronisation": 0.5},
        {"update_ns": 1.0},
        {"step_ms": 1.0},
    ],
    ids=str,
)
def test_what_is_worse_makes_no_plan_faster(worse):
    slower = 0
    for world, asked, _ in pairs(wired, range(300), "pipeline"):
        before, after = predicted(world, asked, {}), predicted(world, asked, worse)
        assert after >= before * (1 - 1e-12)
        slower += after > before
    assert slower > 0


def test_a_transfer_that_was_never_measured_cannot_be_predicted():
    world = instance(output_MB=1.0, batch=1)
    with pytest.raises(InputError, match=r"^a trial cannot be priced: .* no bandwidth was measured"):
        predicted(world, trial(boundaries=(0, 1, 2)), {}, "blocking")
