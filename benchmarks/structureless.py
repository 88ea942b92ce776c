"""Placement formulations on clusters without structure: every node its own speed, every pair its own bandwidth.

python -m benchmarks.structureless [--nodes 8 12 16] [--seeds 5] [--layers 12 24] [--shared-nic] [--time-limit S]
                                   [--formulations NAME …] [--csv FILE]

Draws the four networks of ``milp-amp generate matrix``, nodes of four devices and uneven layers, solves each with every
formulation from nothing, and prints a row per network, size and formulation. "Agree" compares what is proved;
"beaten by" names what found a better plan than the formulation did, a mistake where that one is called optimal.
"""

import argparse
import csv
import itertools
import statistics
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from benchmarks.outcomes import Outcome, compile_once, from_nothing, median_where_proved, number, percent
from milp_amp.formulation import names
from milp_amp.generate.instance import generate
from milp_amp.generate.request import NETWORKS, Network, Request

BASELINES = ("amp_dp", "amp_dp_exact", "interval_dp")
"""What answers such a cluster in a second, over the orders of the nodes in the file."""

BASELINE_SECONDS = 10.0
EQUAL = 1e-6
"""Relative difference up to which two optima are the same."""

COLUMNS = ("network", "nodes", "layers", "seed", "formulation", "status", "value", "bound", "gap", "seconds")


@dataclass(frozen=True)
class Family:
    """The instances of one row of the table."""

    network: Network
    nodes: int
    layers: int
    shared_nic: bool

    def request(self, seed: int) -> Request:
        """Return what to draw."""
        return Request(
            kind="matrix",
            devices=4 * self.nodes,
            layers=self.layers,
            network=self.network,
            shared_nic=self.shared_nic,
            uneven=True,
            seed=seed,
        )


def solved(family: Family, seed: int, formulations: list[str], time_limit: float) -> dict[str, Outcome]:
    """Return what every formulation and every baseline makes of one instance."""
    instance = generate(family.request(seed), f"{family.network}-{family.nodes}-{seed}", "drawn")
    limits = dict.fromkeys(BASELINES, min(BASELINE_SECONDS, time_limit)) | dict.fromkeys(formulations, time_limit)
    return {name: from_nothing(instance, name, "pipeline", limit) for name, limit in limits.items()}


def agree(outcomes: dict[str, Outcome], formulations: list[str]) -> bool:
    """Whether all proved optima of one instance are the same."""
    values = [outcomes[name].value for name in formulations if outcomes[name].proved]
    proved = [value for value in values if value is not None]
    return not proved or max(proved) <= min(proved) * (1 + EQUAL)


def better(outcomes: dict[str, Outcome], formulation: str) -> Iterator[str]:
    """Yield what found a better plan of the instance."""
    value = outcomes[formulation].value
    for name, outcome in outcomes.items():
        if outcome.value is not None and (value is None or outcome.value < value * (1 - EQUAL)):
            yield name


def rows(family: Family, runs: list[dict[str, Outcome]], formulations: list[str]) -> Iterator[str]:
    """Yield a row of the table for every formulation."""
    together = sum(agree(run, formulations) for run in runs)
    for name in formulations:
        own = [run[name] for run in runs]
        gaps = [1.0 if o.result is None or o.result.gap is None else o.result.gap for o in own]
        beaten = sorted({other for run in runs for other in better(run, name)})
        seconds = median_where_proved(own)
        yield (
            f"| {family.network} | {family.nodes} | {family.layers} | {name} | {number(seconds)} s "
            f"| {sum(o.proved for o in own)}/{len(own)} | {percent(statistics.median(gaps))} "
            f"| {together}/{len(runs)} | {', '.join(beaten) or 'none'} |"
        )


def records(family: Family, seed: int, run: dict[str, Outcome]) -> Iterator[dict[str, Any]]:
    """Yield a line of the file for every run of one instance."""
    for name, outcome in run.items():
        where = (family.network, family.nodes, family.layers, seed, name, outcome.status)
        found = outcome.result
        claim = (found.objective, found.bound, found.gap) if found else (None, None, None)
        yield dict(zip(COLUMNS, (*where, *claim, outcome.search_s), strict=True))


def main() -> None:
    """Draw, solve and print."""
    installed = [name for name in names() if name.startswith("placement_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 12, 16])
    parser.add_argument("--layers", type=int, nargs="+", default=[12, 24])
    parser.add_argument("--networks", nargs="+", choices=tuple(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=5, help="instances of every network and size")
    parser.add_argument("--shared-nic", action="store_true", help="network cards that all transfers share")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    parser.add_argument("--formulations", nargs="+", default=installed, metavar="NAME")
    parser.add_argument("--csv", metavar="FILE", help="also write a line per run")
    options = parser.parse_args()
    compile_once(options.formulations)
    with open(options.csv, "w", newline="") if options.csv else nullcontext() as file:
        lines = csv.DictWriter(file, COLUMNS) if file else None
        if lines:
            lines.writeheader()
        print("| network | nodes | layers | formulation | median to proof | proved | median gap | agree | beaten by |")
        print("|---|---|---|---|---|---|---|---|---|")
        for network, nodes, layers in itertools.product(options.networks, options.nodes, options.layers):
            family, runs = Family(network, nodes, layers, options.shared_nic), []
            for seed in range(options.seeds):
                runs.append(solved(family, seed, options.formulations, options.time_limit))
                if lines:
                    lines.writerows(records(family, seed, runs[-1]))
            print("\n".join(rows(family, runs, options.formulations)), flush=True)


if __name__ == "__main__":
    main()
