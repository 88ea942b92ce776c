"""Write results as one page that stands alone: figures to point at, plans, bounds with their reasons, side by side."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.answers import LIBRARY, Answer, Question, find_question, read_answer
from milp_amp.cli.output import complain
from milp_amp.cli.parser import writable
from milp_amp.plan.placement import ServingResult
from milp_amp.plan.result import Result
from milp_amp.problem.files import read_question, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

if TYPE_CHECKING:
    from milp_amp.bounds.prepass import Prepass
    from milp_amp.view.report.build import Report
    from milp_amp.view.serving_figures import Carried
    from milp_amp.view.training_figures import Judged

    Known = dict[tuple[str, str], Prepass]
    """Pre-passes by the instance's name and the cost model."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report``."""
    parser.add_argument("results", metavar="RESULT", nargs="+", help="results, as solve --output writes them")
    parser.add_argument("-o", "--output", required=True, type=writable, metavar="FILE", help="the page: report.html")
    parser.add_argument(
        "--instance",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help=f"what they answer; default: looked for by their names below {LIBRARY}/",
    )


def run(options: argparse.Namespace) -> int:
    """Read, judge, write; claims that are not confirmed and rules that are broken stand on the page too."""
    from milp_amp.view.report.build import build

    given = [(path, read_question(path)) for path in options.instance]
    answers = [(path, read_answer(path)) for path in options.results]
    found = [(path, find_question(answer, path, given), answer) for path, answer in answers]
    known: Known = {}
    report = build([(Path(path).name, _judged(question, answer, known)) for path, question, answer in found])
    write_atomically(options.output, report.content)
    return _exit_code(report)


def _judged(question: Question, answer: Answer, known: "Known") -> "Judged | Carried":
    """Return a result with its judge; the pre-pass, long on large clusters, is ``known`` from other results."""
    if isinstance(question, Instance) and isinstance(answer, Result):
        from milp_amp.bounds.prepass import prepare
        from milp_amp.view.training_figures import Judged

        key = question.name, answer.cost_model
        known[key] = known.get(key) or prepare(question, answer.cost_model)
        return Judged(question, answer, known[key])
    assert isinstance(question, ServingInstance)
    assert isinstance(answer, ServingResult)
    from milp_amp.view.serving_figures import Carried

    return Carried(question, answer)


def _exit_code(report: "Report") -> int:
    """Return the code of the worst that the judge finds, and say it."""
    if report.unconfirmed:
        complain(f"a claim failed its check: {report.unconfirmed[0]}")
        return exit_codes.FAILED_CHECK
    if report.violations:
        complain(f"the plan breaks a rule: {report.violations[0]}")
        return exit_codes.INVALID_PLAN
    return exit_codes.SUCCESS
