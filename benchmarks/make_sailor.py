"""Write ``instances/sailor/*.json`` from Sailor's published figures: OPT-350M on A100s and V100s in one to five zones.

    python benchmarks/make_sailor.py FOLDER

``FOLDER`` holds ``opt350_layers.json``, ``opt350_profiles.json`` and ``network.json``. Run from the root of the
repository.
"""

import itertools
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from milp_amp.errors import InstanceError
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.instance import Instance

TARGET = Path("instances/sailor")
DEVICES_PER_NODE = 4
TENSOR_DEGREES = (1, 2, 4)
"""Those that fit into a node; they are also the streams of the bandwidth curves."""

NODES = {"A100-40": "a100", "V100-16": "v100"}
"""Device types, and what their nodes are called."""

MEMORY_GIB = {"A100-40": 40, "V100-16": 16}
PRICE_PER_HOUR = {"A100-40": 3.673385, "V100-16": 2.859998}
"""Dollars on Google Cloud in us-central1: an a2-highgpu-1g, and an n1-standard-8 with one V100."""

PRICE_PER_GB = 0.01
"""Dollars between two zones of a region on Google Cloud; taken for all zones here."""

BATCH, SEQUENCE = 1024, 2048
ELEMENT_BYTES = 4
ZONES = ("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f", "us-west1-b")
SOURCE = (
    "Model, layer times, sizes and bandwidth curves: Sailor, SOSP 2025, repository eth-easl/sailor (MIT licence), "
    "commit cf2c8e3: OPT-350M, a batch of 1024 sequences. Parameters and stored activations at tensor degrees 2, 4 are "
    "measured, not divided. Prices: Google Cloud, us-central1 (an a2-highgpu-1g for an A100, an n1-standard-8 with one "
    "V100; 0.01 $/GB between zones). The 24 bytes of state per parameter and the reserve are Sailor's. For cost "
    "models that know no curves, links have the peak of the curve between whole nodes, and activations are split into "
    "a whole and a divided part by their sizes at tensor degrees 1 and 4."
)


@dataclass(frozen=True)
class Setting:
    """One instance: devices of each type in every zone, and what is asked for."""

    devices: dict[str, int]
    zones: tuple[str, ...] = ZONES[:1]
    objective: dict[str, Any] = field(default_factory=dict)


SETTINGS = {
    **{f"a100-{a}": Setting({"A100-40": a}) for a in (32, 80, 128)},
    **{f"a100-v100-{a}-{3 * a}": Setting({"A100-40": a, "V100-16": 3 * a}) for a in (32, 80, 128)},
    **{f"geo-5x{a}": Setting({"A100-40": a}, ZONES) for a in (32, 80, 128)},
    "min-price": Setting(
        {"A100-40": 128, "V100-16": 128}, ZONES[:2], {"minimise": "price", "least_steps_per_second": 0.2}
    ),
    "max-throughput": Setting({"A100-40": 128, "V100-16": 128}, ZONES[:2], {"most_price_per_step": 1.2}),
}


class Published:
    """Sailor's files."""

    def __init__(self, folder: Path) -> None:
        layers, profiles, network = (
            json.loads((folder / name).read_bytes())
            for name in ("opt350_layers.json", "opt350_profiles.json", "network.json")
        )
        self.layers = {t: layers["layers"][str(t)] for t in TENSOR_DEGREES}
        self.profile = profiles["profile"]
        self.inside = network["intra"]
        self.between = network["inter"]

    def curve(self, source: tuple[str, str, int], target: tuple[str, str, int]) -> list[Any]:
        """Return coefficients and peak between (zone, device type, streams)."""
        node: Any = self.between
        for zone, device, streams in (source, target):
            node = node[zone][device][str(streams)]
        return list(node)

    def peak_GBps(self, source: tuple[str, str], target: tuple[str, str]) -> float:
        """Return the peak between whole nodes of (zone, device type)."""
        return round(float(self.curve((*source, DEVICES_PER_NODE), (*target, DEVICES_PER_NODE))[1]) / 1e9, 4)


def model(published: Published) -> dict[str, Any]:
    """Return the chain: embedding, blocks, head; equal neighbours are written once."""
    chain = [_sizes(published, position) for position in range(len(published.layers[1]))]
    layers: list[dict[str, Any]] = []
    for position, sizes in enumerate(chain):
        kind = {0: "embedding", len(chain) - 1: "head"}.get(position, "transformer")
        if layers and layers[-1]["kind"] == kind and {**layers[-1], "repeat": 1} == {**sizes, **_named(kind)}:
            layers[-1]["repeat"] += 1
        else:
            layers.append({**_named(kind), **sizes})
    return {"name": "opt-350M", "layers": layers}


def _named(kind: str) -> dict[str, Any]:
    return {"name": kind, "kind": kind, "repeat": 1}


def _sizes(published: Published, position: int) -> dict[str, Any]:
    of = {t: published.layers[t][position] for t in TENSOR_DEGREES}
    stored = {t: ELEMENT_BYTES * of[t]["act_mem_floats"] / 1e6 for t in TENSOR_DEGREES}
    divided = max(0.0, (stored[1] - stored[4]) / (1 - 1 / 4))
    return {
        "parameters": of[1]["params_floats"],
        "output_elements": of[1]["act_output_floats"],
        "activation_MB": round(stored[1] - divided, 6),
        "activation_sharded_MB": round(divided, 6),
        "measured": [
            {"tensor_parallel": t, "parameters": of[t]["params_floats"], "stored_MB": round(stored[t], 6)}
            for t in TENSOR_DEGREES
        ],
    }


def profile(
    published: Published, devices: Iterable[str], tensor_degrees: tuple[int, ...] = TENSOR_DEGREES
) -> list[dict[str, Any]]:
    """Return everything that was measured of some device types."""
    return [
        {"device": device, "tensor_parallel": t, "microbatch_size": int(b)}
        | {
            key: [round(1e3 * times[part], 6) for times in layers]
            for part, key in enumerate(("forward_ms", "backward_ms", "update_ms"))
        }
        for device in devices
        for t in tensor_degrees
        for b, layers in published.profile[device][str(t)].items()
    ]


def cluster(published: Published, setting: Setting) -> dict[str, Any]:
    """Return nodes in their zones, a switch for each zone, links between the zones, and all curves among them."""
    places = list(itertools.product(setting.zones, setting.devices))
    ends = [(zone, device, streams) for zone, device in places for streams in TENSOR_DEGREES]
    return {
        "device_types": {
            device: {"memory_GiB": MEMORY_GIB[device], "price_per_hour": PRICE_PER_HOUR[device]}
            for device in setting.devices
        },
        "nodes": [
            {
                "name": f"{NODES[device]}-{zone}",
                "count": setting.devices[device] // DEVICES_PER_NODE,
                "device": device,
                "devices": DEVICES_PER_NODE,
                "bandwidth_GBps": round(published.inside[device][str(DEVICES_PER_NODE)][1] / 1e9, 4),
                "site": zone,
            }
            for zone, device in places
        ],
        "switches": list(setting.zones),
        "links": [*_inside_zones(published, places), *_between_zones(published, setting)],
        "curves": [
            {
                **_end("source", source),
                **_end("target", target),
                "coefficients": published.curve(source, target)[0],
            }
            for source, target in itertools.product(ends, ends)
        ],
    }


def _inside_zones(published: Published, places: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "source": f"{NODES[device]}-{zone}",
            "target": zone,
            "bandwidth_GBps": published.peak_GBps((zone, device), (zone, device)),
        }
        for zone, device in places
    ]


def _between_zones(published: Published, setting: Setting) -> list[dict[str, Any]]:
    device = next(iter(setting.devices))
    return [
        {
            "source": here,
            "target": there,
            "bandwidth_GBps": min(
                published.peak_GBps((here, device), (there, device)),
                published.peak_GBps((there, device), (here, device)),
            ),
            "price_per_GB": PRICE_PER_GB,
        }
        for here, there in itertools.combinations(setting.zones, 2)
    ]


def _end(end: str, place: tuple[str, str, int]) -> dict[str, Any]:
    return dict(zip((f"{end}_site", f"{end}_device", f"{end}_streams"), place, strict=True))


def instance(published: Published, name: str, setting: Setting) -> dict[str, Any]:
    """Return the whole instance as a document."""
    return {
        "schema_version": 1,
        "name": name,
        "source": f"{SOURCE} Written by benchmarks/make_sailor.py.",
        "model": model(published),
        "cluster": cluster(published, setting),
        "profile": profile(published, setting.devices),
        "workload": {
            "global_batch_size": BATCH,
            "sequence_length": SEQUENCE,
            "element_bytes": ELEMENT_BYTES,
            "gradient_bytes": ELEMENT_BYTES,
            "state_bytes": 24,
            "reserve_GiB": 3,
        },
        **({"objective": setting.objective} if setting.objective else {}),
    }


def compact(value: Any, indent: str = "") -> str:
    """Return JSON with objects and lists on one line each where they hold nothing but short values."""
    line = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict | list) and any(isinstance(part, dict | list) for part in _parts(value))
    if not nested or len(line) < 120:
        return line
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {compact(part, indent + ' ')}" for key, part in value.items()]
        opening, closing = "{}"
    else:
        rows = [compact(part, indent + " ") for part in value]
        opening, closing = "[]"
    inner = f",\n{indent} ".join(rows)
    return f"{opening}\n{indent} {inner}\n{indent}{closing}"


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    if isinstance(value, dict):
        # A curve's three coefficients are short enough to stand on the line of their curve.
        return [part for key, part in value.items() if key != "coefficients"]
    return value


def main(folder: str) -> None:
    """Write every setting, validated."""
    published = Published(Path(folder))
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, setting in SETTINGS.items():
        text = (compact(instance(published, name, setting)) + "\n").encode()
        decode_json(text, Instance, InstanceError, where=name)
        write_atomically(TARGET / f"{name}.json", text)


if __name__ == "__main__":
    main(sys.argv[1])
