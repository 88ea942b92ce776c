"""Find answers between which only taste decides.

Training: the step time against the price of a step, or against the memory that the plan leaves free (``--against``).
Serving: more served tokens per second, or each of them sooner.
"""

import argparse
from collections.abc import Callable

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import (
    add_cost_model,
    add_format,
    add_instance,
    add_restrictions,
    add_time_limit,
    fraction,
    writable,
)
from milp_amp.cli.validate import picture
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.errors import InputError
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_question, to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance
from milp_amp.view.canvas import FORMATS, require_matplotlib

SERVING_POINTS = 5
"""Limits on the seconds of a token, unless others are asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``pareto``."""
    add_instance(parser)
    parser.add_argument(
        "--against",
        choices=("price", "memory"),
        help="training: what the step time is set against: the price of a step, or the GiB that are left free on the "
        "fullest device in use",
    )
    parser.add_argument("--formulation", default="auto", metavar="NAME", help="training; default: %(default)s")
    add_restrictions(parser)
    add_cost_model(parser)
    parser.add_argument(
        "--gap",
        type=fraction,
        metavar="G",
        help=f"training: values that differ by less are one value; default: {DEFAULT_GAP}",
    )
    parser.add_argument(
        "--requests",
        metavar="FILE",
        help="serving: CSV with prompt_tokens, output_tokens; default: some with the means that the instance states",
    )
    parser.add_argument(
        "--points",
        type=int,
        metavar="N",
        help="training: points after which to end, default: all there are; serving: limits on the seconds of a token, "
        f"default: {SERVING_POINTS}",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    add_time_limit(parser)
    parser.add_argument(
        "--output",
        type=writable,
        metavar="FILE",
        help="write the front as JSON, plans included; training: 'complete' says that no point is missing",
    )
    parser.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw the front, as {', '.join(FORMATS)} by the name's end (needs matplotlib)",
    )
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Search, write, show."""
    if options.plot is not None:
        require_matplotlib()
    instance = read_question(options.instance)
    if isinstance(instance, ServingInstance):
        return _serve(instance, options)
    return _train(instance, options)


def _train(instance: Instance, options: argparse.Namespace) -> int:
    """Show the front of a question about training."""
    from milp_amp.solving.front import front
    from milp_amp.view.front_text import describe, draw_front, render_front

    if options.against is None:
        raise InputError(f"{options.instance}: about training, expected --against price or --against memory")
    if options.requests is not None:
        raise InputError(f"{options.instance}: --requests is about serving, expected none")
    found = front(
        instance.restricted(*options.restrict),
        options.against,
        options.formulation,
        cost_model=options.cost_model,
        time_limit=options.time_limit,
        seed=options.seed,
        gap=DEFAULT_GAP if options.gap is None else options.gap,
        points=options.points,
        progress=lambda point, elapsed: inform(describe(point, elapsed)),
    )
    _answer(options, found, lambda: render_front(found), lambda form: draw_front(found, form))
    return exit_codes.of_status(found.status)


def _serve(instance: ServingInstance, options: argparse.Namespace) -> int:
    """Show the front of a question about serving."""
    from milp_amp.judge.serve import load_from
    from milp_amp.solving.pareto import pareto
    from milp_amp.view.pareto_text import describe, draw_front, render_front

    for name in ("against", "restrict", "gap"):
        if getattr(options, name):
            raise InputError(f"{options.instance}: --{name} is about training, expected none")
    found = pareto(
        instance,
        load_from(options.requests) if options.requests else None,
        points=SERVING_POINTS if options.points is None else options.points,
        seed=options.seed,
        time_limit=options.time_limit,
        progress=lambda event: inform(describe(event)),
    )
    _answer(options, found, lambda: render_front(instance, found), lambda form: draw_front(found, form))
    return exit_codes.of_status(Status.FEASIBLE if found.points else Status.UNKNOWN)


def _answer(
    options: argparse.Namespace, found: object, report: Callable[[], str], picture_of: Callable[[str], bytes]
) -> None:
    """Write the front and its picture where they should go, and show it."""
    try:
        if options.output is not None:
            write_atomically(options.output, to_json(found))
        if options.plot is not None:
            write_atomically(options.plot, picture_of(options.plot.suffix.lower().removeprefix(".")))
    finally:
        emit(to_json(found).decode() if options.format == "json" else report())
