"""Metis's profiles, cluster file and host file: DeviceType.A100_tp2_bs4.json, clusterfile.json, hostfile."""

import argparse

from milp_amp.cli.importers.common import STEP, Options, add_options, cited_command, file
from milp_amp.cli.parser import positive
from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.exchange.incoming.metis import MAX_FILES, Asked, read_metis
from milp_amp.exchange.incoming.metis_cluster import BANDWIDTH_UNITS

_OPTIONS: Options = {
    "--clusterfile": {
        "type": file,
        "required": True,
        "metavar": "FILE",
        "help": "type, links, memory of every host",
    },
    "--hostfile": {"type": file, "required": True, "metavar": "FILE", "help": "the hosts and their slots"},
    **STEP,
    "--hidden-size": {"type": int, "required": True, "metavar": "N", "help": "elements of a token between layers"},
    "--parameter-bytes": {
        "type": positive,
        "required": True,
        "metavar": "X",
        "help": "of one parameter in parameters_per_layer_bytes: 2 in half precision, 4 in single",
    },
    "--state-bytes": {"type": positive, "metavar": "X", "help": "of weight, gradient and optimizer; default: 18"},
    "--bandwidth-unit": {
        "choices": BANDWIDTH_UNITS,
        "default": "MiB/ms",
        "help": "of the cluster file; default: %(default)s, as Metis's program has it",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import metis``."""
    parser.add_argument("profiles", type=file, metavar="PROFILE_DIR", help="the folder of the profiles")
    add_options(parser, _OPTIONS)


def read(options: argparse.Namespace) -> Imported:
    """Return the instance."""
    if not options.profiles.is_dir():
        raise InputError(f"{options.profiles}: no folder, expected one with DeviceType.A100_tp1_bs1.json")
    files = sorted(options.profiles.glob("DeviceType.*.json"))[: MAX_FILES + 1]
    asked = Asked(
        name=options.output.stem,
        command=cited_command(options, ["profiles"], _OPTIONS),
        batch=options.batch,
        sequence=options.sequence,
        hidden_size=options.hidden_size,
        parameter_bytes=options.parameter_bytes,
        state_bytes=options.state_bytes,
        bandwidth_unit=options.bandwidth_unit,
    )
    return read_metis(
        [Given.read(place) for place in files], Given.read(options.clusterfile), Given.read(options.hostfile), asked
    )
