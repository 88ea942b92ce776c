"""The ``blocking`` cost model: what single messages, rings and activations take."""

import pytest

from milp_amp import solve
from milp_amp.cost.blocking import BlockingCost
from milp_amp.cost.network import measure
from milp_amp.problem.model import TransformerShape
from tests.builders import curve, instance

SHAPE = TransformerShape(hidden_size=8, heads=2, dropout=False)


def costs_of(**options):
    times = {("fast", t, 1): [3.0, 3.0] for t in (1, 2)}
    ends = [f":fast/{t}" for t in (1, 2)]
    curves = [curve(v, w, 1.0 if v == w == ":fast/1" else 2.0) for v in ends for w in ends]
    world = instance(times, [("a", 2, "fast", 2)], curves=curves, **options)
    return world, BlockingCost(world, measure(world.cluster))


def test_two_tensor_ranks_do_not_move_an_activation_faster_than_one():
    world, costs = costs_of()
    group = world.cluster.nodes[0]
    assert costs.transfer_seconds(1e9, group, group, 2, 2) == pytest.approx(1.0)  # 1 GB/s between two devices
    assert costs.transfer_seconds(1e9, group, group, 1, 1) == pytest.approx(1.0)


def test_the_rings_of_all_tensor_ranks_share_their_connection():
    _, costs = costs_of(parameters=1e6)
    assert costs.ring_bytes(0, 2, 1) == costs.ring_bytes(0, 2, 2) == 4 * 2e6


def test_a_device_needs_the_workloads_state_and_reserve_and_the_counted_activations():
    options = {"layer": {"kind": "transformer"}, "activation_MB": None, "sequence_length": 4, "element_bytes": 4.0}
    _, costs = costs_of(parameters=1e6, state_bytes=16.0, reserve_GiB=1.0, shape=SHAPE, **options)
    # s h (4 whole elements + 12 divided ones + one score of a s / h) in single precision
    kept = 4 * 4 * 8 * (4 + 12 / 2 + (2 * 4 / 8) / 2)
    assert costs.held_bytes([0], 2) == pytest.approx(16 * 1e6 / 2 + 2**30)
    assert costs.stored_bytes([0], 2, 3) == pytest.approx(3 * kept)


def test_its_optimum_is_found_and_proved():
    world, _ = costs_of()
    result = solve(world, cost_model="blocking", gap=1e-7)
    assert result.status.value == "optimal"
    assert result.objective == pytest.approx(result.bound)
