"""Say how often every machine of a placement sends to which, and in which order, for its most even max flow."""

import argparse
from dataclasses import asdict

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_instance, writable
from milp_amp.plan.files import read_placement
from milp_amp.problem.files import read_serving, to_json, write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``schedule``."""
    add_instance(parser)
    parser.add_argument("placement", metavar="PLACEMENT", help="a result about serving, or a placement")
    parser.add_argument("--output", type=writable, metavar="FILE", help="write the same JSON to a file")


def run(options: argparse.Namespace) -> int:
    """Find the flow and print its schedule as JSON."""
    from milp_amp.cost.network import measure
    from milp_amp.judge.even_flow import even_flow
    from milp_amp.judge.schedule import schedule_of

    instance = read_serving(options.instance)
    flow = even_flow(instance, read_placement(options.placement), measure(instance.cluster))
    document = to_json({"instance": instance.name, **asdict(schedule_of(flow))})
    if options.output is not None:
        write_atomically(options.output, document)
    emit(document.decode())
    return exit_codes.SUCCESS
