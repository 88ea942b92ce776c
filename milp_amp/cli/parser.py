"""The options of every command."""

import argparse
import math
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from milp_amp.cost.model import COST_MODELS
from milp_amp.errors import InputError
from milp_amp.problem.files import check_writable
from milp_amp.problem.restrictions import RANGES

_COMMANDS = {
    "solve": "find the best plan and prove how good it is",
    "compare": "solve every instance with every formulation, one row each, the baseline first",
    "bench": "run a suite, each run a process of its own: tables, profiles, and what got slower",
    "evaluate": "judge a plan from anywhere: a result, or a strategy written by hand",
    "explain": "why this plan, why none, and what to buy: by searching again",
    "inspect": "what an instance says: what its profile covers, how well, and what is missing",
    "serve": "simulate what a placement serves: tokens per second, waiting, and where",
    "pareto": "answers between which taste decides: step time against price or memory, served tokens against seconds",
    "schedule": "how often every machine of a placement sends to which: weights, and their order, as JSON",
    "bounds": "what is known before any search: flows, bounds, and the reason of each",
    "library": "the instances as a benchmark: what there is, what is known, whether it is true, what is better",
    "formulations": "what is installed, what each proves, and which solvers answer",
    "generate": "write a synthetic instance: a fat tree, islands, or a bandwidth matrix",
    "profile": "write an instance that nobody measured, from a model's config.json and data sheets",
    "measure": "time a model's layers on the device at hand, for an instance's profile (needs PyTorch)",
    "calibrate": "fit a few physical numbers to measured trials",
    "plot": "draw a result: its step, layers, memory, search and cluster",
    "report": "write results as one page: figures, plans, bounds and their reasons, side by side",
    "import": "write an instance from other tools' files: models, profiles, links, lists of machines",
    "export": "write a plan as a launcher takes it: arguments, configuration, host files, ranks",
    "validate": "predicted against measured: error, rank correlation, regret",
}

_MODULES = {"import": "import_"}
"""Modules of commands that Python would read as words of its own."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are exceptions, so that bad options are bad input like any other."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving with a code of its own."""
        raise InputError(message)


def build_parser() -> Parser:
    """Return the parser of ``milp-amp``; every command module adds its own arguments and ``run``."""
    parser = Parser(
        prog="milp-amp",
        description="Finds how to train a large model on the machines one has, and proves how good its answer is.",
        epilog="Exit codes: 0 optimal, 10 feasible, 11 infeasible (evaluate: the plan breaks a rule), 12 unknown, "
        "20 bad input, 30 solver failure, 31 a claim failed its check, 130 ended by Ctrl-C (in a search, the second).",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"milp-amp {version('milp-amp')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, summary in _COMMANDS.items():
        module: Any = import_module(f"milp_amp.cli.{_MODULES.get(name, name)}")
        command = commands.add_parser(name, help=summary, description=module.__doc__, allow_abbrev=False)
        command.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        command.set_defaults(run=module.run)
        module.add_arguments(command)
    return parser


def add_instance(parser: argparse.ArgumentParser) -> None:
    """Add the instance, the first argument of most commands."""
    parser.add_argument("instance", metavar="INSTANCE", help="an instance file")


def add_restrictions(parser: argparse.ArgumentParser) -> None:
    """Add restrictions to those of the instance."""
    parser.add_argument(
        "--restrict",
        action="append",
        default=[],
        metavar="TEXT",
        help="keep to TEXT, beside the instance's own restrictions (repeatable): 'COUNT<=N', 'COUNT>=N', 'COUNT=N' or "
        f"'COUNT=N,M' where COUNT is {', '.join(RANGES[:-1])} or {RANGES[-1]}; 'even_layers'; "
        "'uniform_tensor_parallel'; 'layers I-J in stage S'; 'nodes A,B in stage S'; 'idle A,B'; 'stage I-J'; "
        "'stage I-J on A,B'; layers and stages count from 0, stage -1 is the last",
    )


def add_objective(parser: argparse.ArgumentParser) -> None:
    """Add what is asked for, in place of what the instance asks for."""
    parser.add_argument("--minimise", choices=("step_time", "price"), help="in place of the instance's objective")
    parser.add_argument(
        "--least-steps-per-second",
        type=positive,
        metavar="X",
        help="slower plans are no answers, whatever the instance says",
    )
    parser.add_argument(
        "--most-price-per-step",
        type=not_negative,
        metavar="X",
        help="dearer plans are no answers, whatever the instance says",
    )


def add_cost_model(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the cost model."""
    parser.add_argument("--cost-model", choices=COST_MODELS, default="pipeline", help="default: %(default)s")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the choice between a report and one JSON document."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """Add the time limit."""
    parser.add_argument("--time-limit", type=seconds, metavar="S", help="wall seconds for everything")


def seconds(text: str) -> float:
    """Read a time limit."""
    value = _number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r}, expected seconds > 0")
    return value


def positive(text: str) -> float:
    """Read a finite number above zero."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number > 0")
    return value


def not_negative(text: str) -> float:
    """Read a finite number that is zero or more."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number >= 0")
    return value


def fraction(text: str) -> float:
    """Read a gap."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a fraction from 0 to below 1")
    return value


def name_list(text: str) -> tuple[str, ...]:
    """Read a list of names separated by commas."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}, expected names separated by commas")
    return found


def whole_numbers(text: str) -> tuple[int, ...]:
    """Read a list of whole numbers separated by commas."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}, expected whole numbers separated by commas") from None


def writable(text: str) -> Path:
    """Read the place of a file to be written, before any work is done for it."""
    try:
        check_writable(text)
    except InputError as failure:
        raise argparse.ArgumentTypeError(str(failure)) from None
    return Path(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number")
    return value
