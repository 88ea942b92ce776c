"""Names, devices and products of hosts, from every file that lists them."""

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.host import Host
from milp_amp.exchange.incoming.hosts import listed_hosts, read_hosts
from milp_amp.exchange.incoming.products import candidates
from milp_amp.problem.cluster import MAX_NODES
from tests.exchange.incoming import samples
from tests.exchange.incoming.samples import given


def test_a_host_file_of_mpirun_and_deepspeed_says_slots():
    hosts = read_hosts(given(samples.HOSTFILE)).hosts
    assert hosts == (Host("worker-1", 2), Host("worker-2", 2))


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("a slots=8", Host("a", 8)),
        ("a:8", Host("a", 8)),
        ("10.0.0.1 8", Host("10.0.0.1", 8)),
        ("a slots=8 type=A800 # fast", Host("a", 8, "A800")),
        ("a.b.example  max-slots=9", Host("a.b.example")),
        ("a slots=8\r", Host("a", 8)),
    ],
)
def test_every_launcher_writes_slots_in_its_own_way(line, host):
    assert read_hosts(given(line)).hosts == (host,)


def test_slurm_nodes_without_gpus_or_out_of_service_are_left_out_and_named():
    found = read_hosts(given(samples.SLURM))
    assert found.hosts == (Host("n1", 2, "a100-sxm4-80gb"), Host("n2", 2, "a100-sxm4-80gb"))
    assert found.left_out == ("login", "n3")
    assert "2 hosts without login, n3" in found.cited


def test_a_slurm_resource_may_leave_its_type_or_its_count_out():
    text = "NodeName=a Gres=gpu:4 State=IDLE\nNodeName=b Gres=gpu State=IDLE\nNodeName=c Gres=gpu:t4 State=IDLE"
    assert read_hosts(given(text)).hosts == (Host("a", 4), Host("b", 1), Host("c", 1, "t4"))


def test_kubernetes_nodes_that_take_no_work_are_left_out():
    found = read_hosts(given(samples.KUBERNETES))
    assert found.hosts == (Host("gpu-a.cluster", 4, "Tesla-T4"), Host("gpu-b.cluster", 8, "NVIDIA-H100-80GB-HBM3"))
    assert found.left_out == ("gpu-c.cluster", "control")


def test_more_hosts_than_a_cluster_may_have_are_refused():
    lines = "\n".join(f"h{k} slots=1" for k in range(MAX_NODES + 1))
    with pytest.raises(InputError, match=f"{MAX_NODES + 1} hosts, expected at most {MAX_NODES}"):
        read_hosts(given(lines))


def test_a_host_of_metis_may_stand_twice():
    assert len(listed_hosts(given("10.0.0.4 slots=4\n" * 8))) == 8


@pytest.mark.parametrize(
    ("product", "names"),
    [
        ("NVIDIA-A100-SXM4-80GB", ["A100-80"]),
        ("NVIDIA A100-SXM4-40GB", ["A100-40"]),
        ("A100-80", ["A100-80"]),
        ("a100", ["A100-40", "A100-80"]),
        ("NVIDIA-A100-PCIE-40GB", []),
        ("Tesla-V100-SXM2-16GB", ["V100-16"]),
        ("NVIDIA H100 80GB HBM3", ["H100"]),
        ("NVIDIA-H100-PCIe", ["H100-PCIe"]),
        ("h100", ["H100", "H100-PCIe"]),
        ("NVIDIA H200", ["H200"]),
        ("NVIDIA GH200 120GB", ["GH200"]),
        ("Tesla-T4", ["T4"]),
        ("NVIDIA-L4", ["L4"]),
        ("NVIDIA-L40S", []),
        ("NVIDIA GeForce RTX 2080 Ti", ["RTX-2080Ti"]),
        ("NVIDIA GeForce RTX 2080", ["RTX-2080"]),
        ("NVIDIA GeForce RTX 3090", ["RTX-3090"]),
        ("TITAN RTX", ["Titan-RTX"]),
        ("AMD Instinct MI300X", ["MI300X"]),
        ("A800", []),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", []),
        ("nvidia_a100_1g.10gb", []),
        ("", []),
    ],
)
def test_a_product_is_what_its_name_says_and_nothing_is_guessed(product, names):
    assert [each.name for each in candidates(product)] == names
