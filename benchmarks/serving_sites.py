"""Serving over several sites that slow links join: twenty drawn instances, solved, as a Markdown table.

    python -m benchmarks.serving_sites [--time-limit 60] [--formulation auto] [--write FOLDER]

Run from the root of the repository.
"""

import argparse
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from milp_amp.plan.placement import ServingResult
from milp_amp.problem.cluster import Cluster, Link, NodeGroup
from milp_amp.problem.files import read_serving, write_atomically
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import solve_serving

FOLDER = Path("instances/helix")
MACHINES, FEWEST = 24, 4
"""Machines of an instance, and the fewest of a site."""

SITES = ("east", "west", "north")
FAST_GBps, FAST_US = 1.25, 500.0
"""From a machine to its site's switch."""


def draw(seed: int, sites: int) -> ServingInstance:
    """Return LLaMA 70B on 24 machines at two or three sites.

    Tokens per second, times and caches are Helix's (see the files): three types of machines where the seed is even,
    seven where it is odd. Every site likes some types better than others. Any two sites' switches are joined by a link
    of 0.5 to 2 % of the fast ones, after 10 to 50 ms; where there are three sites, two machines exchange what the link
    of their sites carries and what the way over the third site does. As in Helix's own setting of three sites, every
    two machines have this bandwidth for themselves.
    """
    dice = Random(f"{sites} sites, {seed}")
    like = read_serving(FOLDER / ("high-heterogeneity-70b-42.json" if seed % 2 else "single-70b-24.json"))
    groups, links = [], []
    for site, count in zip(SITES, _sizes(dice, sites), strict=False):
        for kind, machines in _types(dice, like, count).items():
            name = f"{kind.name}-{site}"
            groups.append(msgspec.structs.replace(kind, name=name, count=machines, bandwidth_GBps=FAST_GBps, site=site))
            links.append(Link(source=name, target=site, bandwidth_GBps=FAST_GBps, latency_us=FAST_US))
    for a in range(sites):
        for b in range(a):
            share, latency = dice.uniform(0.005, 0.02), dice.uniform(10e3, 50e3)
            links.append(
                Link(
                    source=SITES[b],
                    target=SITES[a],
                    bandwidth_GBps=round(share * FAST_GBps, 6),
                    latency_us=round(latency),
                )
            )
    return msgspec.structs.replace(
        like,
        name=f"{sites} sites, {seed}",
        source=f"drawn by benchmarks/serving_sites.py, seed {seed}; machines: {like.source}",
        cluster=Cluster(
            device_types=like.cluster.device_types,
            nodes=tuple(groups),
            switches=SITES[:sites],
            links=tuple(links),
            contention="slowest_pair",
        ),
        performance={group.name: like.performance[group.name.rpartition("-")[0]] for group in groups},
    )


def _sizes(dice: Random, sites: int) -> list[int]:
    """Return how many machines every site has; all ways to divide them are equally likely."""
    spare = MACHINES - FEWEST * sites
    bars = sorted(dice.sample(range(spare + sites - 1), sites - 1))
    ends = [-1, *bars, spare + sites - 1]
    return [FEWEST + ends[s + 1] - ends[s] - 1 for s in range(sites)]


def _types(dice: Random, like: ServingInstance, count: int) -> dict[NodeGroup, int]:
    """Return machines by type, each drawn with the site's liking for it."""
    liking = [dice.random() ** 2 for _ in like.cluster.nodes]
    drawn = Counter(dice.choices(range(len(liking)), liking, k=count))
    return {like.cluster.nodes[kind]: drawn[kind] for kind in sorted(drawn)}


def row(instance: ServingInstance, result: ServingResult) -> str:
    """Return what was found and proved, and when."""
    machines = ", ".join(f"{group.count} {group.name}" for group in instance.cluster.nodes)
    bound = f"{result.bound:,.2f}" if result.bound is not None else ""
    if result.objective is None:
        return f"| {instance.name} | {machines} | nothing | {bound} | | {result.runtime_s:.1f} | | |"
    first, best = (next(p.time_s for p in points if p.objective) for points in (result.trace, result.trace[::-1]))
    return (
        f"| {instance.name} | {machines} | {result.objective:,.2f} | {bound} | {100 * (result.gap or 0.0):.2f} % | "
        f"{result.runtime_s:.1f} | {first:.1f} | {best:.1f} |"
    )


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--formulation", default="auto")
    parser.add_argument("--write", type=Path, help="write the instances there, and solve nothing")
    options = parser.parse_args()
    instances = [draw(seed, sites) for sites in (2, 3) for seed in range(10)]
    if options.write is not None:
        for instance in instances:
            write_atomically(
                options.write / f"{instance.name.replace(', ', '-').replace(' ', '-')}.json",
                msgspec.json.format(msgspec.json.encode(instance), indent=1) + b"\n",
            )
        return
    print("| instance | machines | tokens/s | bound | gap | seconds | first after | best after |")
    print("|---|---|---|---|---|---|---|---|")
    for instance in instances:
        result = solve_serving(instance, options.formulation, time_limit=options.time_limit)
        print(row(instance, result), flush=True)


if __name__ == "__main__":
    main()
