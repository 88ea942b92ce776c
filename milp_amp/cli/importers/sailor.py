"""Sailor's profiles, sizes of layers, and bandwidth curves inside nodes and between them."""

import argparse

from milp_amp.cli.importers.common import STEP, Options, add_options, cited_command, file, given, typed_file
from milp_amp.cli.parser import positive
from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.exchange.incoming.sailor import Asked, read_sailor
from milp_amp.exchange.incoming.zones import read_zones

_OPTIONS: Options = {
    "--profile": {
        "type": typed_file,
        "action": "append",
        "required": True,
        "metavar": "TYPE=FILE",
        "help": "profile.json of a device type: {microbatch: {tensor degree: {layer: [forward, backward, update]}}}",
    },
    "--sizes": {
        "type": file,
        "required": True,
        "metavar": "FILE",
        "help": "sizes of layers by tensor degree, perhaps by model (llm_info.json)",
    },
    "--model": {"metavar": "NAME", "help": "which model of --sizes, where it holds several"},
    "--intra": {"type": file, "required": True, "metavar": "FILE", "help": "curves inside nodes"},
    "--inter": {"type": file, "metavar": "FILE", "help": "curves between nodes"},
    "--devices": {
        "required": True,
        "metavar": "ZONE:NxMxTYPE,…",
        "help": "nodes of every zone, such as us-central1-a:8x4xA100-40",
    },
    "--memory": {
        "action": "append",
        "default": [],
        "metavar": "TYPE=GIB",
        "help": "of a device type that milp-amp profile does not know (repeatable)",
    },
    **STEP,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``import sailor``."""
    add_options(parser, _OPTIONS)


def read(options: argparse.Namespace) -> Imported:
    """Return the instance."""
    memory = {}
    for text in options.memory:
        name, separator, value = text.partition("=")
        if not separator:
            raise InputError(f"--memory {text!r}, expected TYPE=GIB")
        try:
            memory[name] = positive(value)
        except argparse.ArgumentTypeError as failure:
            raise InputError(f"--memory: {failure}") from None
    asked = Asked(
        name=options.output.stem,
        command=cited_command(options, [], _OPTIONS),
        batch=options.batch,
        sequence=options.sequence,
        zones=read_zones(options.devices, memory),
        model=options.model,
    )
    profiles: dict[str, Given] = {}
    for kind, place in options.profile:
        if kind is None or kind in profiles:
            raise InputError(f"--profile {place}, expected TYPE=FILE, once for every device type")
        profiles[kind] = Given.read(place)
    return read_sailor(profiles, Given.read(options.sizes), Given.read(options.intra), given(options.inter), asked)
