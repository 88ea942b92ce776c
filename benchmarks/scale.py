"""How the search grows: one kind of cluster from 48 to 16,384 devices of three types, as Markdown tables.

python -m benchmarks.scale [--names three-types-48 …] [--formulation NAME] [--time-limit S]

Each run is a process of its own, compiled code is on disk before the first one. "First plan" may come from a baseline.
An exponent is that of the number of devices, between one size and the next; the layers grow too.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.outcomes import Outcome, apart, compile_once, first_plan, gap_at, number, percent
from milp_amp.problem.files import read

FOLDER = Path(__file__).parents[1] / "instances" / "synthetic"
NAMES = ("three-types-48", "three-types-384", "three-types-1024", "three-types-4096", "three-types-16384")
EARLY = 60.0
"""Seconds of a run after which the gap is looked at."""

MEASURED: dict[str, Callable[[Outcome], float]] = {
    "build": lambda outcome: outcome.build_s,
    "search": lambda outcome: outcome.search_s if outcome.proved else math.inf,
    "check": lambda outcome: outcome.check_s,
    "memory": lambda outcome: outcome.memory_MiB,
}
"""What may grow; a search without a proof has no end to measure."""


@dataclass(frozen=True)
class Size:
    """One instance and its run."""

    name: str
    devices: int
    layers: int
    outcome: Outcome


def measure(name: str, formulation: str, time_limit: float) -> Size:
    """Run one instance."""
    path = FOLDER / f"{name}.json"
    instance = read(path)
    devices = sum(group.count * group.devices for group in instance.cluster.nodes)
    return Size(name, devices, instance.model.num_layers, apart(path, formulation, "pipeline", time_limit))


def row(size: Size) -> str:
    """Return an instance's row of the table."""
    outcome, found = size.outcome, size.outcome.result
    if found is None:
        return f"| {size.name} | {size.devices} | {size.layers} | {outcome.failure} |" + " |" * 8
    first = first_plan(found)
    began = None if first is None else first.time_s
    return (
        f"| {size.name} | {size.devices} | {size.layers} | {number(outcome.build_s)} s "
        f"| {number(began)} s | {number(found.objective, 6)} s | {found.status.value} "
        f"| {percent(gap_at(found.trace, EARLY))} | {percent(found.gap)} | {number(outcome.search_s)} s "
        f"| {number(outcome.check_s)} s | {outcome.memory_MiB:.0f} MiB |"
    )


def exponent(small: tuple[float, float], large: tuple[float, float]) -> float | None:
    """Return ``e`` where a value grows as ``size ** e`` between two pairs of size and value, if both have one."""
    (few, before), (many, after) = small, large
    if not (0 < before < math.inf and 0 < after < math.inf):
        return None
    return math.log(after / before) / math.log(many / few)


def growth(sizes: list[Size]) -> Iterator[str]:
    """Yield a row of exponents for every two sizes that follow each other."""
    measured = [size for size in sizes if size.outcome.result is not None]
    for small, large in pairwise(measured):
        exponents = [
            exponent((small.devices, value(small.outcome)), (large.devices, value(large.outcome)))
            for value in MEASURED.values()
        ]
        columns = " | ".join("–" if e is None else f"{e:.2f}" for e in exponents)
        yield f"| {small.devices} → {large.devices} | {columns} |"


def main() -> None:
    """Run from small to large and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", default=list(NAMES), help="of instances/synthetic, by rising size")
    parser.add_argument("--formulation", default="placement_search")
    parser.add_argument("--time-limit", type=float, default=300.0, metavar="S")
    options = parser.parse_args()
    compile_once(["placement_search"])
    print(
        "| instance | devices | layers | build | first plan | step time | status | gap at 60 s | gap at the end "
        "| search | check | peak memory |"
    )
    print("|---" * 12 + "|")
    sizes = []
    for name in options.names:
        sizes.append(measure(name, options.formulation, options.time_limit))
        print(row(sizes[-1]), flush=True)
    print(f"\n| exponent of the devices | {' | '.join(MEASURED)} |")
    print("|---" * (1 + len(MEASURED)) + "|")
    print("\n".join(growth(sizes)))


if __name__ == "__main__":
    main()
