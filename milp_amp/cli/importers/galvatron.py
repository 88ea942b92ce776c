"""Galvatron's profiles of computation and links, with the model's config.json."""

import argparse

from milp_amp.cli import profile
from milp_amp.cli.importers.common import GROUP_HOSTS, STEP, Options, add_options, cited_command, file, given
from milp_amp.exchange.incoming.galvatron import Asked, read_galvatron
from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.problem.workload import Workload

_OPTIONS: Options = {
    "--allreduce": {
        "type": file,
        "required": True,
        "metavar": "FILE",
        "help": "allreduce_bandwidth_2nodes_8gpus_per_node.json",
    },
    "--p2p": {"type": file, "metavar": "FILE", "help": "p2p_bandwidth_2nodes_8gpus_per_node.json"},
    "--config": {"type": file, "required": True, "metavar": "FILE", "help": "the model's config.json"},
    "--devices": {
        "required": True,
        "metavar": "NxMxTYPE|TYPE",
        "help": "the measured nodes, as milp-amp profile has it; a TYPE alone with --hosts",
    },
    "--hosts": {"type": file, "metavar": "FILE", "help": "a host file of the measured nodes"},
    **GROUP_HOSTS,
    **STEP,
    "--recomputation": profile.OPTIONS["--recomputation"],
    "--optimizer": profile.OPTIONS["--optimizer"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import galvatron``."""
    parser.add_argument("computation", type=file, metavar="COMPUTATION", help="computation_profiling_*.json")
    add_options(parser, _OPTIONS)


def read(options: argparse.Namespace) -> Imported:
    """Return the instance."""
    workload = Workload(
        global_batch_size=options.batch,
        sequence_length=options.sequence,
        optimizer=options.optimizer,
        recomputation=options.recomputation,
        reserve_GiB=profile.RESERVE_GIB,
    )
    asked = Asked(
        name=options.output.stem,
        command=cited_command(options, ["computation"], _OPTIONS),
        devices=options.devices,
        workload=workload,
        group_hosts=options.group_hosts,
    )
    return read_galvatron(
        Given.read(options.computation),
        Given.read(options.allreduce),
        Given.read(options.config),
        asked,
        p2p=given(options.p2p),
        hosts=given(options.hosts),
    )
