"""Answer the questions of ``instances/best_known.csv`` again, and take what is better.

python -m benchmarks.best_known [--only TEXT …] [--formulation auto] [--time-limit 60] [--threads 2] [--unproved]

Each starts from the plan that is known. A run that is stopped has taken what it found before.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from milp_amp.bench.best_known import FLOW, TABLE, BestKnown
from milp_amp.bench.library_update import update
from milp_amp.bench.rows import read_rows

ROOT = Path(__file__).parents[1] / "instances"


def chosen(rows: Iterable[BestKnown], only: list[str], *, unproved: bool) -> Iterator[BestKnown]:
    """Yield the rows whose instance or cost model is one of those asked for, optimal ones only if they are."""
    for row in rows:
        if (not only or any(text in "--".join(row.key) for text in only)) and not (
            unproved and row.status == "optimal"
        ):
            yield row


def command(row: BestKnown, formulation: str, time_limit: float, threads: int, output: Path) -> list[str]:
    """Return the command that answers a question anew."""
    costs = [] if row.cost_model == FLOW else ["--cost-model", row.cost_model]
    start = ["--warm-start", str(ROOT / row.plan), "--formulation", formulation]
    limits = ["--time-limit", str(time_limit), "--threads", str(threads), "--output", str(output)]
    return [sys.executable, "-m", "milp_amp", "solve", str(ROOT / row.instance), *costs, *start, *limits]


def main() -> None:
    """Solve one after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="parts of <family>/<name>.json--<costs>")
    parser.add_argument("--formulation", default="auto", metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--unproved", action="store_true", help="leave out what is optimal")
    options = parser.parse_args()
    for row in chosen(read_rows(ROOT / TABLE, BestKnown), options.only, unproved=options.unproved):
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            limits = options.formulation, options.time_limit, options.threads
            subprocess.run(command(row, *limits, result), capture_output=True, check=False)
            new = update(ROOT, row.instance, result, datetime.now(UTC).date()) if result.exists() else None
        print(", ".join(row.key), "no better" if new is None else f"{new.value!r}, {new.status}", flush=True)


if __name__ == "__main__":
    main()
