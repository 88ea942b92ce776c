"""Measured profiles and graphs: every kind of number arrives in the right unit, and what is imported is solved."""

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.zones import read_zones, zoned_cluster
from milp_amp.judge.evaluate import evaluate
from milp_amp.solving import solve
from tests.exchange.incoming import samples
from tests.exchange.incoming.importing import (
    checked,
    galvatron_imported,
    metis_imported,
    piper_imported,
    sailor_imported,
)
from tests.exchange.incoming.malformed import having


def times(instance, tensor_parallel, microbatch):
    return next(
        entry
        for entry in instance.profile
        if (entry.tensor_parallel, entry.microbatch_size) == (tensor_parallel, microbatch)
    )


def test_metis_has_milliseconds_of_both_passes():
    # 3 ms: 1 forward, and twice that backward.
    entry = times(checked(metis_imported()), 1, 1)
    assert (entry.forward_ms, entry.backward_ms) == ((1.0,) * 4, None)
    assert times(checked(metis_imported()), 2, 2).forward_ms == (1.0,) * 4


def test_metis_has_bytes_of_parameters():
    layers = checked(metis_imported()).model.layers
    assert [(layer.name, layer.repeat, layer.parameters) for layer in layers] == [
        ("embedding", 1, 1e6),
        ("transformer", 2, 2e6),
        ("head", 1, 1e6),
    ]
    assert checked(metis_imported(parameter_bytes=2.0)).model.layers[0].parameters == 2e6


def test_metis_has_mebibytes_of_memory_beyond_the_state():
    layer = checked(metis_imported()).model.layers[1]
    assert (layer.activation_MB, layer.activation_sharded_MB) == pytest.approx((10 * 1.048576, 20 * 1.048576))


def test_metis_divides_bytes_by_mebibytes_per_millisecond():
    imported = metis_imported()
    found = checked(imported).cluster
    assert found.links[0].bandwidth_GBps == pytest.approx(10 * 2**20 / 1e6)
    assert found.nodes[0].bandwidth_GBps == pytest.approx(50 * 2**20 / 1e6)
    assert imported.hosts == {"10-0-0-1.0": "10.0.0.1", "10-0-0-2.0": "10.0.0.2"}


def test_a_cluster_file_in_bytes_per_second_is_read_where_that_is_said():
    machine = {"instance_type": "A100", "inter_bandwidth": 312500000.0, "intra_bandwidth": 5312500000.0, "memory": 16}
    found = checked(metis_imported(cluster={"a": machine}, hosts="a 2", bandwidth_unit="bytes/s")).cluster
    assert (found.links[0].bandwidth_GBps, found.nodes[0].bandwidth_GBps) == (0.3125, 5.3125)


def test_a_host_of_metis_in_several_lines_is_several_nodes():
    imported = metis_imported(hosts="10.0.0.1 slots=2\n" * 3)
    assert checked(imported).cluster.num_devices == 6
    assert imported.hosts["10-0-0-1.2"] == "10.0.0.1"


def test_profiles_of_metis_are_of_one_model():
    other = samples.metis_profile(2, 1)
    other["model"]["model_name"] = "other"
    with pytest.raises(InputError, match=r"tp2_bs1\.json: its model"):
        metis_imported({(1, 1): samples.metis_profile(1, 1), (2, 1): other})


def test_sailor_has_seconds():
    entry = times(checked(sailor_imported()), 2, 2)
    assert (entry.forward_ms, entry.backward_ms, entry.update_ms) == ((2.0,) * 3, (4.0,) * 3, (0.25,) * 3)


def test_sailor_has_numbers_of_four_bytes():
    # 16 MB are kept at tensor degree 1 and 10 MB at 2: 4 whole, and 12 divided.
    layer = checked(sailor_imported()).model.layers[0]
    assert (layer.activation_MB, layer.activation_sharded_MB) == pytest.approx((4.0, 12.0))
    assert [(size.tensor_parallel, size.parameters, size.stored_MB) for size in layer.measured] == [
        (1, 1000, 16.0),
        (2, 500, 10.0),
    ]
    assert layer.output_elements == 250_000


def test_sailor_has_peaks_in_bytes_per_second_and_curves_in_gigabytes():
    found = checked(sailor_imported()).cluster
    assert [group.bandwidth_GBps for group in found.nodes] == [60.0, 60.0]
    assert [(link.source, link.target, link.bandwidth_GBps) for link in found.links] == [
        ("A100-40-zone-a", "zone-a", 5.0),
        ("A100-40-zone-b", "zone-b", 5.0),
        ("zone-a", "zone-b", 2.0),
    ]
    assert found.curves[0].coefficients == (0, 0.5, 4)
    assert len(found.curves) == 16


def test_the_slower_way_between_two_zones_counts():
    other_way = having(samples.SAILOR_INTER, 1e9, "zone-b", "A100-40", "2", "zone-a", "A100-40", "2", 1)
    assert checked(sailor_imported(inter=other_way)).cluster.links[-1].bandwidth_GBps == 1.0


def test_the_fastest_devices_of_two_zones_join_them():
    zones = read_zones("a:1x2xT4,a:1x2xL4,b:1x2xT4", {})
    peaks = {(0, 0): 8.0, (1, 1): 9.0, (0, 2): 3.0, (1, 2): 5.0, (2, 2): 8.0}
    links = zoned_cluster(zones, {"T4": 16.0, "L4": 32.0}, peaks, []).links
    assert [(link.source, link.target, link.bandwidth_GBps) for link in links] == [
        ("T4-a", "a", 8.0),
        ("L4-a", "a", 9.0),
        ("T4-b", "b", 8.0),
        ("a", "b", 5.0),
    ]


def test_sailor_may_keep_several_models_in_a_file():
    several = {"OPT-350": samples.SAILOR_SIZES}
    assert checked(sailor_imported(sizes=several, model="OPT-350")).model.name == "OPT-350"
    with pytest.raises(InputError, match="no model 'GPT'"):
        sailor_imported(sizes=several, model="GPT")


def test_galvatron_takes_the_difference_of_two_numbers_of_layers():
    # 3 + 2 L milliseconds for L layers: 2 for each, and 3 for all else.
    entry = times(checked(galvatron_imported()), 1, 1)
    assert entry.forward_ms == (0, 2, 2, 2, 2, 3)
    assert entry.backward_ms == (0, 4, 4, 4, 4, 6)


def test_a_tensor_group_of_galvatron_divides_and_reduces_twice():
    # 1024 tokens of 512 elements of 2 bytes, twice, at 100 GB/s: 0.020972 ms.
    entry = times(checked(galvatron_imported()), 2, 1)
    assert entry.forward_ms[1] == pytest.approx(1 + 0.020972, abs=1e-6)
    assert entry.backward_ms[1] == pytest.approx(2 + 0.020972, abs=1e-6)


def test_a_network_of_galvatron_is_the_slower_of_both_measured_ways():
    assert checked(galvatron_imported()).cluster.links[0].bandwidth_GBps == 18.0
    assert checked(galvatron_imported(p2p=None)).cluster.links[0].bandwidth_GBps == 20.0


def test_piper_has_seconds_of_both_passes_and_bytes():
    instance = checked(piper_imported())
    assert times(instance, 1, 1).forward_ms == pytest.approx((1.0,) * 3)
    assert [(layer.name, layer.parameters, layer.output_elements) for layer in instance.model.layers] == [
        ("first", 1e6, 2e6),
        ("second", 1e6, 1e6),
        ("third", 1e6, 0),
    ]
    layer = instance.model.layers[0]
    assert (layer.activation_MB, layer.activation_sharded_MB) == (0.0, 10.0)
    assert instance.workload.state_bytes == 16.0
    assert instance.cluster.device_types["device"].memory_GiB == 16.0


def test_a_node_of_piper_has_the_bandwidth_of_all_its_devices():
    found = checked(piper_imported(devices_per_node=2)).cluster
    assert (found.nodes[0].count, found.nodes[0].bandwidth_GBps, found.links[0].bandwidth_GBps) == (2, 25.0, 50.0)


def test_other_ways_to_run_a_layer_of_piper_are_there_by_name():
    assert times(checked(piper_imported(variant="recompute")), 1, 1).forward_ms == pytest.approx((1.3,) * 3)


def test_edges_of_dnn_partitioning_take_as_long_as_they_cost():
    instance = checked(piper_imported(samples.PARTITIONING))
    # Half a millisecond is half a megabyte over a gigabyte per second.
    moved = [layer.output_elements * instance.workload.element_bytes for layer in instance.model.chain]
    assert moved == [0.5e6, 0.25e6, 0]
    assert instance.cluster.links[0].bandwidth_GBps == 1.0


def test_backward_nodes_of_dnn_partitioning_are_the_backward_pass():
    instance = checked(piper_imported(samples.PARTITIONING))
    assert (times(instance, 1, 1).forward_ms, times(instance, 1, 1).backward_ms) == ((1.0,) * 3, (2.0,) * 3)
    # Both passes take four megabytes: eight bytes for each of a million parameters.
    assert (instance.model.chain[0].parameters, instance.workload.state_bytes) == (1e6, 8.0)


@pytest.mark.parametrize(
    "imported",
    [
        metis_imported,
        sailor_imported,
        galvatron_imported,
        lambda: piper_imported(devices_per_node=2),
        lambda: piper_imported(samples.PARTITIONING),
    ],
    ids=["metis", "sailor", "galvatron", "piper", "partitioning"],
)
def test_what_is_imported_is_solved(imported):
    instance = checked(imported())
    result = solve(instance)
    assert result.status.value == "optimal"
    assert evaluate(instance, result.strategy).step_time == pytest.approx(result.objective)


def test_what_sailor_measured_is_solved_under_sailors_cost_model():
    result = solve(checked(sailor_imported()), cost_model="sailor", time_limit=30)
    assert result.status.value == "optimal"
