"""A graph of layers with its machines, as Piper or dnn-partitioning has it; it has to be a chain."""

import argparse

from milp_amp.cli.importers.common import Options, add_options, cited_command, file
from milp_amp.cli.parser import positive
from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.exchange.incoming.piper import TIME_UNITS, Asked, read_piper

_OPTIONS: Options = {
    "--batch": {"metavar": "N", "type": int, "required": True, "help": "samples per step"},
    "--sequence": {
        "metavar": "N",
        "type": int,
        "default": 1,
        "help": "tokens of a sample, for throughput alone; default: %(default)s",
    },
    "--parameter-bytes": {
        "type": positive,
        "required": True,
        "metavar": "X",
        "help": "of one parameter: 2 in half precision, 4 in single",
    },
    "--devices-per-node": {
        "metavar": "N",
        "type": int,
        "default": 1,
        "help": "a tensor group has to fit into a node; default: %(default)s",
    },
    "--variant": {"metavar": "ID", "help": "Piper: which TMPC of a layer to take, such as vanilla"},
    "--time-unit": {"choices": tuple(TIME_UNITS), "help": "dnn-partitioning: the unit of fpgaLatency and cost"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import piper``."""
    parser.add_argument("graph", type=file, metavar="GRAPH", help="nodes and edges as JSON")
    add_options(parser, _OPTIONS)


def read(options: argparse.Namespace) -> Imported:
    """Return the instance."""
    if options.devices_per_node < 1:
        raise InputError(f"--devices-per-node: {options.devices_per_node}, expected a number of at least 1")
    asked = Asked(
        name=options.output.stem,
        command=cited_command(options, ["graph"], _OPTIONS),
        batch=options.batch,
        sequence=options.sequence,
        parameter_bytes=options.parameter_bytes,
        devices_per_node=options.devices_per_node,
        variant=options.variant,
        time_unit=options.time_unit,
    )
    return read_piper(Given.read(options.graph), asked)
