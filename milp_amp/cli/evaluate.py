"""Judge a plan from anywhere: a result of this program, or a strategy written by hand."""

import argparse
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, add_format, add_instance, add_restrictions
from milp_amp.plan.files import read_placement, read_strategy
from milp_amp.problem.files import read_question, to_json
from milp_amp.problem.serving import ServingInstance

if TYPE_CHECKING:
    from milp_amp.judge.flow import Flow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``evaluate``."""
    add_instance(parser)
    parser.add_argument("plan", metavar="PLAN", help="a result, or a strategy")
    add_restrictions(parser)
    add_cost_model(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Price the plan and list the rules it breaks."""
    instance = read_question(options.instance)
    if isinstance(instance, ServingInstance):
        return _flow(instance, options)
    from milp_amp.judge.evaluate import evaluate
    from milp_amp.view.text import render_evaluation

    instance = instance.restricted(*options.restrict)
    strategy = read_strategy(options.plan)
    evaluation = evaluate(instance, strategy, options.cost_model)
    as_json = options.format == "json"
    emit(to_json(evaluation).decode() if as_json else render_evaluation(instance, strategy, evaluation))
    return exit_codes.SUCCESS if evaluation.valid else exit_codes.INVALID_PLAN


def _flow(instance: ServingInstance, options: argparse.Namespace) -> int:
    """Say what a placement carries, or which rules it breaks."""
    from milp_amp.judge.flow import broken_placement, flow_of
    from milp_amp.view.serving_text import render_flow

    placement = read_placement(options.plan)
    if broken := broken_placement(instance, placement):
        emit("".join(f"violation: {sentence}\n" for sentence in broken))
        return exit_codes.INVALID_PLAN
    flow = flow_of(instance, placement)
    emit(to_json(flow_document(flow)).decode() if options.format == "json" else render_flow(flow))
    return exit_codes.SUCCESS


def flow_document(flow: "Flow") -> dict[str, object]:
    """Return a flow as JSON holds it: arcs are triples."""
    arcs = [[source, target, tokens] for (source, target), tokens in flow.arcs.items()]
    return {"tokens_per_s": flow.tokens_per_s, "cut": flow.cut, "arcs": arcs}
