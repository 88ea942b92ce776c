"""The instances of Sailor beside what its search finds, as a Markdown table.

python -m benchmarks.sailor [--names a100-32 …] [--formulation NAME] [--time-limit S]

Sailor's values: Strati et al., "Sailor: Automating Distributed Training over Dynamic, Heterogeneous, and
Geo-distributed Clusters", SOSP 2025: seconds per step in its simulator of the plans its search chooses. "Known before"
is the best of plans with uneven layers whose stages have one device type and tensor degree each, under the same costs.
"""

import argparse
from pathlib import Path

from benchmarks.outcomes import Outcome, apart, compile_once, first_plan, number, percent
from milp_amp.problem.files import read

FOLDER = Path(__file__).parents[1] / "instances" / "sailor"

SAILOR = {
    "a100-32": 7.993,
    "a100-80": 3.673,
    "a100-128": 2.395,
    "a100-v100-32-96": 5.884,
    "a100-v100-80-240": 2.771,
    "a100-v100-128-384": 1.912,
}
"""Seconds per step that Sailor's search reaches; it publishes none for the other instances."""

KNOWN_BEFORE = {
    "a100-32": 7.710,
    "a100-80": 3.673,
    "a100-128": 2.395,
    "a100-v100-32-96": 5.071,
    "a100-v100-80-240": 2.478,
    "a100-v100-128-384": 1.758,
    "geo-5x32": 2.411,
    "geo-5x80": 1.374,
    "geo-5x128": 0.981,
    "min-price": 0.2773,
    "max-throughput": 1.390,
}
"""Seconds per step, or dollars where the instance asks for the least price."""


def row(name: str, unit: str, outcome: Outcome) -> str:
    """Return an instance's row of the table."""
    published, before = number(SAILOR.get(name), 4), number(KNOWN_BEFORE[name], 4)
    found = outcome.result
    if found is None:
        return f"| {name} | {published} | {before} | {outcome.failure} |" + " |" * 5
    first = first_plan(found)
    began = "–" if first is None else f"{number(first.objective, 5)} {unit} in {number(first.time_s)} s"
    return (
        f"| {name} | {published} | {before} | {number(found.objective, 5)} {unit} | {number(found.bound, 5)} {unit} "
        f"| {percent(found.gap)} | {found.status.value} | {began} | {number(outcome.search_s)} s |"
    )


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", choices=tuple(KNOWN_BEFORE), default=list(KNOWN_BEFORE), metavar="NAME")
    parser.add_argument("--formulation", default="placement_search")
    parser.add_argument("--time-limit", type=float, default=300.0, metavar="S")
    options = parser.parse_args()
    compile_once(["placement_search"])
    print("| instance | Sailor | known before | found | bound | gap | status | first plan | seconds |")
    print("|---" * 9 + "|")
    for name in options.names:
        path = FOLDER / f"{name}.json"
        outcome = apart(path, options.formulation, "sailor", options.time_limit)
        print(row(name, read(path).objective.unit, outcome), flush=True)


if __name__ == "__main__":
    main()
