"""Time the layers of a model on the device at hand, for the profile of an instance (needs PyTorch)."""

import argparse
from typing import Any, get_args

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import whole_numbers, writable
from milp_amp.generate.document import document
from milp_amp.problem.files import read, to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.profiling.measure import Outcome, measure
from milp_amp.profiling.merge import check_fit, merged
from milp_amp.profiling.opening import open_bench
from milp_amp.profiling.request import Precision, Request, TorchDevice

SEQUENCE = 2048
"""Tokens of a sequence where neither the options nor an instance nor the model say otherwise."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "--device-name": {"metavar": "NAME", "required": True, "help": "the device type's name in instances"},
    "--microbatches": {
        "metavar": "N,…",
        "type": whole_numbers,
        "required": True,
        "help": "sequences per pass; the first size that does not fit ends the measurement",
    },
    "--sequence": {
        "metavar": "N",
        "type": int,
        "help": f"tokens; default: the instance's, or {SEQUENCE}, or the model's longest if that is shorter",
    },
    "--torch-device": {"choices": get_args(TorchDevice), "default": "cuda", "help": "default: %(default)s"},
    "--dtype": {"choices": get_args(Precision), "default": "bfloat16", "help": "default: %(default)s"},
    "--repetitions": {"metavar": "N", "type": int, "default": 10, "help": "behind every median; default: %(default)s"},
    "--into": {"metavar": "INSTANCE", "help": "write this instance with the measured times in place of its own"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model's configuration and how it is measured."""
    parser.add_argument("config", metavar="CONFIG", help="the model's config.json")
    for option, settings in _OPTIONS.items():
        parser.add_argument(option, **settings)
    parser.add_argument("-o", "--output", type=writable, required=True, metavar="FILE", help="where the times go")


def run(options: argparse.Namespace) -> int:
    """Check everything that can be checked, measure, write."""
    instance = None if options.into is None else read(options.into)
    request = _request(options, instance)
    if instance is not None:
        check_fit(instance, request, options.device_name)
    outcome = measure(open_bench(request), request, options.device_name)
    write_atomically(options.output, _content(outcome, instance))
    if outcome.stopped:
        inform(outcome.stopped)
    found = outcome.measurement
    sizes = ",".join(str(entry.microbatch_size) for entry in found.profile)
    inform(f"{options.output}: {found.device} at microbatch sizes {sizes}, measured on {found.measured.machine}")
    return exit_codes.INTERRUPTED if outcome.interrupted else exit_codes.SUCCESS


def _request(options: argparse.Namespace, instance: Instance | None) -> Request:
    from milp_amp.roofline.config import read_config

    shape = read_config(options.config)
    longest = shape.positions or shape.longest_sequence or SEQUENCE
    usual = min(SEQUENCE, longest) if instance is None else instance.workload.sequence_length
    return Request(
        shape=shape,
        microbatch_sizes=options.microbatches,
        sequence=usual if options.sequence is None else options.sequence,
        torch_device=options.torch_device,
        precision=options.dtype,
        repetitions=options.repetitions,
    )


def _content(outcome: Outcome, instance: Instance | None) -> bytes:
    if instance is None:
        return to_json(outcome.measurement)
    return document(merged(instance, outcome.measurement))
