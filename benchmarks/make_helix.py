"""Write ``instances/helix/*.json`` from Helix's published figures.

    python -m benchmarks.make_helix FOLDER

``FOLDER`` holds ``single70b_24.json`` and the others. Run from the root of the repository.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.make_sailor import compact
from milp_amp.errors import InstanceError
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.serving import ServingInstance

TARGET = Path("instances/helix")
NAMES = {
    "single-70b-24": "single70b_24",
    "high-heterogeneity-70b-42": "hh70b_42",
    "cluster10-30b": "abl_cluster10",
    "a100-30b-4": "single30b_a100",
    "l4-30b-8": "single30b_l4",
    "t4-30b-12": "single30b_t4",
}
MODELS = {80: "LLaMA 70B", 60: "LLaMA 30B"}
MEMORY_GIB = {"A100": 40, "V100": 16, "L4": 24, "T4": 16}
LATENCY_US = 500.0
"""From a machine to the switch: a millisecond between two machines of a site."""

SOURCE = (
    "Tokens per second by layers held, seconds per layer, cache sizes, links, lengths: Helix, ASPLOS 2025, repository "
    "Thesys-lab/Helix-ASPLOS25, {name}. Machines are numbered by type, in Helix's order. Every two machines exchange "
    "{bandwidth:g} GB/s, and the coordinator as much with each. Written by benchmarks/make_helix.py."
)


def instance(published: dict[str, Any], name: str, file: str) -> dict[str, Any]:
    """Return an instance as a document."""
    activation = published["activation_bytes_per_token"]
    (tokens,) = {tokens for *_, tokens in published["link_tokens_per_s"]}
    (entry,) = set(published["source_nodes"].values())
    bandwidth = round(tokens * activation / 1e9, 6)
    types = Counter(published["node_type"])
    found = {
        "schema_version": 1,
        "question": "serving",
        "name": name,
        "source": SOURCE.format(name=file, bandwidth=bandwidth),
        "model": {
            "name": MODELS[published["num_layers"]],
            "num_layers": published["num_layers"],
            "activation_bytes": activation,
            "token_bytes": published["token_bytes"],
        },
        "cluster": {
            "device_types": {chip: {"memory_GiB": MEMORY_GIB[chip]} for chip in dict.fromkeys(map(_chip, types))},
            "nodes": [
                {
                    "name": kind,
                    "count": count,
                    "device": _chip(kind),
                    "devices": _chips(kind),
                    "bandwidth_GBps": bandwidth,
                }
                for kind, count in types.items()
            ],
            "switches": ["switch"],
            "links": [
                {"source": kind, "target": "switch", "bandwidth_GBps": bandwidth, "latency_us": LATENCY_US}
                for kind in types
            ],
            "contention": "slowest_pair",
        },
        "performance": {kind: _performance(published, kind) for kind in types},
        "coordinator_GBps": entry * published["token_bytes"] / 1e9,
    }
    if "mean_prompt_tokens" in published:
        found["requests"] = {key: published[key] for key in ("mean_prompt_tokens", "mean_output_tokens")}
    return found


def _chip(kind: str) -> str:
    return kind.partition("x")[0]


def _chips(kind: str) -> int:
    return int(kind.partition("x")[2] or 1)


def _performance(published: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"tokens_per_s": _by_layers(published["throughput_tokens_per_s"][kind])}
    for key, name in (("prompt_ms", "prompt_layer_seconds_by_tokens"), ("decode_ms", "decode_layer_seconds_by_batch")):
        if name in published:
            found[key] = [[size, round(1e3 * seconds, 6)] for size, seconds in published[name][kind]]
    if "kv_token_layers_by_layers_held" in published:
        found["kv_token_layers"] = _by_layers(published["kv_token_layers_by_layers_held"][kind])
    return found


def _by_layers(table: dict[str, float]) -> list[float]:
    """Return values by the number of layers, from one on; none may be missing."""
    return [table[str(k)] for k in range(1, len(table) + 1)]


def main(folder: Path) -> None:
    """Write all of them, validated."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, file in NAMES.items():
        text = (compact(instance(json.loads((folder / f"{file}.json").read_bytes()), name, file)) + "\n").encode()
        decode_json(text, ServingInstance, InstanceError, where=name)
        write_atomically(TARGET / f"{name}.json", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
