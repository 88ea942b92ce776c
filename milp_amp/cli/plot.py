"""Draw a result: its step over time, layers on devices, memory, the search, and the cluster with its limiting cut."""

import argparse
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.answers import LIBRARY, Answer, Question, find_question, read_answer
from milp_amp.cli.validate import picture
from milp_amp.errors import InputError
from milp_amp.plan.placement import ServingResult
from milp_amp.plan.result import Result
from milp_amp.problem.files import read_question, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance
from milp_amp.view.canvas import FORMATS, require_matplotlib

if TYPE_CHECKING:
    from milp_amp.view.drawing import Figure

WHAT = ("timeline", "layers", "memory", "progress", "cluster", "all")

_MOST_BOXES = 6_000
"""Of one figure: above, it says how busy stages are instead."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``plot``."""
    parser.add_argument("result", metavar="RESULT", help="a result, as solve --output writes it")
    parser.add_argument(
        "--instance", metavar="FILE", help=f"what it answers; default: looked for by its name below {LIBRARY}/"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=picture,
        metavar="FILE",
        help=f"the picture, as {', '.join(FORMATS)} by the name's end (needs matplotlib)",
    )
    parser.add_argument("--what", choices=WHAT, default="all", help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Read, judge, draw."""
    from milp_amp.view.picture import draw_figures

    require_matplotlib()
    answer = read_answer(options.result)
    given = [(options.instance, read_question(options.instance))] if options.instance else []
    question = find_question(answer, options.result, given)
    figures = _figures(question, answer, WHAT[:-1] if options.what == "all" else (options.what,))
    if not figures:
        raise InputError(f"{options.result}: {answer.status.value}, has nothing to draw as {options.what!r}")
    title = f"{question.name}: {answer.formulation}, {answer.status.value}"
    write_atomically(options.output, draw_figures(figures, options.output.suffix.lower()[1:], title))
    return exit_codes.SUCCESS


def _figures(question: Question, answer: Answer, names: tuple[str, ...]) -> "list[Figure]":
    if isinstance(question, Instance) and isinstance(answer, Result):
        from milp_amp.bounds.prepass import prepare
        from milp_amp.view.training_figures import Judged, training_figures

        judged = Judged(question, answer, prepare(question, answer.cost_model))
        return list(training_figures(judged, names, _MOST_BOXES))
    assert isinstance(question, ServingInstance)
    assert isinstance(answer, ServingResult)
    from milp_amp.view.serving_figures import Carried, serving_figures

    return list(serving_figures(Carried(question, answer), names))
