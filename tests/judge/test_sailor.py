"""Plans under Sailor's rules, small enough to price in one's head. A flat curve of 1 GB/s moves 1 MB in 1 ms."""

import pytest

from milp_amp.errors import InputError
from milp_amp.judge.evaluate import evaluate, timeline
from tests.builders import curve, instance, strategy

FLAT = curve("fast", "fast", 1)
NODES = [("a", 1, "fast", 8)]


def ms(*values):
    return pytest.approx([value * 1e-3 for value in values], rel=1e-12)


def judged(plan, **fields):
    return evaluate(instance(**{"nodes": NODES, "curves": [FLAT], **fields}), plan, "sailor")


def line(*ends, **fields):
    """Stages on one device each, from the layers at which they end."""
    starts = [0, *ends[:-1]]
    return strategy(*((i, j, f"a.0/{s}") for s, (i, j) in enumerate(zip(starts, ends, strict=True))), **fields)


def test_a_single_stage_computes_updates_and_nothing_else():
    verdict = judged(line(2), update_ms=[7, 9])
    assert verdict.stage_seconds == ms(6)
    assert verdict.update_seconds == pytest.approx(7e-3)  # the stage's first layer
    assert [verdict.step_time] == ms(4 * 6 + 7)
    assert verdict.simulated_step_time is None
    assert verdict.violations == ()


# 0.5 million elements of 2 bytes in the builder are 2 MB in Sailor's 4 bytes: 2 ms per transfer.
@pytest.mark.parametrize(
    ("layers", "busy"),
    [
        (2, [3 + 2, 3 + 2 * 2]),
        (3, [3 + 2, 3 + 2 + 2, 3 + 2 * 2]),
        (4, [3 + 2 * 2, 3 + 2 + 2, 3 + 2 + 2, 3 + 2 * 2]),
    ],
)
def test_a_stage_sends_its_activation_on_and_its_gradient_back_and_the_ends_pay_more(layers, busy):
    plan = line(*range(1, layers + 1))
    verdict = judged(plan, layer_ms={"fast": [3] * layers}, output_MB=1)
    assert verdict.stage_seconds == ms(*busy)
    assert verdict.boundary_seconds == ms(*[4] * (layers - 1))
    assert [verdict.step_time] == ms(sum(busy) + 3 * max(busy))


def test_each_direction_goes_by_the_curve_of_its_own():
    nodes = [("a", 1, "fast", 4), ("b", 1, "slow", 4)]
    curves = [curve("fast/2", "slow", 2), curve("slow", "fast/2", 1)]
    verdict = judged(
        strategy((0, 1, "a.0/0 a.0/1"), (1, 2, "b.0/0")),
        layer_ms={("fast", 2): [3, 3], ("slow", 1): [5, 5]},
        nodes=nodes,
        curves=curves,
        output_MB=1,
    )
    assert verdict.stage_seconds == ms(3 + 1, 5 + 2 * 2)


def test_a_stage_of_two_kinds_of_devices_is_as_slow_as_its_slowest_replica_pair_and_neighbour():
    nodes = [("a", 1, "fast", 2), ("b", 1, "slow", 2)]
    curves = [
        curve(x, y, rate)
        for x, y, rate in (("fast", "fast", 4), ("fast", "slow", 2), ("slow", "fast", 2), ("slow", "slow", 1))
    ]
    verdict = judged(
        strategy((0, 1, "a.0/0", "b.0/0"), (1, 2, "a.0/1", "b.0/1")),
        layer_ms={"fast": [3, 3], "slow": [5, 5]},
        nodes=nodes,
        curves=curves,
        output_MB=1,
        parameters=[1e6, 2e6],
    )
    assert verdict.stage_seconds == ms(5 + 2, 5 + 2 * 2)  # b to b
    assert verdict.synchronisation_seconds == ms(2 * 1, 2 * 2)  # 4 MB and 8 MB, half of it twice over 2 GB/s


def test_the_first_and_the_last_replica_are_no_neighbours():
    nodes = [(name, 1, name, 1) for name in "xyz"]
    rates = {("x", "y"): 4, ("y", "z"): 2, ("z", "x"): 1}
    curves = [curve(v, w, rates.get((v, w), 8)) for v in "xyz" for w in "xyz"]
    plan = strategy((0, 2, "x.0/0", "y.0/0", "z.0/0"))
    verdict = judged(
        plan, layer_ms={kind: [3, 3] for kind in "xyz"}, nodes=nodes, curves=curves, parameters=1.5e6, batch=3
    )
    assert verdict.synchronisation_seconds == ms(4 * 4 / 2)  # thirds of 12 MB, four times over 2 GB/s


def test_the_last_microbatch_may_be_a_smaller_one():
    verdict = judged(strategy((0, 2, "a.0/0", "a.0/1", "a.0/2")), batch=8)
    assert [verdict.step_time] == ms(3 * 6)  # 8 sequences over 3 replicas: three rounds
    assert verdict.valid


def test_every_stage_may_have_a_tensor_degree_of_its_own():
    curves = [curve("fast/2", "fast", 1), curve("fast", "fast/2", 1), FLAT]
    verdict = judged(
        strategy((0, 1, "a.0/0 a.0/1", "a.0/2 a.0/3"), (1, 2, "a.0/4", "a.0/5")),
        tensor_degrees=(1, 2),
        curves=curves,
        parameters=1e6,
    )
    assert verdict.stage_seconds == ms(1.5, 3)
    assert verdict.synchronisation_seconds == ms(2, 4)  # 4 MB / t in halves, twice


def test_what_limits_the_step_is_named():
    assert judged(line(2)).limiting == "stage 0 computes and sends for 6 ms per microbatch"
    assert judged(line(2), update_ms=[90, 0]).limiting == "stage 0 updates for 90 ms per step"
    replicas = strategy((0, 2, "a.0/0", "a.0/1"))
    assert judged(replicas, parameters=1e8).limiting == "stage 0 synchronises for 800 ms per step"


def test_an_early_stage_holds_a_microbatch_for_every_stage_to_the_end():
    verdict = judged(line(1, 2), activation_MB=512, memory_GiB=3, batch=1)
    assert [stage.memory_GiB for stage in verdict.memory] == pytest.approx([2 + 2 * 512e6 / 2**30, 2 + 512e6 / 2**30])
    assert verdict.valid


def test_what_does_not_fit_is_named():
    (sentence,) = judged(line(2), memory_GiB=1.5).violations
    assert sentence == "stages[0]: needs 2 GiB per device, expected at most 1.5 GiB (fast a.0/0)"


def test_devices_whose_bandwidth_was_never_measured_cannot_exchange_anything():
    verdict = judged(strategy((0, 1, "a.0/0", "a.0/1"), (1, 2, "a.0/2", "a.0/3")), curves=[], output_MB=1, parameters=1)
    expected = "expected a curve in cluster.curves that is positive at its size"
    assert verdict.violations == (
        f"stages[0], stages[1]: no bandwidth was measured for their transfer, {expected}",
        f"stages[0].replicas: no bandwidth was measured for their ring, {expected}",
        f"stages[1].replicas: no bandwidth was measured for their ring, {expected}",
    )
    assert verdict.step_time is None


def test_a_microbatch_that_was_not_profiled_is_refused():
    (sentence,) = judged(line(2, microbatch=2)).violations
    assert sentence == (
        "stages[0].tensor_parallel: 1 is not profiled on fast at microbatch_size 2, "
        "expected one of a profiled device type"
    )


def test_there_is_no_timeline():
    with pytest.raises(InputError, match="cost model 'sailor' has no timeline, expected amp or pipeline"):
        timeline(instance(), strategy((0, 2, "a.0/0")), "sailor")
