"""Price measured trials and compare: error, rank correlation, regret, and what was predicted to fit."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, add_format, writable
from milp_amp.errors import InputError
from milp_amp.problem.files import read, to_json, write_atomically
from milp_amp.view.canvas import FORMATS, require_matplotlib
from milp_amp.view.scatter import Points, draw
from milp_amp.view.table import table
from milp_amp.view.units_text import percent

if TYPE_CHECKING:
    from milp_amp.bench.validation import Agreement, Priced

    Rows = tuple[Priced, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``validate``."""
    parser.add_argument(
        "trials", metavar="TRIALS", help="CSV of measured plans, placed by their replica_types, or else in rank order"
    )
    parser.add_argument("--instance", required=True, metavar="I", help="the instance they were measured on")
    add_cost_model(parser)
    add_format(parser)
    parser.add_argument("--csv", type=writable, metavar="FILE", help="write every trial with its prediction")
    parser.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw predicted over measured seconds, as {', '.join(FORMATS)} by the name's end (needs matplotlib)",
    )


def picture(text: str) -> Path:
    """Read the place of a picture, whose name says its format."""
    if _form(Path(text)) not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a name that ends in .{', .'.join(FORMATS)}")
    return writable(text)


def run(options: argparse.Namespace) -> int:
    """Price every trial and say what the prices are worth."""
    from milp_amp.bench.trials import read_trials
    from milp_amp.bench.validation import price_trials

    if options.plot is not None:
        require_matplotlib()
    instance = read(options.instance)
    rows = price_trials(instance, read_trials(options.trials), options.cost_model)
    try:
        _write(rows, options)
    finally:
        emit(to_json(_document(rows)).decode() if options.format == "json" else _table(rows))
    return exit_codes.SUCCESS


def _write(rows: "Rows", options: argparse.Namespace) -> None:
    from milp_amp.bench.records import to_csv

    if options.csv is not None:
        write_atomically(options.csv, to_csv(rows))
    if options.plot is not None:
        write_atomically(options.plot, _drawn(rows, options))


def _drawn(rows: "Rows", options: argparse.Namespace) -> bytes:
    from milp_amp.bench.validation import agreement

    shown = [row for row in rows if row.predicted and row.trial.measured]
    if (found := agreement(shown)) is None:
        raise InputError(f"{options.plot}: no trial both ran and has a price, expected at least one to draw")
    points = Points(
        measured=[row.trial.measured or 0.0 for row in shown],
        predicted=[row.predicted or 0.0 for row in shown],
        tensor_parallel=[row.trial.tensor_parallel for row in shown],
        fits=[row.fits for row in shown],
    )
    title = f"mean error {percent(found.mean_error)}, Spearman {found.spearman:.4f}"
    return draw(points, _form(options.plot), title, options.cost_model)


def _form(file: Path) -> str:
    return file.suffix.lower().removeprefix(".")


def _document(rows: "Rows") -> dict[str, Any]:
    """Return what the table says as numbers, errors as fractions; what is not a number is ``null``."""
    from milp_amp.bench.validation import TRIES, agreement, fitting

    found, fit = agreement(rows), fitting(rows)
    names = ("mean_error", "median_error", "bias", "spearman", "kendall")
    regrets = (None,) * len(TRIES) if found is None else found.regrets
    refused, rightly = _otherwise(rows)
    return {
        "trials": len(rows),
        "ran": _ran(rows),
        "broke_another_rule": {"trials": refused, "did_not_run": rightly},
        "compared": 0 if found is None else found.compared,
        **{name: getattr(found, name, None) for name in names},
        **{f"regret_at_{tries}": value for tries, value in zip(TRIES, regrets, strict=True)},
        "memory": {
            "did_not_run_and_predicted_not_to_fit": fit.named,
            "did_not_run_and_predicted_to_fit": fit.missed,
            "ran_and_predicted_not_to_fit": fit.false_alarms,
            "compared": fit.compared,
            "mean_error": fit.mean_error,
        },
    }


def _table(rows: "Rows") -> str:
    from milp_amp.bench.validation import agreement

    trials = ("trials", f"{len(rows)}, of which {_ran(rows)} ran")
    return table(("measure", "value"), [trials, *_running(rows), *_agreement(agreement(rows)), *_memory(rows)])


def _ran(rows: "Rows") -> int:
    return sum(1 for row in rows if row.trial.measured is not None)


def _otherwise(rows: "Rows") -> tuple[int, int]:
    """Count the trials that break another rule than that of memory, and those of them that did not run."""
    refused = [row for row in rows if row.violation and row.fits]
    return len(refused), sum(1 for row in refused if row.trial.measured is None)


def _running(rows: "Rows") -> list[tuple[str, str]]:
    """Say which trials were predicted not to run, and why: for want of memory, or by another rule."""
    from milp_amp.bench.validation import fitting

    fit, (refused, rightly) = fitting(rows), _otherwise(rows)
    if all(row.headroom is None for row in rows):
        return [("predicted not to run", f"{refused}, of which {rightly} did not")]
    ran = _ran(rows)
    return [
        ("did not run", f"{len(rows) - ran}, of which {fit.named} were predicted not to fit"),
        ("ran", f"{ran}, of which {fit.false_alarms} were predicted not to fit"),
        *([("broke another rule", f"{refused}, of which {rightly} did not run")] if refused else []),
    ]


def _agreement(found: "Agreement | None") -> list[tuple[str, str]]:
    if found is None:
        return [("compared", "0: no trial both ran and has a price")]
    regrets = zip(found.tries, found.regrets, strict=True)
    return [
        ("compared", str(found.compared)),
        ("mean absolute error", percent(found.mean_error)),
        ("median absolute error", percent(found.median_error)),
        ("bias", percent(found.bias)),
        ("Spearman", f"{found.spearman:.4f}"),
        ("Kendall", f"{found.kendall:.4f}"),
        *((f"regret@{tries}", f"{value:.4f} times the best measured") for tries, value in regrets),
    ]


def _memory(rows: "Rows") -> list[tuple[str, str]]:
    """Say how far predicted memory is from measured peaks, where there are any."""
    from milp_amp.bench.validation import fitting

    fit = fitting(rows)
    return [("mean memory error", f"{percent(fit.mean_error)}, of {fit.compared} peaks")] if fit.compared else []
