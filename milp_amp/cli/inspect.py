"""Show what an instance says: model, machines, what its profile covers and how well, and what is missing."""

import argparse

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_instance
from milp_amp.problem.files import read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``inspect``."""
    add_instance(parser)


def run(options: argparse.Namespace) -> int:
    """Read and describe."""
    from milp_amp.view.instance_text import render_instance

    emit(render_instance(read(options.instance)))
    return exit_codes.SUCCESS
