"""A model's config.json and machines: layers are counted, links come from nvidia-smi topo -m and nccl-tests."""

import argparse
from typing import Any

from milp_amp.cli import profile
from milp_amp.cli.importers.common import (
    GROUP_HOSTS,
    Options,
    add_options,
    all_given,
    cited_command,
    file,
    given,
    placed_file,
    typed_file,
)
from milp_amp.cli.parser import positive
from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.huggingface import Asked, read_huggingface
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.exchange.incoming.wires import SLOWEST
from milp_amp.problem.workload import Workload


def inside(text: str) -> float | str:
    """Read what two devices of a node exchange."""
    return SLOWEST if text == SLOWEST else positive(text)


_FILES: Options = {
    "--devices": {
        "metavar": "TYPE|NxMxTYPE,…",
        "help": "as milp-amp profile has it; a TYPE alone where --hosts or --topology say how many there are; with "
        "--hosts, the hosts are taken in their order",
    },
    "--hosts": {
        "type": file,
        "metavar": "FILE",
        "help": "a host file of mpirun or DeepSpeed, scontrol show nodes, or kubectl get nodes -o json",
    },
    "--topology": {
        "type": typed_file,
        "action": "append",
        "default": [],
        "metavar": "[TYPE=]FILE",
        "help": "what nvidia-smi topo -m prints on a node of this type (repeatable)",
    },
    "--bandwidth": {
        "type": placed_file,
        "action": "append",
        "default": [],
        "metavar": "[WHERE=]FILE",
        "help": "what nccl-tests prints, as text or as JSON (repeatable); WHERE is inside, network, inside/TYPE or "
        "network/TYPE, and may be left out where the file names the hosts",
    },
    "--inside": {
        "type": inside,
        "metavar": "GBPS|slowest",
        "help": "what two devices of a node exchange, or that the slowest link of an uneven topology counts",
    },
}

_OPTIONS: dict[str, dict[str, Any]] = {**_FILES, **GROUP_HOSTS, **profile.OPTIONS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import huggingface``."""
    parser.add_argument("config", type=file, metavar="CONFIG", help="a config.json as transformers writes it")
    add_options(parser, _OPTIONS)


def read(options: argparse.Namespace) -> Imported:
    """Return the instance."""
    if options.batch < 1:
        raise InputError(f"--batch: {options.batch}, expected a number of at least 1")
    workload = Workload(
        global_batch_size=options.batch,
        sequence_length=1,
        optimizer=options.optimizer,
        recomputation=options.recomputation,
        reserve_GiB=profile.RESERVE_GIB,
    )
    asked = Asked(
        name=options.output.stem,
        command=cited_command(options, ["config"], _OPTIONS),
        workload=workload,
        sequence=options.sequence,
        devices=options.devices,
        group_hosts=options.group_hosts,
        network_GBps=options.network,
        inside=options.inside,
        microbatch_sizes=profile.counts("--microbatches", options.microbatches),
        tensor_degrees=options.tensor_degrees,
        efficiency=profile.read_efficiency(options.efficiency),
    )
    return read_huggingface(
        Given.read(options.config),
        asked,
        hosts=given(options.hosts),
        topologies=all_given(options.topology),
        runs=all_given(options.bandwidth),
    )
