"""Seconds to the first plan within 1 % of the best known one, with and without a start by gradient descent.

python -m benchmarks.gradient_starts [--formulation auto] [--time-limit 20] [--clock cpu] [--only amp/,sailor/]

Each run ends as soon as it is there. The time that the descent takes counts, as does compiling it where it is the first
of its shape in this process. A run that does not come so near counts its time limit.
"""

import argparse
import csv
import statistics
import threading
import time
from pathlib import Path

from milp_amp.errors import MilpAmpError
from milp_amp.plan.result import TracePoint
from milp_amp.problem.files import read
from milp_amp.solving import solve

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "instances"
NEAR = 0.01


def seconds(row: dict[str, str], formulation: str, warm_start: str | None, time_limit: float) -> float:
    """Return when the first plan within 1 % of the best known one is there."""
    stop, reached, began = threading.Event(), list[float](), time.perf_counter()

    def look(point: TracePoint) -> None:
        if point.objective is not None and point.objective <= (1 + NEAR) * float(row["value"]) and not reached:
            reached.append(time.perf_counter() - began)
            stop.set()

    try:
        solve(
            read(LIBRARY / row["instance"]), formulation, cost_model=row["cost_model"], time_limit=time_limit,
            threads=1, warm_start=warm_start, progress=look, stop=stop,
        )  # fmt: skip
    except MilpAmpError as failure:
        print(f"{row['instance']}: {failure}", flush=True)
    return reached[0] if reached else time_limit


def main() -> None:
    """Run and print the table as it grows, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formulation", default="auto")
    parser.add_argument("--time-limit", type=float, default=20.0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.clock == "cpu":
        time.perf_counter = time.process_time
    with (LIBRARY / "best_known.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["instance"].startswith(tuple(options.only.split(",")))]
    found = []
    print(f"| instance | cost model | {options.formulation} | from gradient |\n|---|---|---|---|")
    for row in rows:
        if row["objective"] == "most flow":
            continue
        found.append([seconds(row, options.formulation, start, options.time_limit) for start in (None, "gradient")])
        print(f"| {row['instance']} | {row['cost_model']} | {found[-1][0]:.2f} s | {found[-1][1]:.2f} s |", flush=True)
    alone, started = (statistics.median(times) for times in zip(*found, strict=True))
    print(f"\nmedians over {len(found)} questions: {alone:.2f} s alone, {started:.2f} s from gradient")


if __name__ == "__main__":
    main()
