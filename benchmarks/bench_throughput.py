"""How many more runs two jobs of ``milp-amp bench`` finish than one: ``python -m benchmarks.bench_throughput``.

Rounds of both take turns, so that whatever else the machine does falls on both alike. Every run has one thread.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Print a line per round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", nargs="+", default=["amp"])
    parser.add_argument("--formulations", default="interval_milp,interval_cpsat")
    parser.add_argument("--seeds", default="3")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for number in range(options.rounds):
        (alone, _), (together, busy) = (measured(options, jobs) for jobs in (1, options.jobs))
        print(
            f"round {number}: {alone:.1f} runs per minute, {together:.1f} with {options.jobs} jobs: "
            f"{together / alone:.2f} times; {busy:.2f} runs were on their way at a time",
            flush=True,
        )


def measured(options: argparse.Namespace, jobs: int) -> tuple[float, float]:
    """Return runs per minute, first start to last table, and how many were on their way at a time.

    The second tells what the harness wastes from what a busy machine withholds.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "-m", "milp_amp", "bench", *options.suite, "--formulations", options.formulations),
                *("--seeds", options.seeds, "--threads", "1", "--jobs", str(jobs), "-o", folder),
            ],
            check=True,
            capture_output=True,
        )
        seconds = time.perf_counter() - began
        walls = [json.loads(line)["wall_s"] for line in (Path(folder) / "journal.jsonl").read_bytes().splitlines()]
        return 60 * len(walls) / seconds, sum(walls) / seconds


if __name__ == "__main__":
    main()
