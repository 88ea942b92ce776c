"""What formulations find of the generated instances, a row per run.

python -m benchmarks.family [--names one-type-16 …] [--formulations NAME …] [--time-limit S] --output FILE

Skips the rows that the file has: a run that was stopped goes on where it ended, and a row that is deleted is measured
again. Values and bounds are seconds per step; "by" is what found the plan.
"""

import argparse
import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.outcomes import Outcome, apart, compile_once

ROOT = Path(__file__).parents[1] / "instances"
COLUMNS = (
    "instance",
    "formulation",
    "time_limit_s",
    "status",
    "value_s",
    "bound_s",
    "gap",
    "by",
    "seconds",
    "date",
)
FORMULATIONS = ("auto", "placement_search")

Pair = tuple[str, str]
"""An instance's name and a formulation: what a row is about."""


def known(path: Path) -> set[Pair]:
    """Return what the file has rows of."""
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {(row["instance"], row["formulation"]) for row in csv.DictReader(file)}


def missing(names: list[str], formulations: list[str], path: Path) -> Iterator[Pair]:
    """Yield what is asked and not in the file yet."""
    done = known(path)
    yield from ((name, each) for name in names for each in formulations if (name, each) not in done)


def record(name: str, formulation: str, time_limit: float, outcome: Outcome) -> dict[str, Any]:
    """Return one row."""
    found = outcome.result
    claim = (found.objective, found.bound, found.gap, found.formulation) if found else (None, None, None, "")
    seconds, today = f"{outcome.search_s:.2f}", datetime.now(UTC).date().isoformat()
    values = (name, formulation, time_limit, outcome.status, *claim, seconds, today)
    return dict(zip(COLUMNS, values, strict=True))


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the file, and the head if it has none."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            lines.writeheader()
        lines.writerow(row)


def main() -> None:
    """Measure what is missing, each run in a process of its own."""
    generated = sorted(path.stem for path in (ROOT / "synthetic").glob("*.json"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", choices=generated, default=generated, metavar="NAME")
    parser.add_argument("--formulations", nargs="+", default=list(FORMULATIONS), metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    compile_once(["placement_search"])
    for name, formulation in missing(options.names, options.formulations, options.output):
        outcome = apart(ROOT / "synthetic" / f"{name}.json", formulation, "pipeline", options.time_limit)
        row = record(name, formulation, options.time_limit, outcome)
        append(options.output, row)
        print(", ".join(f"{value}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
