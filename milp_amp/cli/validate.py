"""Price measured trials and compare: error, rank correlation, regret."""

import argparse
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.cli.parser import add_cost_model, writable
from milp_amp.problem.files import read, write_atomically
from milp_amp.view.table import table
from milp_amp.view.units_text import percent

if TYPE_CHECKING:
    from milp_amp.bench.validation import Agreement, Priced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``validate``."""
    parser.add_argument("trials", metavar="TRIALS", help="CSV of measured plans, placed in rank order")
    parser.add_argument("--instance", required=True, metavar="I", help="the instance they were measured on")
    add_cost_model(parser)
    parser.add_argument("--csv", type=writable, metavar="FILE", help="write every trial with its prediction")


def run(options: argparse.Namespace) -> int:
    """Price every trial and say what the prices are worth."""
    from milp_amp.bench.trials import read_trials
    from milp_amp.bench.validation import agreement, price_trials

    instance = read(options.instance)
    rows = price_trials(instance, read_trials(options.trials), options.cost_model)
    try:
        if options.csv is not None:
            from pandas import DataFrame

            content = DataFrame([_record(row) for row in rows]).to_csv(index=False)
            write_atomically(options.csv, content.encode())
    finally:
        emit(table(("measure", "value"), [*_counts(rows), *_agreement(agreement(rows))]))
    return exit_codes.SUCCESS


def _counts(rows: "tuple[Priced, ...]") -> list[tuple[str, str]]:
    ran = sum(1 for row in rows if row.trial.measured is not None)
    refused = [row for row in rows if row.violation]
    rightly = sum(1 for row in refused if row.trial.measured is None)
    return [
        ("trials", f"{len(rows)}, of which {ran} ran"),
        ("predicted not to run", f"{len(refused)}, of which {rightly} did not"),
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


def _record(row: "Priced") -> dict[str, object]:
    trial = row.trial
    return {
        "tensor_parallel": trial.tensor_parallel,
        "data_parallel": trial.data_parallel,
        "pipeline_parallel": trial.pipeline_parallel,
        "microbatch_size": trial.microbatch_size,
        "partition_boundaries": " ".join(map(str, trial.boundaries)),
        "measured_s": trial.measured,
        "predicted_s": row.predicted,
        "violation": row.violation,
    }
