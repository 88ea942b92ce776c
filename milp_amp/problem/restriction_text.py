"""Restrictions as one line of text each, as they stand on the command line.

    COUNT<=N   COUNT>=N   COUNT=N   COUNT=N,M,…     COUNT: tensor_parallel, data_parallel, pipeline_parallel,
                                                    microbatch_size, num_microbatches or stage_devices
    even_layers   uniform_tensor_parallel   equal_end_tensor_parallel   one_type_stages   compact_stages
    layers I-J in stage S                           layers I to J, both included, counted from 0
    nodes A,B in stage S                            no other stage uses these nodes (or groups of nodes)
    idle A,B                                        nobody uses these nodes
    stage I-J   stage I-J on A,B                    layers I to J are one stage, on no other nodes than these

A stage is counted from 0, or from the end: ``-1`` is the last one. One layer may stand for ``I-J``.
"""

import re
from collections.abc import Callable
from typing import Any

from milp_amp.errors import InputError

EXPECTED = (
    "expected COUNT<=N, COUNT>=N, COUNT=N,M, even_layers, uniform_tensor_parallel, equal_end_tensor_parallel, "
    "one_type_stages, compact_stages, layers I-J in stage S, nodes A,B in stage S, idle A,B, stage I-J or "
    "stage I-J on A,B"
)

Document = dict[str, Any]
"""Restrictions as JSON would have them, not validated yet."""


def read_restriction(text: str) -> Document:
    """Return one restriction as a document.

    Raises
    ------
    InputError
        If the text is none.
    """
    for pattern, build in _GRAMMAR:
        if found := pattern.fullmatch(text.strip()):
            return build(*found.groups())
    raise InputError(f"restriction {text!r}: {EXPECTED}")


def _count(name: str, sign: str, numbers: str) -> Document:
    values = [int(number) for number in numbers.split(",")]
    if sign == "=" and len(values) > 1:
        return {name: {"one_of": values}}
    if len(values) > 1:
        raise InputError(f"restriction '{name}{sign}{numbers}': {len(values)} numbers, expected one after {sign!r}")
    return {name: {{"<=": "at_most", ">=": "at_least", "=": "exactly"}[sign]: values[0]}}


def _flag(name: str) -> Document:
    return {name: True}


def _layers_in_stage(first: str, last: str | None, stage: str) -> Document:
    return {"layer_pins": [{"layers": _interval(first, last), "stage": int(stage)}]}


def _nodes_in_stage(names: str, stage: str) -> Document:
    return {"node_pins": [{"nodes": _names(names), "stage": int(stage)}]}


def _idle(names: str) -> Document:
    return {"idle_nodes": _names(names)}


def _stage(first: str, last: str | None, names: str | None) -> Document:
    fixed = {"layers": _interval(first, last)} | ({"nodes": _names(names)} if names is not None else {})
    return {"plan": {"stages": [fixed]}}


def _interval(first: str, last: str | None) -> list[int]:
    """Layers as a plan has them: ``[start, stop)``."""
    return [int(first), int(first if last is None else last) + 1]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


_NUMBER = r"\d{1,18}"
_COUNTS = "tensor_parallel|data_parallel|pipeline_parallel|microbatch_size|num_microbatches|stage_devices"
_FLAGS = "even_layers|uniform_tensor_parallel|equal_end_tensor_parallel|one_type_stages|compact_stages"
_LAYERS = rf"({_NUMBER})(?:\s*-\s*({_NUMBER}))?"

_GRAMMAR: tuple[tuple[re.Pattern[str], Callable[..., Document]], ...] = (
    (re.compile(rf"({_COUNTS})\s*(<=|>=|=)\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)", re.ASCII), _count),
    (re.compile(rf"({_FLAGS})", re.ASCII), _flag),
    (re.compile(rf"layers?\s+{_LAYERS}\s+in\s+stage\s+(-?{_NUMBER})", re.ASCII), _layers_in_stage),
    (re.compile(rf"nodes?\s+(.+?)\s+in\s+stage\s+(-?{_NUMBER})", re.ASCII), _nodes_in_stage),
    (re.compile(r"idle\s+(.+)", re.ASCII), _idle),
    (re.compile(rf"stage\s+{_LAYERS}(?:\s+on\s+(.+))?", re.ASCII), _stage),
)
