"""Write an instance for a model and machines that nobody has measured, from data sheets and a config.json."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import msgspec

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import positive, whole_numbers, writable
from milp_amp.errors import InputError
from milp_amp.generate.document import document
from milp_amp.problem.counted import Efficiency
from milp_amp.problem.files import decode_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Workload
from milp_amp.roofline import parameters
from milp_amp.roofline.catalogue import ACCELERATORS
from milp_amp.roofline.config import read_config
from milp_amp.roofline.instance import MICROBATCH_SIZES, instance_of, sequence_length
from milp_amp.roofline.machines import NETWORK_GBPS, accelerators, read_machines

RESERVE_GIB = 2.0
"""What a framework and its communication buffers take of every device: an assumption."""

OPTIONS: dict[str, dict[str, Any]] = {
    "--network": {
        "metavar": "GBPS",
        "type": positive,
        "default": NETWORK_GBPS,
        "help": "from a node to the switch, gigabytes per second in one direction; default: %(default)s",
    },
    "--batch": {"metavar": "N", "type": int, "default": 256, "help": "sequences per step; default: %(default)s"},
    "--sequence": {"metavar": "N", "type": int, "help": "tokens; default: the longest of the model, up to 4096"},
    "--microbatches": {
        "metavar": "N,…",
        "type": whole_numbers,
        "default": MICROBATCH_SIZES,
        "help": "profiled; default: 1,2,4,8",
    },
    "--tensor-degrees": {
        "metavar": "N,…",
        "type": whole_numbers,
        "help": "profiled; default: powers of two up to the "
        "devices of a node that divide the heads, and those of keys and values",
    },
    "--efficiency": {
        "metavar": "NAME=X,…",
        "default": "",
        "help": "what is reached of the data sheets, instead of what "
        f"was fitted: {', '.join(Efficiency.__struct_fields__)}",
    },
    "--recomputation": {
        "choices": ("none", "selective", "full"),
        "default": "selective",
        "help": "default: %(default)s, which attention that keeps no scores comes to",
    },
    "--optimizer": {"choices": ("replicated", "distributed"), "default": "replicated", "help": "default: %(default)s"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``profile``."""
    known = ", ".join(each.name for each in ACCELERATORS)
    parser.add_argument("config", metavar="CONFIG", type=Path, help="a config.json as transformers writes it")
    parser.add_argument(
        "--devices",
        required=True,
        metavar="NxMxTYPE,…",
        help=f"N nodes of M devices each, such as 4x8xA100-80,2x4xV100-16; MxTYPE is one node. Types: {known}",
    )
    for option, settings in OPTIONS.items():
        parser.add_argument(option, **settings)
    parser.add_argument("-o", "--output", type=writable, required=True, metavar="FILE", help="the instance")


def run(options: argparse.Namespace) -> int:
    """Read, count, check, write."""
    shape, where = read_config(options.config), str(options.output)
    try:
        content = document(_instance(options, shape))
    except ValueError as failure:
        raise InputError(f"{where}: {failure}") from None
    instance = decode_json(content, Instance, InputError, where)  # what is written can be read
    write_atomically(options.output, content)
    inform(f"{where}: {instance.cluster.num_devices} devices, {parameters.total(shape):,} parameters")
    return exit_codes.SUCCESS


def _instance(options: argparse.Namespace, shape: ModelShape) -> Instance:
    efficiency, machines = read_efficiency(options.efficiency), read_machines(options.devices)
    sheets = "; ".join(f"{each.name}: {each.source}" for each in accelerators(machines))
    return instance_of(
        shape,
        machines,
        _workload(options, shape),
        name=options.output.stem,
        source=f"Estimated, not measured: {_command(options)}. Reached: {_spelled(efficiency)}. {sheets}.",
        network_GBps=options.network,
        microbatch_sizes=counts("--microbatches", options.microbatches),
        tensor_degrees=options.tensor_degrees,
        efficiency=efficiency,
    )


def _workload(options: argparse.Namespace, shape: ModelShape) -> Workload:
    return Workload(
        global_batch_size=options.batch,
        sequence_length=sequence_length(shape, options.sequence),
        optimizer=options.optimizer,
        recomputation=options.recomputation,
        reserve_GiB=RESERVE_GIB,
    )


def counts(option: str, values: tuple[int, ...]) -> tuple[int, ...]:
    """Return whole numbers of at least 1, or say which option has others."""
    if min(values) < 1:
        raise InputError(f"{option}: {min(values)}, expected numbers of at least 1")
    return values


def read_efficiency(text: str) -> Efficiency:
    """Read ``compute=0.5,launch_ms=1``."""
    fields = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    try:
        return msgspec.convert(fields, Efficiency, strict=False)
    except msgspec.ValidationError as failure:
        reason = str(failure).replace(" - at `$.", " - at `")
        raise InputError(f"--efficiency {text!r}: {reason}, as in compute=0.5,memory=0.6") from None


def _spelled(efficiency: Efficiency) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in msgspec.structs.asdict(efficiency).items())


def _command(options: argparse.Namespace) -> str:
    """Return the command without places: the files are known by their names."""
    words = ["milp-amp", "profile", options.config.name, "--devices", options.devices]
    for option, settings in OPTIONS.items():
        value = getattr(options, option[2:].replace("-", "_"))
        if value != settings.get("default"):
            words += [option, ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"]
    return shlex.join(words)
