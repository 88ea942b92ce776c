"""Show what is known before any search: flows, bounds, and the reason of each."""

import argparse
from dataclasses import replace

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, add_instance, add_restrictions
from milp_amp.problem.files import asks_serving, read, read_serving


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bounds``."""
    add_instance(parser)
    add_restrictions(parser)
    add_cost_model(parser)


def run(options: argparse.Namespace) -> int:
    """Run the pre-pass alone."""
    if asks_serving(options.instance):
        from milp_amp.bounds.serving import flow_bounds
        from milp_amp.view.serving_text import render_bounds

        emit(render_bounds(flow_bounds(read_serving(options.instance))))
        return exit_codes.SUCCESS
    from milp_amp.bounds.prepass import prepare, refined
    from milp_amp.view.bounds_text import render

    prepass = prepare(read(options.instance).restricted(*options.restrict), options.cost_model)
    emit(render(replace(prepass, ranked=refined(prepass))))
    return exit_codes.SUCCESS
