"""Fit a few physical numbers to measured trials, and write the instance that has them in it."""

import argparse

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import writable
from milp_amp.errors import InputError
from milp_amp.problem.calibration import Calibration, Number
from milp_amp.problem.files import read, write_atomically
from milp_amp.view.table import table
from milp_amp.view.units_text import percent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``calibrate``."""
    parser.add_argument("instance", metavar="INSTANCE", help="an instance file, as it was before any calibration")
    parser.add_argument("trials", metavar="TRIALS", help="CSV of measured plans")
    parser.add_argument("-o", "--output", type=writable, required=True, metavar="FILE", help="the calibrated instance")
    parser.add_argument(
        "--cost-model", default="pipeline", metavar="NAME", help="pipeline or blocking; default: pipeline"
    )
    parser.add_argument(
        "--numbers",
        metavar="A,B,…",
        help="fit just these; default: those that the trials speak for, one after the other",
    )
    parser.add_argument(
        "--from", dest="earlier", metavar="CALIBRATED", help="begin with the numbers of another calibrated instance"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the cross-validation's folds; default: 0")


def run(options: argparse.Namespace) -> int:
    """Fit, write, and say what was fitted and how well it predicts."""
    from milp_amp.bench.trials import read_trials
    from milp_amp.calibration.calibrate import Request, calibrate
    from milp_amp.generate.document import document

    request = Request(
        cost_model=options.cost_model,
        names=None if options.numbers is None else _names(options.numbers),
        given=() if options.earlier is None else _earlier(options.earlier),
        seed=options.seed,
    )
    calibrated = calibrate(read(options.instance), read_trials(options.trials), request, inform)
    write_atomically(options.output, document(calibrated))
    assert calibrated.calibration is not None  # it has just been made
    emit(_text(calibrated.calibration))
    return exit_codes.SUCCESS


def _names(text: str) -> tuple[str, ...]:
    """Split at the commas that are not inside brackets."""
    names, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    return tuple(name.strip() for name in names)


def _earlier(path: str) -> tuple[Number, ...]:
    calibration = read(path).calibration
    if calibration is None:
        raise InputError(f"{path}: no calibration, expected an instance that milp-amp calibrate wrote")
    return calibration.numbers


def _text(record: Calibration) -> str:
    numbers = [(n.name, f"{n.value:.4g}", f"{n.low:.4g} to {n.high:.4g}") for n in record.numbers]
    errors = [
        ("trials that ran", str(record.trials)),
        ("mean error on them", percent(record.mean_error)),
        ("cross-validated", "-" if record.cross_validation_error is None else percent(record.cross_validation_error)),
    ]
    return table(("number", "value", "95 %"), numbers) + "\n" + table(("measure", "value"), errors)
