"""Find placements between which only taste decides: more served tokens per second, or each of them sooner."""

import argparse

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import add_format, add_instance, add_time_limit, writable
from milp_amp.cli.validate import picture
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_serving, to_json, write_atomically
from milp_amp.view.scatter import FORMATS, require_matplotlib


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``pareto``."""
    add_instance(parser)
    parser.add_argument(
        "--requests",
        metavar="FILE",
        help="CSV: prompt_tokens, output_tokens; default: some with the means that the instance states",
    )
    parser.add_argument(
        "--points", type=int, default=5, metavar="N", help="limits on the seconds of a token; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    add_time_limit(parser)
    parser.add_argument("--output", type=writable, metavar="FILE", help="write the front as JSON, placements included")
    parser.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw tokens/s over seconds, as {', '.join(FORMATS)} by the name's end (needs matplotlib)",
    )
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Search, write, show."""
    from milp_amp.judge.serve import load_from
    from milp_amp.solving.pareto import pareto
    from milp_amp.view.pareto_text import describe, draw_front, render_front

    if options.plot is not None:
        require_matplotlib()
    instance = read_serving(options.instance)
    front = pareto(
        instance,
        load_from(options.requests) if options.requests else None,
        points=options.points,
        seed=options.seed,
        time_limit=options.time_limit,
        progress=lambda event: inform(describe(event)),
    )
    try:
        if options.output is not None:
            write_atomically(options.output, to_json(front))
        if options.plot is not None:
            write_atomically(options.plot, draw_front(front, options.plot.suffix.lower().removeprefix(".")))
    finally:
        emit(to_json(front).decode() if options.format == "json" else render_front(instance, front))
    return exit_codes.of_status(Status.FEASIBLE if front.points else Status.UNKNOWN)
