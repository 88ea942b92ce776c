"""Judge a plan from anywhere: a result of this program, or a strategy written by hand."""

import argparse

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, add_format, add_instance, add_restrictions
from milp_amp.plan.files import read_strategy
from milp_amp.problem.files import read, to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``evaluate``."""
    add_instance(parser)
    parser.add_argument("plan", metavar="PLAN", help="a result, or a strategy")
    add_restrictions(parser)
    add_cost_model(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Price the plan and list the rules it breaks."""
    from milp_amp.judge.evaluate import evaluate
    from milp_amp.view.text import render_evaluation

    instance = read(options.instance).restricted(*options.restrict)
    strategy = read_strategy(options.plan)
    evaluation = evaluate(instance, strategy, options.cost_model)
    as_json = options.format == "json"
    emit(to_json(evaluation).decode() if as_json else render_evaluation(instance, strategy, evaluation))
    return exit_codes.SUCCESS if evaluation.valid else exit_codes.INVALID_PLAN
