"""Nine placements served by our simulator beside what Helix's says of them, as a Markdown table.

    python -m benchmarks.serving_simulation [--seeds 5]

The published values are those of ``instances/helix/placements/simulated.csv``. Ours are means over orders of the
requests, with an interval that holds the mean in 95 of 100 cases (Student's t). Seconds are those of one simulation of
660 s. Run from the root of the repository.
"""

import argparse
import csv
import statistics
import time
from dataclasses import replace
from pathlib import Path

from scipy.stats import spearmanr

from milp_amp.cost.network import measure
from milp_amp.errors import InputError
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.serve import load_from, serve
from milp_amp.plan.files import read_placement
from milp_amp.problem.files import read_serving
from milp_amp.solving.service import half_width

FOLDER = Path(__file__).parents[1] / "instances" / "helix"


def published_cases() -> list[dict[str, str]]:
    """Return the placements with published figures: their instance, their file, and what Helix's simulator says."""
    with (FOLDER / "placements" / "simulated.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def row(case: dict[str, str], seeds: int) -> tuple[str, float, float]:
    """Return a row of the table, what was published, and our mean."""
    instance = read_serving(FOLDER / f"{case['instance']}.json")
    placement = read_placement(FOLDER / "placements" / f"{case['placement']}.json")
    load, published = load_from(FOLDER / "requests.csv"), float(case["decode_tokens_per_s"])
    flow = even_flow(instance, placement, measure(instance.cluster))
    began = time.perf_counter()
    found = [serve(instance, placement, replace(load, seed=seed), flow).decode_tokens_per_s for seed in range(seeds)]
    seconds, mean = (time.perf_counter() - began) / seeds, statistics.mean(found)
    line = (
        f"| {case['placement']} | {flow.tokens_per_s:,.0f} | {published:.1f} | {mean:.1f} ± {half_width(found):.1f} "
        f"| {100 * (mean / published - 1):+.1f} % | {seconds:.1f} s |"
    )
    return line, published, mean


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    if seeds < 1:
        raise InputError(f"--seeds {seeds}, expected at least 1")
    print("| placement | flow, tokens/s | published, decode tokens/s | ours | deviation | wall |")
    print("|---|---|---|---|---|---|")
    published, ours = [], []
    for case in published_cases():
        line, said, found = row(case, seeds)
        print(line, flush=True)
        published.append(said)
        ours.append(found)
    off = statistics.mean(abs(found / said - 1) for found, said in zip(ours, published, strict=True))
    print(f"\nMean deviation {100 * off:.1f} %, rank correlation {spearmanr(ours, published).statistic:.2f}.")


if __name__ == "__main__":
    main()
