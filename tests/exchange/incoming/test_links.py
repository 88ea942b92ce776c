"""Gigabytes per second of link classes, and what is asked where GPUs are joined unequally."""

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.links import joined
from milp_amp.exchange.incoming.topology import read_topology
from milp_amp.roofline.catalogue import accelerator
from tests.exchange.incoming import samples
from tests.exchange.incoming.samples import given


def matrix(*rows):
    """Return the matrix of rows such as ``"X NV2"``."""
    names = [f"GPU{k}" for k in range(len(rows))]
    lines = ["\t" + "\t".join(names), *(f"{name}\t{row}" for name, row in zip(names, rows, strict=True))]
    return read_topology(given("\n".join(lines)))


def alike(kind, gpus):
    return matrix(*(" ".join("X" if i == j else kind for j in range(gpus)) for i in range(gpus)))


def test_network_cards_affinities_and_the_legend_are_no_gpus():
    topology = read_topology(given(samples.TOPOLOGY))
    assert topology.names == ("GPU0", "GPU1")
    assert topology.classes == (("X", "NV12"), ("NV12", "X"))


@pytest.mark.parametrize(
    ("kind", "device", "pair"),
    [
        ("NV12", "A100-80", 300),  # 12 × 25
        ("NV18", "H100", 450),  # 18 × 25
        ("NV6", "V100-16", 150),  # 6 × 25
        ("NV4", "RTX-3090", 56.25),  # 4 × 14.0625
        ("PIX", "T4", 16),
        ("PXB", "L4", 32),
        ("PHB", "H100-PCIe", 64),
        ("NODE", "A10G", 32),
        ("SYS", "T4", 10),
        ("SYS", "L4", 16),
        ("SYS", "H100-PCIe", 22),
        ("SOC", "T4", 10),
    ],
)
def test_a_class_carries_what_the_accelerators_generation_does(kind, device, pair):
    assert joined(alike(kind, 2), accelerator(device)).pair_GBps == pair


def test_behind_a_switch_a_gpu_sends_as_much_to_all_as_to_one():
    links = joined(alike("NV12", 8), accelerator("A100-80"))
    assert (links.pair_GBps, links.total_GBps) == (300, 300)


def test_without_a_switch_its_links_are_divided_among_the_others():
    links = joined(alike("NV4", 4), accelerator("A100-40"))
    assert (links.pair_GBps, links.total_GBps) == (100, 300)


def test_over_pcie_a_gpu_has_one_port():
    links = joined(alike("PIX", 4), accelerator("T4"))
    assert (links.pair_GBps, links.total_GBps) == (16, 16)


MESH = matrix("X NV2 NV1 SYS", "NV2 X SYS NV1", "NV1 SYS X NV2", "SYS NV1 NV2 X")


def test_unequal_links_are_named_and_asked_for():
    expected = r"GPU2-GPU3 is NV2 \(50 GB/s\) and GPU1-GPU2 is SYS \(10 GB/s\), expected .* --inside slowest"
    with pytest.raises(InputError, match=expected):
        joined(MESH, accelerator("V100-16"))


def test_the_slowest_of_unequal_links_counts_where_that_is_said():
    assert joined(MESH, accelerator("V100-16"), "slowest").pair_GBps == 10


def test_classes_of_equal_bandwidth_are_no_question():
    assert joined(matrix("X PIX NODE", "PIX X NODE", "NODE NODE X"), accelerator("T4")).pair_GBps == 16


def test_one_gpu_has_nobody_to_be_joined_with():
    assert joined(matrix("X"), accelerator("T4")).pair_GBps == accelerator("T4").link_GBps


@pytest.mark.parametrize(
    ("name", "links"),
    [("V100-16", 6), ("V100-32", 6), ("A100-40", 12), ("A100-80", 12), ("H100", 18), ("H200", 18), ("GH200", 18)],
)
def test_all_links_of_an_accelerator_carry_what_its_data_sheet_says(name, links):
    assert joined(alike(f"NV{links}", 2), accelerator(name)).pair_GBps == accelerator(name).link_GBps


def test_a_node_of_amd_has_no_such_matrix():
    with pytest.raises(InputError, match="MI300X"):
        joined(alike("PIX", 2), accelerator("MI300X"))
