"""Explain why a plan is what it is, why there is none, or what to buy: every sentence from searching again.

Of the spaces that `auto` searches: what contradicts each other leaves no plan in them, and that each of it is needed
is shown by a plan. What the time limit leaves open is said to be not decided.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import (
    add_cost_model,
    add_format,
    add_instance,
    add_objective,
    add_restrictions,
    add_time_limit,
)
from milp_amp.cli.progress import Progress
from milp_amp.engine.interrupts import run_interruptibly
from milp_amp.errors import InputError
from milp_amp.plan.files import read_plan
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_question, to_json
from milp_amp.problem.instance import Instance

if TYPE_CHECKING:
    from milp_amp.solving.explaining.asking import Asker
    from milp_amp.view.explain_document import Document

QUESTIONS = ("plan", "infeasible", "purchase")


@dataclass(frozen=True)
class _Told:
    """An explanation, both ways to show it, and what it says of the question itself."""

    status: Status
    text: Callable[[], str]
    document: "Callable[[], Document]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``explain``."""
    add_instance(parser)
    parser.add_argument("--plan", metavar="RESULT", help="a result or a strategy to explain, in place of the best plan")
    parser.add_argument(
        "--what", choices=QUESTIONS, help="default: the plan, or where there is none what contradicts each other"
    )
    add_restrictions(parser)
    add_objective(parser)
    add_cost_model(parser)
    add_time_limit(parser)
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Search again and again, and show what that tells."""
    from milp_amp.solving.explaining.asking import Asker

    instance = read_question(options.instance)
    if not isinstance(instance, Instance):
        raise InputError(f"{options.instance}: an instance about serving, expected one about training")
    if options.what == "infeasible" and options.plan is not None:
        raise InputError(f"--plan {options.plan}: a plan where there is none, expected --what plan or purchase")
    instance = instance.asked(**_objective(options))
    asker = Asker(
        instance,
        options.cost_model,
        time_limit=options.time_limit or math.inf,
        threads=options.threads,
        seed=options.seed,
        tell=inform,
        progress=Progress(instance.objective.unit),
    )
    told = run_interruptibly(lambda: _told(asker, options), asker.stop)
    emit(to_json(told.document()).decode() if options.format == "json" else told.text())
    return exit_codes.of_status(told.status)


def _objective(options: argparse.Namespace) -> dict[str, object]:
    asked = {name: getattr(options, name) for name in ("minimise", "least_steps_per_second", "most_price_per_step")}
    return {name: value for name, value in asked.items() if value is not None}


def _told(asker: "Asker", options: argparse.Namespace) -> _Told:
    if options.what == "infeasible":
        return _infeasible(asker, options)
    return (_purchase if options.what == "purchase" else _plan)(asker, options)


def _plan(asker: "Asker", options: argparse.Namespace) -> _Told:
    from milp_amp.solving.explaining.plan import PlanExplanation, explain_plan
    from milp_amp.view.explain_document import plan_document
    from milp_amp.view.explain_text import render_plan

    restricted = asker.about(asker.instance.restricted(*options.restrict))
    told = explain_plan(restricted, read_plan(options.plan) if options.plan else None)
    if isinstance(told, PlanExplanation):
        instance = restricted.instance
        return _Told(told.result.status, lambda: render_plan(instance, told), lambda: plan_document(told))
    return _infeasible(asker, options)


def _infeasible(asker: "Asker", options: argparse.Namespace) -> _Told:
    from milp_amp.solving.explaining.infeasible import explain_infeasible
    from milp_amp.view.explain_document import infeasible_document
    from milp_amp.view.explain_text import render_infeasible

    told = explain_infeasible(asker, options.restrict)
    return _Told(told.status, lambda: render_infeasible(asker.instance, told), lambda: infeasible_document(told))


def _purchase(asker: "Asker", options: argparse.Namespace) -> _Told:
    from milp_amp.solving.explaining.purchase import explain_purchase
    from milp_amp.view.explain_document import purchase_document
    from milp_amp.view.explain_text import render_purchase

    asker = asker.about(asker.instance.restricted(*options.restrict))
    told = explain_purchase(asker, read_plan(options.plan) if options.plan else None)
    status = told.result.status
    return _Told(status, lambda: render_purchase(asker.instance, told), lambda: purchase_document(told))
