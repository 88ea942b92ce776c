"""The cheap bounds, by hand."""

import msgspec
import pytest

from milp_amp.bounds.lower import Pieces, least_step_time
from milp_amp.bounds.prepass import prepare
from milp_amp.problem.cluster import Link
from milp_amp.space.boxes import Box
from milp_amp.space.configuration import Degrees
from tests.builders import instance

TWO_KINDS = instance(
    {"fast": [2, 4, 3], "slow": [6, 3, 9]},
    [("a", 1, "fast", 2), ("b", 1, "slow", 4)],
    batch=8,
    gradient_MB=2,
    inside_GBps=10,
)


def pieces(world, t=1, d=1, b=1):
    prepass = prepare(world)
    return Pieces(prepass.tables, prepass.classes, Degrees(t, d, b, world.workload.global_batch_size // (d * b)))


def bounds(world, t=1, d=1, b=1):
    (candidate,) = (c for c in prepare(world).candidates if str(c.degrees) == f"t={t} d={d} b={b}")
    return {bound.name: bound.value for bound in candidate.bounds}


def test_every_layer_on_its_fastest_class():
    assert pieces(TWO_KINDS).fastest_devices() == pytest.approx(8e-3)  # 2 + 3 + 3
    assert pieces(TWO_KINDS, b=2).fastest_devices() == pytest.approx(16e-3)


def test_the_longest_layer_on_its_fastest_class():
    assert pieces(TWO_KINDS).longest_layer() == pytest.approx(3e-3)


def test_total_work_over_total_speed_where_all_devices_are_equal():
    world = instance({"fast": [3, 5, 4]}, [("a", 1, "fast", 4)])
    assert pieces(world).perfect_balance() == pytest.approx(3e-3)
    assert pieces(world, d=2).perfect_balance() == pytest.approx(6e-3)


def test_total_work_over_total_speed_where_one_class_is_twice_as_fast():
    # Two fast devices do what four slow ones do: 12 ms of fast work on the speed of four fast.
    world = instance({"fast": [4, 8], "slow": [8, 16]}, [("a", 1, "fast", 2), ("b", 1, "slow", 4)])
    assert pieces(world).perfect_balance() == pytest.approx(3e-3)


def test_classes_that_are_fast_at_different_layers_are_priced_by_their_mean_speed():
    # Prices 1 / 9 and 1 / 18: per layer min(2 / 9, 6 / 18) + min(4 / 9, 3 / 18) + min(3 / 9, 9 / 18) = 13 / 18,
    # over 2 / 9 + 4 / 18 = 8 / 18.
    assert pieces(TWO_KINDS).perfect_balance() == pytest.approx(13 / 8 * 1e-3)
    assert pieces(TWO_KINDS, d=2).perfect_balance() == pytest.approx(2 * 13 / 8 * 1e-3)


def test_tensor_groups_are_the_slots_that_work():
    world = instance({("fast", 2): [6, 6]}, [("a", 2, "fast", 5)])
    assert pieces(world, t=2).slots.tolist() == [4]
    assert pieces(world, t=2).perfect_balance() == pytest.approx(3e-3)


def test_classes_without_a_profile_neither_help_nor_count():
    world = instance({"fast": [6, 6]}, [("a", 1, "fast", 2), ("b", 1, "slow", 50)])
    assert pieces(world).perfect_balance() == pytest.approx(6e-3)


def test_nodes_too_small_for_a_tensor_group_neither_help_nor_count():
    times = {("fast", 2): [6, 6], ("slow", 2): [1, 1]}
    world = instance(times, [("a", 1, "fast", 2), ("b", 5, "slow", 1)])
    assert pieces(world, t=2).fastest_devices() == pytest.approx(12e-3)
    assert pieces(world, t=2).perfect_balance() == pytest.approx(12e-3)


def test_some_stage_holds_the_mean_of_the_gradients():
    # 6 MB on at most three stages of two replicas: 2 MB, one byte per byte at 10 GB/s.
    assert pieces(TWO_KINDS, d=2).least_synchronisation() == pytest.approx(0.2e-3)
    # Four replicas make one stage of six devices: 6 MB, 1.5 bytes per byte.
    assert pieces(TWO_KINDS, d=4).least_synchronisation() == pytest.approx(0.9e-3)
    assert pieces(TWO_KINDS, d=1).least_synchronisation() == 0


def test_a_chain_has_no_more_stages_than_layers():
    world = instance({"fast": [6]}, [("a", 1, "fast", 8)], gradient_MB=4, inside_GBps=1)
    assert pieces(world, d=2).least_synchronisation() == pytest.approx(4e-3)


def test_the_bounds_of_a_candidate_put_the_pieces_together():
    # Two replicas, four microbatches: Σ τ 8, W 3 or 3.25, S 0.2 ms.
    assert bounds(TWO_KINDS, d=2) == pytest.approx(
        {
            "fastest devices": 8e-3 + 3 * 3e-3,
            "perfect balance": 8e-3 + 3 * 3.25e-3,
            "links": 8e-3 + 3 * 3e-3,  # one stage holds the model: no transfer is enforced
            "synchronisation": 8.2e-3,
            "combined": 8e-3 + 3 * 3.25e-3 + 0.2e-3,
        }
    )


def test_the_box_of_a_candidate_begins_at_the_same_floors():
    box = pieces(TWO_KINDS, d=2).box()
    assert (box.bottleneck_floor, box.synchronisation_floor) == pytest.approx((3.25e-3, 0.2e-3))
    assert (box.bottleneck, box.synchronisation) == (Box().bottleneck, Box().synchronisation)
    assert pieces(TWO_KINDS).box().bottleneck_floor == pytest.approx(3e-3)  # the longest layer


def test_the_strongest_bound_counts():
    (first, *_) = prepare(TWO_KINDS).candidates
    assert least_step_time(first.bounds) == first.lower_bound == max(bound.value for bound in first.bounds)


def test_candidates_stand_in_the_order_of_their_bounds():
    prepass = prepare(TWO_KINDS)
    values = [candidate.lower_bound for candidate in prepass.candidates]
    assert values == sorted(values)
    assert prepass.lower_bound == values[0]


def test_stages_that_memory_enforces_are_joined_by_transfers():
    # Three layers of 6 GiB each on devices of 8 GiB: at least three stages, so two boundaries of 4 MB there and
    # back over the best connection of 1 GB/s: 2 * 8 ms, on top of 3 * 3 ms of layers and 3 more microbatches of 8 ms.
    world = instance(
        {"fast": [3, 3, 3]}, [("a", 3, "fast", 1)], batch=4, output_MB=4, parameters=6 * 2**30 / 18, memory_GiB=8
    )
    assert pieces(world).least_stages() == 3
    assert pieces(world).transfers() == pytest.approx(16e-3)
    assert bounds(world)["links"] == pytest.approx(9e-3 + 3 * 3e-3 + 16e-3)
    assert pieces(world).box().bottleneck_floor == pytest.approx(8e-3)


def test_latencies_are_part_of_what_memory_and_replicas_enforce():
    # Two boundaries wait 2 * 30 us at least, there and back; two replicas share no node: two rounds of 30 us.
    links = [Link(source="a", target="switch", bandwidth_GBps=1, latency_us=15)]
    world = instance(
        {"fast": [3, 3, 3]}, [("a", 3, "fast", 1)], links=links, batch=4, parameters=6 * 2**30 / 18, memory_GiB=8
    )
    nodes = tuple(msgspec.structs.replace(group, latency_us=50) for group in world.cluster.nodes)
    world = msgspec.structs.replace(world, cluster=msgspec.structs.replace(world.cluster, nodes=nodes))
    assert pieces(world).transfers() == pytest.approx(2 * 2 * 30e-6)
    gradients = 6 * 2**30 / 18 * 3 * 4  # one stage of two replicas on three devices
    assert pieces(world, d=2).least_synchronisation() == pytest.approx(2 * 30e-6 + gradients / 1e9)
