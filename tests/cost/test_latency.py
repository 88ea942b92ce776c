"""A message takes its latency before the first byte arrives; a ring takes its slowest hop's every round."""

import pytest

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.network import measure
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.judge.evaluate import evaluate
from milp_amp.problem.cluster import Cluster, Link, NodeGroup
from tests.builders import instance, strategy

LATENCY_US = {("a", "b"): 100, ("b", "c"): 300, ("a", "c"): 200}


def world(contention="shared", **fields):
    """Three nodes of two devices; 1 MB between two nodes takes 1 ms, inside one 0.1 ms; 20 us inside a node."""
    plain = instance(nodes=[(name, 1, "fast", 2) for name in "abc"], **fields)
    links = tuple(Link(source=v, target=w, bandwidth_GBps=1, latency_us=us) for (v, w), us in LATENCY_US.items())
    nodes = tuple(NodeGroup(name=name, device="fast", devices=2, bandwidth_GBps=10, latency_us=20) for name in "abc")
    cluster = Cluster(
        device_types=plain.cluster.device_types, nodes=nodes, links=links, hosts_forward=False, contention=contention
    )
    return type(plain)(**{field: getattr(plain, field) for field in plain.__struct_fields__} | {"cluster": cluster})


def costs(kind=PipelineCost, **fields):
    asked = world(**fields)
    return kind(asked, measure(asked.cluster))


def test_a_transfer_waits_for_a_message_there_and_one_back():
    assert costs().transfer_latency([0], [1]) == pytest.approx(2 * 100e-6)
    assert costs().transfer_latency([0], [0]) == pytest.approx(2 * 20e-6)


def test_the_latest_replica_decides_or_any_pair_where_any_may_exchange():
    assert costs().transfer_latency([0, 1], [1, 1]) == pytest.approx(2 * 100e-6)
    assert costs(contention="slowest_pair").transfer_latency([0, 1], [2, 2]) == pytest.approx(2 * 300e-6)
    assert costs().transfer_latency([0, 1], [2, 0]) == pytest.approx(2 * 200e-6)


def test_every_round_of_a_ring_waits_for_its_slowest_hop():
    assert costs().synchronisation_latency([0, 1], 1) == pytest.approx(2 * 100e-6)
    assert costs().synchronisation_latency([0, 1, 2], 1) == pytest.approx(4 * 300e-6)
    assert costs().synchronisation_latency([0, 0], 1) == pytest.approx(2 * 20e-6)
    assert costs().synchronisation_latency([0], 1) == 0


def test_in_some_order_of_the_replicas_the_slowest_pair_are_neighbours():
    nodes = [1, 0, 2, 0]
    assert costs().synchronisation_latency(nodes, 1) == pytest.approx(6 * 200e-6)
    assert costs(contention="slowest_pair").synchronisation_latency(nodes, 1) == pytest.approx(6 * 300e-6)


def test_amp_knows_no_latency():
    one = costs(AmpCost)
    assert one.transfer_latency([0], [1]) == one.synchronisation_latency([0, 1], 1) == 0
    assert one.least_transfer_latency() == one.least_synchronisation_latency(2, 1) == 0


def test_the_least_latencies_are_those_of_the_best_places():
    one = costs()
    assert one.least_transfer_latency() == pytest.approx(2 * 20e-6)
    assert one.least_synchronisation_latency(2, 1) == pytest.approx(2 * 20e-6)
    assert one.least_synchronisation_latency(3, 1) == pytest.approx(4 * 100e-6)
    assert one.least_synchronisation_latency(2, 2) == pytest.approx(2 * 100e-6)
    assert one.least_synchronisation_latency(1, 2) == 0


def test_the_judge_adds_latency_to_bytes():
    asked = world(output_MB=3, gradient_MB=4, batch=4)
    # 3 MB there and back at 1 GB/s and 0.2 ms; 4 MB per layer and one byte per byte of a ring of two: 4 ms and 0.2 ms.
    plan = strategy((0, 1, "a.0/0", "b.0/0"), (1, 2, "b.0/1", "a.0/1"))
    judged = evaluate(asked, plan)
    assert judged.boundary_seconds == pytest.approx([6.2e-3])
    assert judged.synchronisation_seconds == pytest.approx([4.2e-3, 4.2e-3])


def test_a_boundary_without_bytes_takes_its_latency():
    judged = evaluate(world(), strategy((0, 1, "a.0/0"), (1, 2, "b.0/0")))
    assert judged.boundary_seconds == pytest.approx([0.2e-3])
