"""Simulate what a placement serves: tokens per second, seconds that users wait, and where."""

import argparse
from dataclasses import asdict, replace

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_format, add_instance, positive
from milp_amp.plan.files import read_placement
from milp_amp.problem.files import read_serving, to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``serve``."""
    add_instance(parser)
    parser.add_argument("placement", metavar="PLACEMENT", help="a result about serving, or a placement")
    parser.add_argument(
        "--requests",
        required=True,
        metavar="FILE",
        help="CSV: prompt_tokens, output_tokens, and arrival_s if they arrive",
    )
    parser.add_argument("--warm-up", type=positive, default=60.0, metavar="S", help="seconds; default: 60")
    parser.add_argument("--seconds", type=positive, default=600.0, metavar="S", help="that are measured; default: 600")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order of requests; 0 keeps the file's")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Simulate and report."""
    from milp_amp.judge.serve import load_from, serve
    from milp_amp.view.serving_text import render_served

    load = replace(
        load_from(options.requests), warm_up_s=options.warm_up, measured_s=options.seconds, seed=options.seed
    )
    served = serve(read_serving(options.instance), read_placement(options.placement), load)
    emit(to_json(asdict(served)).decode() if options.format == "json" else render_served(served))
    return exit_codes.SUCCESS
