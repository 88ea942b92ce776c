"""Write an instance from files that other tools have written: models, profiles, links, and lists of machines."""

import argparse
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import writable
from milp_amp.errors import InputError
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.problem.files import write_atomically

_KINDS = {
    "huggingface": "a config.json and machines, with nvidia-smi topo -m, nccl-tests and host files if there are any",
    "metis": "profiles of Metis, its cluster file and its host file",
    "sailor": "profiles, layer sizes and bandwidth curves of Sailor",
    "galvatron": "profiles of Galvatron: computation, all-reduces and stages",
    "piper": "a graph of layers of Piper or dnn-partitioning, if it is a chain",
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
        kind.add_argument(
            "--node-names",
            type=writable,
            metavar="FILE",
            help="write which host every node is, as milp-amp export takes it in --hosts",
        )


def run(options: argparse.Namespace) -> int:
    """Read, check, write."""
    where = str(options.output)
    _check_places(options)
    imported: Imported = options.read(options)
    content = imported.document(where)
    if options.node_names is not None:
        if not imported.hosts:
            raise InputError("--node-names: no host has a name, expected a host file")
        write_atomically(options.node_names, imported.host_lines)
    write_atomically(options.output, content)
    instance = imported.instance
    inform(f"{where}: {instance.model.num_layers} layers, {instance.cluster.num_devices} devices")
    return exit_codes.SUCCESS


def _check_places(options: argparse.Namespace) -> None:
    """Refuse to write over what is read, and two files into one."""
    written = {"output": options.output, "node-names": options.node_names}
    taken = {os.path.realpath(place) for name, value in vars(options).items() for place in _places(name, value)}
    for name, place in written.items():
        if place is None:
            continue
        if (real := os.path.realpath(place)) in taken:
            raise InputError(f"--{name} {place}: is another file of this import, expected one of its own")
        taken.add(real)


def _places(name: str, value: Any) -> Iterator[Path]:
    """Yield the files that an option has to be read."""
    if name in ("output", "node_names"):
        return
    if isinstance(value, Path):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _places(name, each)
