"""Write an instance from files that other tools have written: models, profiles, links, and lists of machines."""

import argparse
from importlib import import_module
from typing import Any

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import writable
from milp_amp.errors import InputError
from milp_amp.generate.document import document
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.instance import Instance

_KINDS = {
    "huggingface": "a config.json and machines, with nvidia-smi topo -m, nccl-tests and host files if there are any",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of files, each with its options."""
    kinds = parser.add_subparsers(metavar="KIND", required=True, dest="kind")
    for name, summary in _KINDS.items():
        module: Any = import_module(f"milp_amp.cli.importers.{name}")
        kind = kinds.add_parser(name, help=summary, description=module.__doc__, allow_abbrev=False)
        kind.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        kind.set_defaults(read=module.read)
        module.add_arguments(kind)
        kind.add_argument("-o", "--output", type=writable, required=True, metavar="FILE", help="the instance")


def run(options: argparse.Namespace) -> int:
    """Read, check, write."""
    where = str(options.output)
    try:
        content = document(options.read(options))
    except ValueError as failure:
        raise InputError(f"{where}: {failure}") from None
    instance = decode_json(content, Instance, InputError, where)  # what is written can be read
    write_atomically(options.output, content)
    inform(f"{where}: {instance.model.num_layers} layers, {instance.cluster.num_devices} devices")
    return exit_codes.SUCCESS
