"""``solve --top``: several plans that differ in what one chooses, instead of the best one alone."""

import argparse

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.progress import Progress
from milp_amp.cli.start import read_start
from milp_amp.errors import InputError
from milp_amp.problem.files import to_json, write_atomically
from milp_amp.problem.instance import Instance


def add_alternatives(parser: argparse.ArgumentParser) -> None:
    """Add how many plans are asked for."""
    parser.add_argument(
        "--top",
        type=int,
        metavar="K",
        help="the K best plans that differ in data degree, microbatch size, or the tensor degrees or device types of "
        "their stages in order, each the best of its choice. The JSON document has them in 'results', best first, each "
        "a result as without --top whose 'bound' holds for all choices but those before it; 'choices', what each is "
        "the best plan of; 'others_bound', what no other choice beats; 'complete', whether there is no other; and "
        "'status', the proof of the whole list, which is the exit code",
    )


def answer_alternatives(instance: Instance, options: argparse.Namespace) -> int:
    """Find, write and show the list; return the exit code."""
    from milp_amp.solving.alternatives import alternatives
    from milp_amp.view.alternatives_text import describe, render_alternatives

    if options.export_program is not None:
        raise InputError("--export-program: the program of one plan, expected none with --top")
    found = alternatives(
        instance,
        options.top,
        options.formulation,
        cost_model=options.cost_model,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        gap=options.gap,
        warm_start=read_start(options.warm_start) if options.warm_start else None,
        progress=Progress(instance.objective.unit),
        listed=lambda number, result: inform(describe(instance, number, result)),
    )
    try:
        if options.output is not None:
            write_atomically(options.output, to_json(found))
    finally:
        emit(to_json(found).decode() if options.format == "json" else render_alternatives(instance, found))
    return exit_codes.of_status(found.status)
