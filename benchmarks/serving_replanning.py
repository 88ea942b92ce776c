"""Planning anew once a machine is gone: from the plan before, and from nothing, as a Markdown table.

    python -m benchmarks.serving_replanning [--count 20] [--seed 0] [--formulation serving_stages]

Machines are drawn from Helix's instances in turn (but for a100-30b-4: three of its machines cannot hold the model).
Both runs have the same options and end by themselves. Search seconds are those of the formulation; all seconds those of
the call, with what is the same for both: bounds, plug-ins, judge. Run from the root of the repository.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import msgspec

from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.cluster import Node
from milp_amp.problem.files import read_serving
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import solve_serving

FOLDER = Path("instances/helix")
NAMES = ("single-70b-24", "high-heterogeneity-70b-42", "cluster10-30b", "l4-30b-8", "t4-30b-12")


def without(instance: ServingInstance, gone: Node) -> ServingInstance:
    """Return an instance that lacks one of several machines of a group; those that come after it move up."""
    nodes = [msgspec.structs.replace(each, count=each.count - (each == gone.group)) for each in instance.cluster.nodes]
    return msgspec.structs.replace(instance, cluster=msgspec.structs.replace(instance.cluster, nodes=tuple(nodes)))


def renamed(placement: Placement, gone: Node) -> Placement:
    """Return what is left of a placement, by the names that machines have once one is gone."""
    group, _, place = gone.name.rpartition(".")
    held = {}
    for name, layers in placement.layers.items():
        kind, _, number = name.rpartition(".")
        if name != gone.name:
            held[f"{kind}.{int(number) - (kind == group and int(number) > int(place))}"] = layers
    return msgspec.structs.replace(placement, layers=held)


@dataclass(frozen=True)
class Row:
    """One machine that is gone; seconds of both runs."""

    instance: str
    machine: str
    cold: ServingResult
    warm: ServingResult
    cold_s: float
    warm_s: float

    @property
    def search(self) -> float:
        """Seconds of the search, from the plan before over from nothing."""
        return self.warm.runtime_s / self.cold.runtime_s

    @property
    def all(self) -> float:
        """Seconds of the call, likewise."""
        return self.warm_s / self.cold_s

    @property
    def quality(self) -> float:
        """Tokens per second, likewise."""
        return (self.warm.objective or 0.0) / (self.cold.objective or 1.0)

    def __str__(self) -> str:
        """Return a line of the table."""
        cells = [f"{each.objective:,.2f} ({each.status.value})" for each in (self.cold, self.warm)]
        seconds = [f"{each:.4f}" for each in (self.cold.runtime_s, self.warm.runtime_s, self.cold_s, self.warm_s)]
        ratios = [f"{self.search:.2f}", f"{self.all:.2f}", f"{self.quality:.6f}"]
        return f"| {self.instance} | {' | '.join([self.machine, *cells, *seconds, *ratios])} |"


def replanned(name: str, machine: Node, instance: ServingInstance, before: Placement, formulation: str) -> Row:
    """Plan without a machine, both ways."""
    smaller, start = without(instance, machine), renamed(before, machine)
    cold, cold_s = _timed(lambda: solve_serving(smaller, formulation))
    warm, warm_s = _timed(lambda: solve_serving(smaller, formulation, warm_start=start))
    return Row(name, machine.name, cold, warm, cold_s, warm_s)


def _timed(work: Callable[[], ServingResult]) -> tuple[ServingResult, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def main() -> None:
    """Plan, remove, plan anew, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formulation", default="serving_stages")
    options = parser.parse_args()
    dice = Random(options.seed)
    instances = {name: read_serving(FOLDER / f"{name}.json") for name in NAMES}
    before = {name: solve_serving(each, options.formulation).placement for name, each in instances.items()}
    heads = ["instance", "without", "from nothing", "from the plan before", "search s: nothing", "plan"]
    heads += ["all s: nothing", "plan", "search ratio", "all ratio", "tokens ratio"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    rows = []
    for i in range(options.count):
        name = NAMES[i % len(NAMES)]
        rows.append(
            replanned(name, dice.choice(instances[name].machines), instances[name], before[name], options.formulation)
        )
        print(rows[-1], flush=True)
    ratios = [median(values) for values in zip(*((row.search, row.all, row.quality) for row in rows), strict=True)]
    print(f"\nmedian ratios: search {ratios[0]:.2f}, all {ratios[1]:.2f}, tokens {ratios[2]:.6f}")
    print(f"least tokens ratio: {min(row.quality for row in rows):.6f}")


if __name__ == "__main__":
    main()
