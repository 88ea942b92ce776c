"""Malformed files, each with the command that reads it and what the complaint must name.

``{}`` in a command stands for the place of the malformed file; other words that begin with ``@`` are samples.
"""

import copy
from typing import Any

from tests.exchange.incoming import samples

SAMPLES: dict[str, Any] = {
    "config.json": samples.CONFIG,
    "topo.txt": samples.TOPOLOGY,
    "hosts": samples.HOSTFILE,
    "clusterfile.json": samples.METIS_CLUSTER,
    "hostfile": samples.METIS_HOSTS,
    "sizes.json": samples.SAILOR_SIZES,
    "profile.json": samples.SAILOR_PROFILE,
    "intra.json": samples.SAILOR_INTRA,
    "inter.json": samples.SAILOR_INTER,
    "computation.json": samples.GALVATRON_TIMES,
    "allreduce.json": samples.GALVATRON_ALLREDUCE,
    "p2p.json": samples.GALVATRON_P2P,
    "profiles/DeviceType.A100_tp1_bs1.json": samples.metis_profile(1, 1),
    "profiles/DeviceType.A100_tp2_bs1.json": samples.metis_profile(2, 1),
}
"""What stands in the folder of a command, by its place."""

CONFIG = "huggingface {} --devices 2xT4"
TOPOLOGY = "huggingface @config.json --devices A100-80 --topology {}"
NCCL = "huggingface @config.json --devices 2x2xA100-80 --bandwidth {}"
HOSTS = "huggingface @config.json --hosts {}"
STEP = "--batch 8 --sequence 128"
METIS_OPTIONS = f"{STEP} --hidden-size 64 --parameter-bytes 4"
METIS_CLUSTER = f"metis @profiles --clusterfile {{}} --hostfile @hostfile {METIS_OPTIONS}"
METIS_HOSTS = f"metis @profiles --clusterfile @clusterfile.json --hostfile {{}} {METIS_OPTIONS}"
ZONES = "--devices zone-a:2x2xA100-40,zone-b:1x2xA100-40"
SAILOR = f"sailor --profile A100-40={{}} --sizes @sizes.json --intra @intra.json --inter @inter.json {ZONES} {STEP}"
SAILOR_INTER = (
    f"sailor --profile A100-40=@profile.json --sizes @sizes.json --intra @intra.json --inter {{}} {ZONES} {STEP}"
)
GALVATRON_OPTIONS = "--config @config.json --devices 2x2xA100-80 --batch 8 --sequence 1024"
GALVATRON = f"galvatron {{}} --allreduce @allreduce.json {GALVATRON_OPTIONS}"
GALVATRON_LINKS = f"galvatron @computation.json --allreduce {{}} {GALVATRON_OPTIONS}"
PIPER = "piper {} --batch 8 --parameter-bytes 4 --variant vanilla"
PARTITIONING = "piper {} --batch 8 --parameter-bytes 4 --time-unit ms"


def having(document: Any, value: Any, *path: Any) -> Any:
    """Return a document with another value at a place."""
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def _edges(document: Any, *edges: tuple[int, int]) -> Any:
    return having(document, [{"sourceId": a, "destId": b, "communicationCost": 1.0} for a, b in edges], "edges")


CASES: dict[str, tuple[str, Any, str]] = {
    "config-empty": (CONFIG, "", "truncated"),
    "config-not-json": (CONFIG, "layers: 4", "JSON"),
    "config-list": (CONFIG, [], "object"),
    "config-deep": (CONFIG, '{"a":' * 100_000, "nested too deeply"),
    "config-utf-16": (CONFIG, '{"a": 1}'.encode("utf-16"), "JSON"),
    "config-no-layers": (CONFIG, {**samples.CONFIG, "num_hidden_layers": None}, "num_hidden_layers"),
    "config-huge-number": (CONFIG, '{"hidden_size": 1' + "0" * 5000 + "}", "out of range"),
    "config-latent-attention": (CONFIG, {**samples.CONFIG, "kv_lora_rank": 512}, "kv_lora_rank"),
    "topology-empty": (TOPOLOGY, "", "GPU0"),
    "topology-legend-alone": (TOPOLOGY, "Legend:\n  X    = Self\n", "GPU0"),
    "topology-unequal": (
        TOPOLOGY,
        "\tGPU0\tGPU1\tGPU2\nGPU0\tX\tNV12\tSYS\nGPU1\tNV12\tX\tSYS\nGPU2\tSYS\tSYS\tX\n",
        "GPU0-GPU1 is NV12 (300 GB/s) and GPU1-GPU2 is SYS (16 GB/s)",
    ),
    "topology-one-way": (TOPOLOGY, "\tGPU0\tGPU1\nGPU0\tX\tNV12\nGPU1\tNV6\tX\n", "NV12 one way and NV6 the other"),
    "topology-unknown-class": (TOPOLOGY, "\tGPU0\tGPU1\nGPU0\tX\tWIRE\nGPU1\tWIRE\tX\n", "'WIRE'"),
    "topology-short-row": (TOPOLOGY, "\tGPU0\tGPU1\nGPU0\tX\tNV12\nGPU1\tNV12\n", "GPU1: 1 cells"),
    "topology-too-many-links": (TOPOLOGY, samples.TOPOLOGY.replace("NV12", "NV18"), "at most 12 NVLinks"),
    "nccl-empty": (NCCL, "", "no row"),
    "nccl-no-hosts": (NCCL, "1000 250 float sum -1 10.0 0.1 0.1 0 10.0 0.1 0.1 0\n", "inside=FILE or network=FILE"),
    "nccl-negative": (
        NCCL,
        samples.NCCL.replace("   10.00   10.00       0    100.0", "   10.00   -10       0    1"),
        "'-10'",
    ),
    "nccl-not-a-number": (NCCL, samples.NCCL.replace("133.3", "nan"), "time 'nan'"),
    "nccl-one-device": (
        NCCL,
        "# Rank 0 Group 0 Pid 1 on a device 0 [0] T4\n8 2 float sum -1 9 0 0 0 9 0 0 0\n",
        "busbw of 0",
    ),
    "nccl-other-devices": (NCCL, samples.NCCL.replace("A100-SXM4-80GB", "H200"), "'NVIDIA H200'"),
    "nccl-json-in-place-alone": (NCCL, having(samples.NCCL_JSON, None, "results", 1, "out_of_place"), "results[1]"),
    "hosts-empty": (HOSTS, "# nothing\n", "no host"),
    "hosts-without-type": (HOSTS, samples.HOSTFILE, "--devices"),
    "hosts-twice": (f"{HOSTS} --devices T4", "a slots=2\na slots=2\n", "'a' stands twice"),
    "hosts-no-slots": (f"{HOSTS} --devices T4", "a\n", "number of devices"),
    "hosts-bad-slots": (f"{HOSTS} --devices T4", "a slots=many\n", "line 1: 'many'"),
    "hosts-unknown-word": (f"{HOSTS} --devices T4", "a slots=2 color=red\n", "'color=red'"),
    "hosts-fewer-than-devices": (f"{HOSTS} --devices 4x2xT4", samples.HOSTFILE, "the 4 nodes of --devices"),
    "hosts-other-slots": (f"{HOSTS} --devices 2x4xT4", samples.HOSTFILE, "2 devices, expected the 4"),
    "hosts-one-name": (f"{HOSTS} --devices T4", "a.b slots=1\na-b slots=1\n", "'a-b'"),
    "hosts-binary": (HOSTS, b"\xff\xfe\x00", "UTF-8"),
    "slurm-without-gpus": (HOSTS, "NodeName=a State=IDLE Gres=(null)\n", "no host with accelerators"),
    "slurm-ambiguous": (HOSTS, "NodeName=a Gres=gpu:a100:8 State=IDLE\n", "A100-40 or A100-80"),
    "slurm-two-kinds": (HOSTS, "NodeName=a Gres=gpu:t4:1,gpu:l4:1 State=IDLE\n", "one kind"),
    "kubernetes-no-items": (HOSTS, {"kind": "List"}, "items"),
    "kubernetes-no-label": (HOSTS, having(samples.KUBERNETES, {}, "items", 0, "metadata", "labels"), "gpu-a.cluster"),
    "kubernetes-shared": (
        HOSTS,
        having(samples.KUBERNETES, {"nvidia.com/gpu.replicas": "4"}, "items", 0, "metadata", "labels"),
        "not shared",
    ),
    "kubernetes-bad-count": (
        HOSTS,
        having(samples.KUBERNETES, {"nvidia.com/gpu": "-4"}, "items", 0, "status", "capacity"),
        "'-4'",
    ),
    "metis-missing-host": (METIS_CLUSTER, {"10.0.0.1": samples.METIS_CLUSTER["10.0.0.1"]}, "'10.0.0.2' is missing"),
    "metis-no-profile": (METIS_CLUSTER, having(samples.METIS_CLUSTER, "P100", "10.0.0.1", "instance_type"), "'P100'"),
    "metis-bytes-per-second": (
        METIS_CLUSTER,
        having(samples.METIS_CLUSTER, 312500000.0, "10.0.0.1", "inter_bandwidth"),
        "MiB/ms or bytes/s",
    ),
    "metis-two-memories": (METIS_CLUSTER, having(samples.METIS_CLUSTER, 40, "10.0.0.2", "memory"), "80 and 40 GiB"),
    "metis-no-memory": (METIS_CLUSTER, having(samples.METIS_CLUSTER, 0, "10.0.0.1", "memory"), "memory"),
    "metis-hosts-without-slots": (METIS_HOSTS, "10.0.0.1\n", "number of devices"),
    "metis-hosts-empty": (METIS_HOSTS, "", "no host"),
    "sailor-other-layers": (SAILOR, {"1": {"1": {"0": [1, 1, 1]}}}, "1 layers, expected 3"),
    "sailor-two-numbers": (SAILOR, having(samples.SAILOR_PROFILE, [0.1, 0.2], "1", "1", "0"), "length"),
    "sailor-negative": (SAILOR, having(samples.SAILOR_PROFILE, [-1, 0, 0], "1", "1", "0"), ">= 0"),
    "sailor-layer-names": (SAILOR, {"1": {"1": {"first": [0, 0, 0]}}}, "int"),
    "sailor-no-curves": (SAILOR_INTER, {}, "no curve"),
    "galvatron-other-length": (GALVATRON, {"layernum[2]_bsz1_seq2048": 1.0}, "seq1024"),
    "galvatron-one-number-of-layers": (GALVATRON, {"layernum[2]_bsz1_seq1024": 1.0}, "layernum 2 alone"),
    "galvatron-shrinking": (
        GALVATRON,
        {"layernum[2]_bsz1_seq1024": 2.0, "layernum[4]_bsz1_seq1024": 1.0},
        "take no longer",
    ),
    "galvatron-no-group": (GALVATRON_LINKS, {"allreduce_size_4_consec_1": 20.0}, "allreduce_size_2_consec_1"),
    "galvatron-text": (GALVATRON_LINKS, {"allreduce_size_4_consec_1": "fast"}, "float"),
    "piper-branch": (PIPER, _edges(samples.PIPER, (7, 3), (7, 5)), "node 7 branches to nodes 3 and 5"),
    "piper-join": (PIPER, _edges(samples.PIPER, (7, 5), (3, 5)), "node 5 joins nodes 7 and 3"),
    "piper-two-chains": (PIPER, _edges(samples.PIPER, (7, 3)), "nodes 7 and 5 begin chains"),
    "piper-circle": (PIPER, _edges(samples.PIPER, (7, 3), (3, 5), (5, 7)), "circle"),
    "piper-missing-node": (PIPER, _edges(samples.PIPER, (7, 3), (3, 9)), "node 9, which is missing"),
    "piper-twice": (PIPER, having(samples.PIPER, 7, "nodes", 1, "id"), "node 7 stands twice"),
    "piper-no-nodes": (PIPER, having(samples.PIPER, [], "nodes"), "0 layers"),
    "piper-variants": (PIPER.replace(" --variant vanilla", ""), samples.PIPER, "--variant"),
    "partitioning-no-unit": (PIPER, samples.PARTITIONING, "--time-unit"),
    "partitioning-lone-backward": (
        PARTITIONING,
        having(samples.PARTITIONING, 99, "nodes", 1, "colorClass"),
        "backward node 11",
    ),
}
