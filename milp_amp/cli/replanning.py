"""``solve --replan-from``: a plan near the best one that moves little of the one that runs."""

import argparse

from milp_amp.cli.parser import fraction
from milp_amp.cli.progress import Progress
from milp_amp.errors import InputError
from milp_amp.plan.files import read_strategy
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance

_ALONE = ("top", "warm_start", "export_program")
"""Options that ask for something else."""


def add_replanning(parser: argparse.ArgumentParser) -> None:
    """Add the plan that runs, and how much worse than the best one the next may be."""
    parser.add_argument(
        "--replan-from",
        metavar="RESULT",
        help="the plan that runs, a result or a strategy, perhaps on devices that are not in INSTANCE any more: find a "
        "plan near the best one for which few parameters are moved; what is moved is said in 'notes'. Nodes that are "
        "lost but in the middle of a group are said to be idle with --restrict",
    )
    parser.add_argument(
        "--replan-tolerance",
        type=fraction,
        metavar="G",
        help="by how much such a plan may be worse than the best one, relatively; default: 0.01",
    )


def answer_replanned(instance: Instance, options: argparse.Namespace) -> Result:
    """Return the plan that moves little."""
    from milp_amp.solving.replanning import TOLERANCE, replanned

    for name in _ALONE:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: asks for something else, expected none with --replan-from")
    return replanned(
        instance,
        read_strategy(options.replan_from),
        options.formulation,
        tolerance=TOLERANCE if options.replan_tolerance is None else options.replan_tolerance,
        cost_model=options.cost_model,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        gap=options.gap,
        progress=Progress(instance.objective.unit),
    )
