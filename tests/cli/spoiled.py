"""Malformed and contradictory documents and options, each with what the complaint must name."""

import json
from typing import Any

from tests.cli.worlds import TINY, tiny, tiny_plan

BAD_INPUT = 20
NO_ANSWER = 11


def without(document: dict[str, Any], *path: Any) -> dict[str, Any]:
    """Return the document without one key."""
    del at(document, path[:-1])[path[-1]]
    return document


def having(document: dict[str, Any], value: Any, *path: Any) -> dict[str, Any]:
    """Return the document with one value replaced or added."""
    at(document, path[:-1])[path[-1]] = value
    return document


def at(document: Any, path: Any) -> Any:
    for key in path:
        document = document[key]
    return document


def nested(depth: int) -> bytes:
    return b'{"schema_version": 1, "source": ' + b"[" * depth + b"]" * depth + b"}"


def spelled(number: str) -> bytes:
    """Write a number that Python's JSON would not write."""
    return json.dumps(having(tiny(), "@", *BANDWIDTH)).replace('"@"', number).encode()


def with_curve(**fields: Any) -> dict[str, Any]:
    """Return the document with a good bandwidth curve and one that differs from it."""
    good = {"source_device": "fast", "target_device": "slow", "coefficients": [0, 0, 1]}
    return having(tiny(), [good, {**good, **fields}], "cluster", "curves")


BANDWIDTH = ("cluster", "links", 0, "bandwidth_GBps")

DOCUMENTS: dict[str, tuple[Any, str]] = {
    "missing-key": (without(tiny(), "workload", "global_batch_size"), "global_batch_size"),
    "missing-section": (without(tiny(), "profile"), "profile"),
    "extra-key": (having(tiny(), 1, "workload", "batch"), "batch"),
    "wrong-schema-version": (having(tiny(), 2, "schema_version"), "schema_version"),
    "negative-bandwidth": (having(tiny(), -1, *BANDWIDTH), "links"),
    "zero-bandwidth": (having(tiny(), 0, *BANDWIDTH), "bandwidth_GBps"),
    "bandwidth-beyond-counting": (having(tiny(), 1e17, *BANDWIDTH), "bandwidth_GBps"),
    "nan": (spelled("NaN"), "JSON"),
    "infinity": (spelled("Infinity"), "JSON"),
    "huge-number": (spelled("1e400"), "range"),
    "huge-integer": (having(tiny(), 10**40, "workload", "global_batch_size"), "global_batch_size"),
    "string-for-number": (having(tiny(), "1", *BANDWIDTH), "bandwidth_GBps"),
    "boolean-for-number": (having(tiny(), True, *BANDWIDTH), "bandwidth_GBps"),
    "boolean-for-count": (having(tiny(), True, "workload", "global_batch_size"), "global_batch_size"),
    "fraction-for-count": (having(tiny(), 7.5, "workload", "global_batch_size"), "global_batch_size"),
    "null-for-number": (having(tiny(), None, "workload", "sequence_length"), "sequence_length"),
    "zero-batch": (having(tiny(), 0, "workload", "global_batch_size"), "global_batch_size"),
    "unknown-schedule": (having(tiny(), "interleaved", "workload", "schedule"), "schedule"),
    "unknown-recomputation": (having(tiny(), "some", "workload", "recomputation"), "workload.recomputation"),
    "zero-stage-beyond-three": (having(tiny(), 4, "workload", "zero_stage"), "workload.zero_stage"),
    "zero-stage-of-a-distributed-optimizer": (
        having(having(tiny(), "distributed", "workload", "optimizer"), 1, "workload", "zero_stage"),
        "workload.zero_stage",
    ),
    "more-state-divided-than-kept": (
        having(having(tiny(), 8, "workload", "state_bytes"), 1, "workload", "zero_stage"),
        "workload.sharded_state_bytes",
    ),
    "no-heads": (having(tiny(), {"hidden_size": 64, "heads": 0}, "model", "shape"), "model.shape.heads"),
    "unknown-restriction": (having(tiny(), {"depth": 4}, "restrictions"), "depth"),
    "restricted-to-zero": (having(tiny(), {"tensor_parallel": {"at_most": 0}}, "restrictions"), "at_most"),
    "restricted-to-a-missing-node": (having(tiny(), {"idle_nodes": ["f.1"]}, "restrictions"), "'f.1' is unknown"),
    "pin-of-a-missing-layer": (
        having(tiny(), {"layer_pins": [{"layers": [0, 5], "stage": 0}]}, "restrictions"),
        "restrictions.layer_pins[0].layers: [0, 5]",
    ),
    "no-layers": (having(tiny(), [], "model", "layers"), "layers"),
    "layer-repeated-zero-times": (having(tiny(), 0, "model", "layers", 0, "repeat"), "repeat"),
    "layer-repeated-without-end": (having(tiny(), 10**9, "model", "layers", 0, "repeat"), "layers"),
    "negative-parameters": (having(tiny(), -1, "model", "layers", 0, "parameters"), "parameters"),
    "no-nodes": (having(tiny(), [], "cluster", "nodes"), "nodes"),
    "no-devices": (having(tiny(), 0, "cluster", "nodes", 0, "devices"), "devices"),
    "more-devices-than-exist": (having(tiny(), 10**9, "cluster", "nodes", 0, "devices"), "devices"),
    "more-nodes-than-exist": (having(tiny(), 10**9, "cluster", "nodes", 0, "count"), "nodes"),
    "unknown-device-type": (having(tiny(), "fats", "cluster", "nodes", 0, "device"), "fats"),
    "unknown-link-end": (having(tiny(), "g", "cluster", "links", 0, "source"), "links[0].source"),
    "node-name-twice": (having(tiny(), "f", "cluster", "nodes", 1, "name"), "'f'"),
    "node-name-of-a-switch": (having(tiny(), "switch", "cluster", "nodes", 1, "name"), "'switch'"),
    "node-name-with-a-slash": (having(tiny(), "f/0", "cluster", "nodes", 0, "name"), "name"),
    "node-name-with-a-newline": (having(tiny(), "f\n", "cluster", "nodes", 0, "name"), "name"),
    "instance-name-of-two-lines": (having(tiny(), "a\nb", "name"), "name"),
    "disconnected": (having(tiny(), [], "cluster", "links"), "cluster.links"),
    "reachable-one-way-only": (having(tiny(), True, "cluster", "links", 0, "one_way"), "cluster.links"),
    "no-card": (having(tiny(), 0, "cluster", "nodes", 0, "nic_GBps"), "nic_GBps"),
    "word-for-forwarding": (having(tiny(), "yes", "cluster", "hosts_forward"), "hosts_forward"),
    "unknown-all-reduce": (having(tiny(), "tree", "workload", "all_reduce"), "all_reduce"),
    "negative-latency": (having(tiny(), -1, "cluster", "links", 0, "latency_us"), "latency_us"),
    "unknown-contention": (having(tiny(), "none", "cluster", "contention"), "contention"),
    "links-beyond-counting": (
        having(tiny(), [{**tiny()["cluster"]["links"][0], "bandwidth_GBps": 1e6}] * 20_000, "cluster", "links"),
        "cluster.links",
    ),
    "no-memory": (having(tiny(), 0, "cluster", "device_types", "fast", "memory_GiB"), "memory_GiB"),
    "negative-price-of-a-device": (
        having(tiny(), -1, "cluster", "device_types", "fast", "price_per_hour"),
        "price_per_hour",
    ),
    "negative-price-of-a-link": (having(tiny(), -1, "cluster", "links", 0, "price_per_GB"), "price_per_GB"),
    "site-with-a-dot": (having(tiny(), "a.b", "cluster", "nodes", 0, "site"), "site"),
    "curve-twice": (with_curve(), "curves[1]"),
    "curve-of-an-unknown-device": (with_curve(target_device="fats"), "curves[1].target_device"),
    "curve-of-an-unknown-site": (with_curve(source_site="moon"), "curves[1].source_site"),
    "curve-of-two-numbers": (with_curve(coefficients=[0, 1]), "coefficients"),
    "curve-without-bandwidth": (with_curve(source_streams=2, coefficients=[1, 1, 0]), "curves[1].coefficients"),
    "curve-without-streams": (with_curve(source_streams=0), "source_streams"),
    "updates-too-short": (having(tiny(), [1], "profile", 0, "update_ms"), "profile[0].update_ms"),
    "size-measured-twice": (
        having(tiny(), [{"tensor_parallel": 2, "parameters": 1, "stored_MB": 1}] * 2, "model", "layers", 0, "measured"),
        "tensor_parallel 2",
    ),
    "unknown-objective": (having(tiny(), {"minimise": "cost"}, "objective"), "minimise"),
    "price-of-nothing": (having(tiny(), {"minimise": "price"}, "objective"), "objective"),
    "budget-without-prices": (having(tiny(), {"most_price_per_step": 1}, "objective"), "objective"),
    "no-steps-asked-for": (having(tiny(), {"least_steps_per_second": 0}, "objective"), "least_steps_per_second"),
    "no-profile": (having(tiny(), [], "profile"), "profile"),
    "profile-of-an-unknown-device": (having(tiny(), "fats", "profile", 0, "device"), "profile[0].device"),
    "profile-too-short": (having(tiny(), [4, 4, 4], "profile", 0, "forward_ms"), "profile[0].forward_ms"),
    "profile-backward-too-long": (having(tiny(), [4] * 5, "profile", 0, "backward_ms"), "profile[0].backward_ms"),
    "profile-twice": (having(tiny(), 1, "profile", 1, "tensor_parallel"), "profile[1]"),
    "profile-without-time": (having(tiny(), [0] * 4, "profile", 0, "forward_ms"), "profile[0].forward_ms"),
    "negative-time": (having(tiny(), [4, 4, 4, -4], "profile", 0, "forward_ms"), "forward_ms"),
    "deep-nesting": (nested(100_000), "source"),
    "a-list": (b"[]", "object"),
    "not-json": (b"layers: 4\n", "JSON"),
    "empty-file": (b"", "truncated"),
    "cut-short": (json.dumps(tiny()).encode()[:-20], "truncated"),
    "two-documents": (json.dumps(tiny()).encode() * 2, "JSON"),
    "binary": (bytes(range(256)), "JSON"),
    "utf-16": (json.dumps(tiny()).encode("utf-16"), "JSON"),
    "latin-1": (json.dumps(having(tiny(), "é", "source"), ensure_ascii=False).encode("latin-1"), "UTF-8"),
}

PLANS: dict[str, tuple[Any, int, str]] = {
    "missing-key": (without(tiny_plan(), "data_parallel"), BAD_INPUT, "data_parallel"),
    "extra-key": (having(tiny_plan(), 2, "pipeline_parallel"), BAD_INPUT, "pipeline_parallel"),
    "no-stages": (having(tiny_plan(), [], "stages"), BAD_INPUT, "stages"),
    "stage-without-devices": (having(tiny_plan(), [], "stages", 0, "replicas"), BAD_INPUT, "replicas"),
    "layers-of-three-numbers": (having(tiny_plan(), [0, 1, 3], "stages", 0, "layers"), BAD_INPUT, "layers"),
    "negative-layer": (having(tiny_plan(), [-1, 3], "stages", 0, "layers"), BAD_INPUT, "layers"),
    "zero-microbatch": (having(tiny_plan(), 0, "microbatch_size"), BAD_INPUT, "microbatch_size"),
    "an-instance": (tiny(), BAD_INPUT, "schema_version"),
    "not-json": (b"stages", BAD_INPUT, "JSON"),
    "batch-not-divisible": (having(tiny_plan(), 3, "microbatch_size"), NO_ANSWER, "microbatch_size"),
    "unknown-device": (having(tiny_plan(), ["g.0/0"], "stages", 0, "replicas", 0), NO_ANSWER, "'g.0/0'"),
    "device-used-twice": (having(tiny_plan(), ["f.0/0"], "stages", 0, "replicas", 1), NO_ANSWER, "'f.0/0'"),
    "empty-stage": (having(tiny_plan(), [3, 3], "stages", 1, "layers"), NO_ANSWER, "stages[1].layers"),
    "layers-past-the-end": (having(tiny_plan(), [3, 9], "stages", 1, "layers"), NO_ANSWER, "stages[1].layers"),
    "layers-left-out": (having(tiny_plan(), [0, 2], "stages", 0, "layers"), NO_ANSWER, "stages[1].layers"),
    "replicas-missing": (having(tiny_plan(), 4, "data_parallel"), NO_ANSWER, "replicas"),
    "tensor-degree-of-another-size": (having(tiny_plan(), 2, "stages", 0, "tensor_parallel"), NO_ANSWER, "replicas"),
}

OPTIONS: dict[str, tuple[list[str], str]] = {
    "unknown-cost-model": (["--cost-model", "guess"], "--cost-model"),
    "unknown-formulation": (["--formulation", "guess"], "'guess'"),
    "unknown-format": (["--format", "xml"], "--format"),
    "unknown-option": (["--fast"], "--fast"),
    "shortened-option": (["--form", "json"], "--form"),
    "negative-time-limit": (["--time-limit", "-1"], "--time-limit"),
    "no-time": (["--time-limit", "0"], "--time-limit"),
    "time-limit-nan": (["--time-limit", "nan"], "--time-limit"),
    "time-limit-in-words": (["--time-limit", "a\nminute"], "--time-limit"),
    "no-threads": (["--threads", "0"], "threads"),
    "threads-without-end": (["--threads", "1000000000"], "threads"),
    "negative-seed": (["--seed", "-1"], "seed"),
    "huge-seed": (["--seed", "99999999999999999999"], "seed"),
    "negative-gap": (["--gap", "-0.1"], "--gap"),
    "gap-of-everything": (["--gap", "1"], "--gap"),
    "program-of-another-kind": (["--export-program", "program.txt"], "program.txt"),
    "program-into-a-missing-directory": (["--export-program", "missing/program.lp"], "missing/program.lp"),
    "output-into-a-missing-directory": (["--output", "missing/result.json"], "--output"),
    "output-over-a-directory": (["--output", "."], "--output"),
    "output-where-nothing-can-be-written": (["--output", "/proc/result.json"], "--output"),
    "output-over-a-device": (["--output", "/dev/null"], "--output"),
    "missing-warm-start": (["--warm-start", "missing.json"], "missing.json"),
    "restriction-of-nothing": (["--restrict", "depth<=4"], "restriction 'depth<=4': expected COUNT<=N"),
    "restriction-without-a-number": (["--restrict", "tensor_parallel<="], "expected COUNT<=N"),
    "restriction-to-zero": (["--restrict", "tensor_parallel<=0"], "restriction 'tensor_parallel<=0': "),
    "restriction-of-an-unknown-node": (["--restrict", "idle g"], "restrictions.idle_nodes: 'g' is unknown"),
    "restriction-of-a-missing-layer": (["--restrict", "layers 3-4 in stage 0"], "layer_pins[0].layers: [3, 5]"),
    "restriction-of-an-empty-interval": (["--restrict", "stage 3-2"], "plan.stages[0].layers: [3, 3]"),
    "instance-as-warm-start": (["--warm-start", str(TINY)], "schema_version"),
}
