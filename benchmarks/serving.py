"""Helix's instances by Helix's program and by ours, as a Markdown table.

    python -m benchmarks.serving [--time-limit 60] [--formulations serving_helix,serving_helix_clipped,auto]

The bound of a row is that of the package, which holds over all placements; what Helix's program alone proves is in
brackets. Rules of thumb can be asked too: serving_petals, serving_swarm, serving_separate. Run from the root of the
repository.
"""

import argparse
from pathlib import Path

from milp_amp.plan.placement import ServingResult
from milp_amp.problem.files import read_serving
from milp_amp.solving.serving import solve_serving

FOLDER = Path("instances/helix")
NAMES = ("single-70b-24", "high-heterogeneity-70b-42", "cluster10-30b", "a100-30b-4", "l4-30b-8", "t4-30b-12")

ALONE = "the program alone proves at most "
"""How Helix's program begins its note."""


def cell(result: ServingResult) -> str:
    """Return what was found, when, and what was proved."""
    proved = [note.removeprefix(ALONE).removesuffix(" tokens/s") for note in result.notes if note.startswith(ALONE)]
    alone = f" [{proved[0]}]" if proved else ""
    if result.objective is None:
        return f"nothing in {result.runtime_s:.0f} s{alone}"
    found = next(point.time_s for point in result.trace if point.objective == result.objective)
    return f"{result.objective:,.2f} after {found:.2g} s, bound {result.bound:,.2f}{alone}"


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--formulations", default="serving_helix,serving_helix_clipped,auto")
    options = parser.parse_args()
    formulations = options.formulations.split(",")
    print(f"| instance | {' | '.join(formulations)} |\n|---|{'---|' * len(formulations)}")
    for name in NAMES:
        instance = read_serving(FOLDER / f"{name}.json")
        cells = [cell(solve_serving(instance, each, time_limit=options.time_limit)) for each in formulations]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
