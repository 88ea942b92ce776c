"""Show what is known before any search: flows, bounds, and the reason of each."""

import argparse
from dataclasses import replace

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, add_instance, add_restrictions
from milp_amp.problem.files import read_question
from milp_amp.problem.serving import ServingInstance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bounds``."""
    add_instance(parser)
    add_restrictions(parser)
    add_cost_model(parser)


def run(options: argparse.Namespace) -> int:
    """Run the pre-pass alone."""
    instance = read_question(options.instance)
    if isinstance(instance, ServingInstance):
        from milp_amp.bounds.serving import flow_bounds
        from milp_amp.view.serving_text import render_bounds

        emit(render_bounds(flow_bounds(instance)))
        return exit_codes.SUCCESS
    from milp_amp.bounds.prepass import prepare, refined
    from milp_amp.view.bounds_text import render

    prepass = prepare(instance.restricted(*options.restrict), options.cost_model)
    emit(render(replace(prepass, ranked=refined(prepass))))
    return exit_codes.SUCCESS
