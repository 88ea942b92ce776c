"""From a model's configuration and the machines: what is joined how, and what wins where several files say it."""

import pytest

from milp_amp.errors import InputError
from milp_amp.judge.evaluate import evaluate
from milp_amp.roofline.catalogue import accelerator
from milp_amp.solving import solve
from tests.exchange.incoming import samples
from tests.exchange.incoming.importing import checked, huggingface_imported

PAIR = {None: samples.TOPOLOGY}


def cluster(**files):
    return checked(huggingface_imported(**files)).cluster


def test_the_type_alone_is_enough_where_a_matrix_says_how_many():
    (group,) = cluster(devices="A100-80", topologies=PAIR).nodes
    assert (group.name, group.count, group.devices, group.bandwidth_GBps) == ("2xA100-80", 1, 2, 300.0)


def test_hosts_are_nodes_by_their_names():
    found = cluster(devices="A100-80", hosts=samples.HOSTFILE)
    assert [(group.name, group.count, group.devices) for group in found.nodes] == [
        ("worker-1", 1, 2),
        ("worker-2", 1, 2),
    ]
    assert [link.source for link in found.links] == ["worker-1", "worker-2"]


def test_types_of_a_list_go_to_the_hosts_in_their_order():
    hosts = "fast slots=8\nslow-1 slots=4\nslow-2 slots=4\n"
    found = cluster(devices="1x8xA100-80,2x4xT4", hosts=hosts)
    assert {group.name: group.device for group in found.nodes} == {"fast": "A100-80", "slow-1": "T4", "slow-2": "T4"}


def test_kubernetes_says_types_and_counts_itself():
    found = cluster(hosts=samples.KUBERNETES)
    assert [(group.name, group.device, group.devices) for group in found.nodes] == [
        ("gpu-a-cluster", "T4", 4),
        ("gpu-b-cluster", "H100", 8),
    ]


def test_a_measured_network_goes_before_the_option():
    found = cluster(devices="2x2xA100-80", runs={None: samples.NCCL}, network_GBps=1.0)
    (link,) = found.links
    # Ten microseconds from host to host are five to the switch and five from it.
    assert (link.bandwidth_GBps, link.latency_us) == (20.0, 5.0)
    (curve,) = found.curves
    assert (curve.source_device, curve.source_streams) == ("A100-80", 1)


def test_a_run_inside_a_node_is_what_its_devices_exchange():
    found = cluster(devices="2x2xH100", runs={None: samples.NCCL_JSON}, network_GBps=7.0)
    (group,), (link,) = found.nodes, found.links
    assert (group.bandwidth_GBps, link.bandwidth_GBps) == (41.94304, 7.0)
    assert found.curves == ()


def test_what_was_measured_is_reached_already():
    # A data sheet's bandwidth is reached in part; half of 41.9 GB/s measured is not to be lost again.
    efficient = checked(huggingface_imported(devices="2xH100", inside=41.94304 / 0.77))
    measured = checked(huggingface_imported(devices="2xH100", runs={None: samples.NCCL_JSON}))
    times = [next(entry for entry in each.profile if entry.tensor_parallel == 2) for each in (efficient, measured)]
    assert times[0].forward_ms == times[1].forward_ms


def test_an_option_goes_before_a_matrix():
    assert cluster(devices="A100-80", topologies=PAIR, inside=77.0).nodes[0].bandwidth_GBps == 77.0


def test_runs_of_one_type_concern_nodes_of_that_type():
    found = cluster(devices="1x2xA100-80,1x4xT4", runs={"network/A100-80": samples.NCCL}, network_GBps=3.0)
    assert [link.bandwidth_GBps for link in found.links] == [20.0, 3.0]


def test_a_run_inside_nodes_of_two_types_has_to_say_of_which():
    with pytest.raises(InputError, match="does not say which of A100-80, T4"):
        huggingface_imported(devices="2xA100-80,2xT4", runs={"inside": samples.NCCL})


def test_two_runs_of_as_many_devices_are_refused():
    with pytest.raises(InputError, match="1 devices of a node, measured before"):
        huggingface_imported(devices="2x2xA100-80", runs={None: samples.NCCL, "network": samples.NCCL})


def test_the_bandwidth_of_one_device_of_several_is_not_taken_for_their_host():
    run = samples.NCCL_TWO_EACH.replace("sendrecv_perf", "alltoall_perf")
    with pytest.raises(InputError, match=r"alltoall_perf: a busbw of one device of several, expected all_reduce_perf"):
        huggingface_imported(devices="2x2xA100-80", runs={None: run})


def test_hosts_of_another_product_are_refused():
    with pytest.raises(InputError, match="'a100-sxm4-80gb' is no T4"):
        huggingface_imported(devices="T4", hosts=samples.SLURM)


def test_the_matrix_decides_how_long_tensor_groups_reduce():
    slow = samples.TOPOLOGY.replace("NV12", "SYS")
    times = {}
    for name, content in (("nvlink", samples.TOPOLOGY), ("sys", slow)):
        instance = checked(huggingface_imported(devices="A100-80", topologies={None: content}))
        times[name] = next(entry for entry in instance.profile if entry.tensor_parallel == 2).forward_ms[1]
    assert times["sys"] > times["nvlink"]
    assert accelerator("A100-80").link_GBps == 300


@pytest.mark.parametrize(
    "files",
    [
        {"devices": "A100-80", "topologies": PAIR},
        {"devices": "A100-80", "hosts": samples.HOSTFILE, "topologies": PAIR, "runs": {None: samples.NCCL}},
        {"hosts": samples.SLURM},
        {"hosts": samples.KUBERNETES},
    ],
    ids=["topology", "all", "slurm", "kubernetes"],
)
def test_what_is_imported_is_solved(files):
    instance = checked(huggingface_imported(**files))
    result = solve(instance)
    assert result.status.value == "optimal"
    assert evaluate(instance, result.strategy).step_time == pytest.approx(result.objective)
