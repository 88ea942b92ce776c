"""Write a synthetic instance; the same options and seed write the same bytes."""

import argparse
import shlex
from dataclasses import MISSING, fields
from typing import Any

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import whole_numbers, writable
from milp_amp.errors import InputError
from milp_amp.generate.document import document
from milp_amp.generate.instance import generate
from milp_amp.generate.request import KINDS, NETWORKS, Request
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.instance import Instance

_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "devices": ("--devices", {"metavar": "N", "type": int, "required": True, "help": "from 16 to 16384"}),
    "layers": ("--layers", {"metavar": "N", "type": int, "required": True, "help": "from 12 to 512"}),
    "types": ("--types", {"metavar": "N", "type": int, "help": "device types, from 1 to 5; default: 1"}),
    "seed": ("--seed", {"metavar": "N", "type": int, "help": "default: 0"}),
    "uneven": ("--uneven", {"action": "store_true", "help": "blocks that differ by a factor from 0.5 to 1.5"}),
    "devices_per_node": ("--devices-per-node", {"metavar": "N", "type": int, "help": "default: 8, in a matrix 4"}),
    "tensor_degrees": (
        "--tensor-degrees",
        {"metavar": "N,…", "type": whole_numbers, "help": "profiled; default: 1,2,4,8"},
    ),
    "microbatch_sizes": ("--microbatches", {"metavar": "N,…", "type": whole_numbers, "help": "profiled; default: 1,8"}),
    "batch": ("--batch", {"metavar": "N", "type": int, "help": "sequences per step; default: 256"}),
    "hidden_size": (
        "--hidden",
        {"metavar": "N", "type": int, "help": "hidden size of the transformer; default: by the layers"},
    ),
    "groups": (
        "--groups",
        {"metavar": "N", "type": int, "help": "pods or islands; default: two, or one for each type"},
    ),
    "oversubscription": (
        "--oversubscription",
        {"metavar": "X", "type": float, "help": "of the pods of a fat tree; default: 2"},
    ),
    "network": ("--network", {"choices": tuple(NETWORKS), "help": "of a matrix; default: ethernet"}),
    "shared_nic": ("--shared-nic", {"action": "store_true", "help": "network cards that a matrix's transfers share"}),
    "optimizer": ("--optimizer", {"choices": ("replicated", "distributed"), "help": "default: replicated"}),
    "recomputation": ("--recomputation", {"choices": ("none", "selective", "full"), "help": "default: none"}),
}
"""Option of every field of ``Request`` but the kind."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``generate``; those not given are left to ``Request``."""
    parser.add_argument("kind", metavar="KIND", choices=tuple(KINDS), help=", ".join(KINDS))
    for field, (option, settings) in _OPTIONS.items():
        parser.add_argument(option, dest=field, default=argparse.SUPPRESS, **settings)
    parser.add_argument("--output", type=writable, required=True, metavar="FILE", help="the instance is named after it")


def run(options: argparse.Namespace) -> int:
    """Generate, check, write."""
    known = {field.name for field in fields(Request)}
    request = Request(**{name: value for name, value in vars(options).items() if name in known})
    where = str(options.output)
    try:
        content = document(generate(request, options.output.stem, f"Synthetic: {command(request)}"))
    except ValueError as failure:
        raise InputError(f"{where}: {failure}") from None
    decode_json(content, Instance, InputError, where)  # what is written can be read
    write_atomically(options.output, content)
    inform(f"{where}: {request.devices} devices, {request.layers} layers, {len(content)} bytes")
    return exit_codes.SUCCESS


def command(request: Request) -> str:
    """Return the command that generates a request, without its place."""
    words = ["milp-amp", "generate", request.kind]
    defaults = {field.name: field.default for field in fields(Request)}
    for field, (option, _) in _OPTIONS.items():
        value = getattr(request, field)
        if defaults[field] is MISSING or value != defaults[field]:
            words += [option] if value is True else [option, _spelled(value)]
    return shlex.join(words)


def _spelled(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
