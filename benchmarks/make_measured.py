"""Write measured trials, and the clusters they were measured on, from published figures.

    python -m benchmarks.make_measured FOLDER

``FOLDER`` holds ``amp/*_trials.csv``, ``sailor/*`` and ``vtrain/*_iteration_times.csv``. Run from the root of the
repository.
What is written is ``instances/*/trials/*.csv``, ``instances/sailor/gh200-128.json`` and ``rtx-mixed-48.json``, and for
vTrain's runs, which nobody profiled, ``instances/vtrain/*.json`` from the shape of a GPT and the data sheet of an A100.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.make_sailor import ELEMENT_BYTES, SEQUENCE, Published, compact, profile
from milp_amp.errors import InstanceError
from milp_amp.generate.document import document
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Recomputation, Workload
from milp_amp.roofline.instance import instance_of
from milp_amp.roofline.machines import read_machines

INSTANCES = Path("instances")
ZONE = "us-central1-a"
"""Where Sailor's files keep the curves of its own clusters."""

DEGREES = (1, 2, 4, 8)
CLUSTERS = {
    "gh200-128": ("clariden-GH200", {"GH-96": (32, 4)}),
    "rtx-mixed-48": ("MIT-mixed", {"RTX-3090": (1, 8), "RTX-2080": (3, 8), "Titan-RTX": (2, 8)}),
}
"""Sailor's clusters, and the nodes of every type with their devices."""

MEMORY_GIB = {"GH-96": 96, "RTX-3090": 24, "RTX-2080": 11, "Titan-RTX": 24}
VTRAIN: dict[str, tuple[str, Recomputation]] = {"a100-8": ("1x8xA100-80", "none"), "a100-512": ("64x8xA100-80", "full")}
"""Machines of vTrain's runs, and what is computed again. On many nodes stages of these models fit only without their
activations; on one they fit as they are."""

A100_NETWORK_GBPS = 200.0
"""Eight HDR cards of 200 Gb/s per node, as in NVIDIA's DGX A100."""

GPT = ModelShape(
    name="gpt",
    layers=24,
    hidden_size=1024,
    heads=16,
    key_value_heads=16,
    head_size=64,
    ffn_size=4096,
    gated=False,
    vocabulary=51_200,
    positions=1024,
    tied=True,
    biases=True,
)
"""A GPT whose vocabulary, GPT-2's rounded up, and whose ties the trials' models have too."""

VTRAIN_SOURCE = (
    "No profile was measured: layers are counted from the model's shape and timed by the data sheet of an A100 "
    "(milp_amp/roofline). The trials are vTrain's, MICRO 2024, repository VIA-Research/vTrain; each brings the "
    "sizes of its model. Gradients are reduced in half precision. Written by benchmarks/make_measured.py."
)

SHAPE = {"hidden_size": 1024, "heads": 16, "dropout": False}
"""OPT-350M. Of the attention's scores Sailor's layer sizes hold one tensor and no mask, so there were no dropouts."""

SOURCE = (
    "Model, layer times, sizes and bandwidth curves: Sailor, SOSP 2025, repository eth-easl/sailor (MIT licence), "
    "commit cf2c8e3: OPT-350M on the cluster of trials/{name}.csv. State (24 bytes per parameter) and reserve are "
    "Sailor's. Where no curve was measured between two types at a tensor degree, that of the fewest streams "
    "stands for it. Written by benchmarks/make_measured.py."
)


class Wide(Published):
    """Sailor's files at all tensor degrees."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        layers = json.loads((folder / "opt350_layers.json").read_bytes())["layers"]
        self.layers = {t: layers[str(t)] for t in DEGREES}

    def coefficients(self, source: tuple[str, int], target: tuple[str, int]) -> list[float]:
        """Return the curve between (device type, streams), or that of the fewest streams."""
        known = self.between[ZONE][source[0]]
        to = next(of[ZONE][target[0]] for t in (source[1], 1) if target[0] in (of := known[str(t)])[ZONE])
        return list(to.get(str(target[1]), next(iter(to.values())))[0])


def instance(published: Wide, name: str, nodes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Return a measured cluster as a document."""
    ends = [(device, t) for device in nodes for t in DEGREES if t <= nodes[device][1]]
    return {
        "schema_version": 1,
        "name": name,
        "source": SOURCE.format(name=name),
        "model": {"name": "opt-350M", "shape": SHAPE, "layers": _layers(published)},
        "cluster": {
            "device_types": {device: {"memory_GiB": MEMORY_GIB[device]} for device in nodes},
            "nodes": [
                {
                    "name": device.lower(),
                    "count": count,
                    "device": device,
                    "devices": devices,
                    "bandwidth_GBps": round(published.inside[device][str(devices)][1] / 1e9, 4),
                    "site": ZONE,
                }
                for device, (count, devices) in nodes.items()
            ],
            "switches": ["switch"],
            "links": [
                {"source": device.lower(), "target": "switch", "bandwidth_GBps": _peak(published, device, devices)}
                for device, (_, devices) in nodes.items()
            ],
            "curves": [
                {
                    **_end("source", *source),
                    **_end("target", *target),
                    "coefficients": published.coefficients(source, target),
                }
                for source, target in itertools.product(ends, ends)
            ],
        },
        "profile": profile(published, nodes, DEGREES),
        "workload": {
            "global_batch_size": 256,
            "sequence_length": SEQUENCE,
            "element_bytes": ELEMENT_BYTES,
            "gradient_bytes": ELEMENT_BYTES,
            "state_bytes": 24,
            "reserve_GiB": 3,
        },
    }


def _layers(published: Wide) -> list[dict[str, Any]]:
    """Return embedding, blocks and head with the sizes at every tensor degree."""
    last = len(published.layers[1]) - 1
    rows = []
    for kind, position, repeat in (("embedding", 0, 1), ("transformer", 2, last - 1), ("head", last, 1)):
        of = {t: published.layers[t][position] for t in DEGREES}
        sizes = [
            {
                "tensor_parallel": t,
                "parameters": of[t]["params_floats"],
                "stored_MB": round(ELEMENT_BYTES * of[t]["act_mem_floats"] / 1e6, 6),
            }
            for t in DEGREES
        ]
        counts = {"parameters": of[1]["params_floats"], "output_elements": of[1]["act_output_floats"]}
        rows.append({"name": kind, "kind": kind, "repeat": repeat, **counts, "measured": sizes})
    return rows


def _peak(published: Wide, device: str, devices: int) -> float:
    return round(published.between[ZONE][device][str(devices)][ZONE][device][str(devices)][1] / 1e9, 4)


def _end(end: str, device: str, streams: int) -> dict[str, Any]:
    return {f"{end}_site": ZONE, f"{end}_device": device, f"{end}_streams": streams}


def sailor_trials(folder: Path, cluster: str) -> pd.DataFrame:
    """Return the strategies of a cluster; a row that is marked as suspect in full is left out."""
    rows = pd.read_csv(folder / "opt350_measured.csv", keep_default_na=False)
    rows = rows[(rows["cluster"] == cluster) & ~rows["quality_flag"].str.startswith("SUSPECT: time")]
    placements = [json.loads(text) for text in rows["placement"]]
    trusted = ~rows["quality_flag"].str.contains("SUSPECT mem")
    return pd.DataFrame(
        {
            "tensor_parallel": rows["tp"],
            "data_parallel": [len(stages[0]) for stages in placements],
            "pipeline_parallel": rows["pp"],
            "microbatch_size": rows["mbs"],
            "global_batch_size": rows["gbs"],
            "partition_boundaries": [_boundaries(json.loads(text)) for text in rows["partition"]],
            "replica_types": [
                " | ".join(" ".join(group.split(":")[0] for group in stage) for stage in stages)
                for stages in placements
            ],
            "measured_s": rows["measured_iter_s"],
            "measured_memory_GB": (rows["measured_peak_mem_bytes"].astype(float) / 1e9).where(trusted),
        }
    )


def vtrain_trials(file: Path) -> pd.DataFrame:
    """Return the runs; stages hold equally many layers, the first one the embedding too, and the last one the head."""
    rows = pd.read_csv(file)
    stages = rows["pipeline parallelism"]
    return pd.DataFrame(
        {
            "tensor_parallel": rows["tensor parallelism"],
            "data_parallel": rows["data parallelism"],
            "pipeline_parallel": stages,
            "microbatch_size": rows["micro batch"],
            "global_batch_size": rows["global batch"],
            "partition_boundaries": [
                _boundaries(_even(layers, p)) for layers, p in zip(rows["# layers"], stages, strict=True)
            ],
            "hidden_size": rows["hidden size"],
            "heads": rows["attention heads"],
            "layers": rows["# layers"],
            "sequence_length": rows["sequence length"],
            "measured_s": (rows["iteration time (ms)"] / 1e3).round(9),
        }
    )


def vtrain_instance(name: str, machines: str, recomputation: Recomputation) -> Instance:
    """Return what vTrain's runs are compared to; every trial brings its own sizes of the model."""
    workload = Workload(
        global_batch_size=16,
        sequence_length=GPT.positions,
        gradient_bytes=2,
        recomputation=recomputation,
        reserve_GiB=2,
    )
    return instance_of(
        GPT, read_machines(machines), workload, name=name, source=VTRAIN_SOURCE, network_GBps=A100_NETWORK_GBPS
    )


def _even(layers: int, stages: int) -> list[int]:
    """Return layers per stage: as equal as can be, embedding and head included at the ends."""
    counts = [layers // stages + (s < layers % stages) for s in range(stages)]
    counts[0] += 1
    counts[-1] += 1
    return counts


def _boundaries(counts: list[int]) -> str:
    return " ".join(map(str, itertools.accumulate(counts, initial=0)))


def main(folder: Path) -> None:
    """Write everything, validated."""
    tables = {
        "amp/trials/homogeneous": pd.read_csv(folder / "amp" / "homogeneous_trials.csv"),
        "amp/trials/heterogeneous-cluster": pd.read_csv(folder / "amp" / "het_cluster_trials.csv"),
        "vtrain/trials/single-node": vtrain_trials(folder / "vtrain" / "single_node_iteration_times.csv"),
        "vtrain/trials/multi-node": vtrain_trials(folder / "vtrain" / "multi_node_iteration_times.csv"),
    }
    published = Wide(folder / "sailor")
    for name, (cluster, nodes) in CLUSTERS.items():
        tables[f"sailor/trials/{name}"] = sailor_trials(folder / "sailor", cluster)
        text = (compact(instance(published, name, nodes)) + "\n").encode()
        decode_json(text, Instance, InstanceError, where=name)
        write_atomically(INSTANCES / "sailor" / f"{name}.json", text)
    for name, (machines, recomputation) in VTRAIN.items():
        write_atomically(
            INSTANCES / "vtrain" / f"{name}.json", document(vtrain_instance(name, machines, recomputation))
        )
    for name, table in tables.items():
        target = INSTANCES / f"{name}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, table.to_csv(index=False).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
