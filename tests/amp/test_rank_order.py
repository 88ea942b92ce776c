"""Rank order: where AMP puts the devices."""

import pytest

from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees
from milp_amp.space.rank_order import RankOrder, candidates
from tests import builders


def tables(**fields):
    world = builders.instance({"fast": [3, 6, 3, 6]}, [("a", 2, "fast", 4)], batch=4, **fields)
    return LayerTables(cost_model("pipeline", world, measure(world.cluster)))


def test_tensor_ranks_come_first_then_replicas_then_stages():
    place = RankOrder(tables(tensor_degrees=(1, 2)), Degrees(2, 2, 1, 2))
    assert place.pipeline_parallel == 2
    first, second = place.strategy((0, 2, 4)).stages
    assert first.replicas == (("a.0/0", "a.0/1"), ("a.0/2", "a.0/3"))
    assert second.replicas == (("a.1/0", "a.1/1"), ("a.1/2", "a.1/3"))


def test_every_candidate_uses_every_device_once():
    shared = tables(tensor_degrees=(1, 2, 4))
    for degrees in candidates(shared):
        place = RankOrder(shared, degrees)
        boundaries = (*range(place.pipeline_parallel), 4)
        stages = place.strategy(boundaries).stages
        devices = [device for stage in stages for replica in stage.replicas for device in replica]
        assert sorted(devices) == [f"a.{node}/{k}" for node in range(2) for k in range(4)]


def test_degrees_without_a_profile_and_stages_without_a_layer_are_left_out():
    """8 devices at t = 1: d = 1 would need 8 stages of 4 layers, d = 8 more than the batch of 4 gives."""
    found = {(c.tensor_parallel, c.data_parallel) for c in candidates(tables())}
    assert found == {(1, 2), (1, 4)}


def test_the_step_time_is_the_sum_of_its_parts():
    """d = 4: stages 3 + 6 and 3 + 6 ms, m = 1, no bytes; with 1 MB outputs 4 replicas share one 1 GB/s NIC twice."""
    free = RankOrder(tables(), Degrees(1, 4, 1, 1))
    assert free.step_time((0, 2, 4)) == pytest.approx(0.018)
    paid = RankOrder(tables(output_MB=1), Degrees(1, 4, 1, 1))
    assert paid.step_time((0, 2, 4)) == pytest.approx(0.018 + 2 * 0.004)


def test_a_stage_fits_where_its_microbatches_in_flight_fit():
    """50 MB a layer, 0.2 GiB = 214 MB: two layers of the first stage hold two microbatches, three do not."""
    place = RankOrder(tables(activation_MB=50, memory_GiB=0.2), Degrees(1, 4, 1, 1))
    assert place.fits((0, 2, 4))
    crowded = RankOrder(tables(activation_MB=50, memory_GiB=0.2), Degrees(1, 2, 1, 2))
    assert not crowded.memory_allows[0][0, 3]
    assert crowded.memory_allows[0][0, 2]
