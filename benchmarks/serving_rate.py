"""Plans for served tokens beside plans for flow, as Markdown tables.

    python -m benchmarks.serving_rate [--family helix|sites] [--time-limit 300] [--seeds 10]

``helix``: on both 70B instances, the published placements and ours. ``sites``: on clusters at three sites drawn with so
many seeds, the plan with the largest flow (``auto``) and ours. What is served is the mean of five simulations of 660 s,
each with the requests of ``instances/helix`` in another order, with an interval that holds the mean in 95 of 100 cases;
our search has seen other orders. Run from the root of the repository.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving_simulation import published_cases
from benchmarks.serving_sites import draw
from milp_amp.judge.serve_load import Load, load_from
from milp_amp.plan.files import read_placement
from milp_amp.plan.placement import ServedRate
from milp_amp.problem.files import read_serving
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.service import served_rate
from milp_amp.solving.serving import solve_serving

FOLDER = Path("instances/helix")
HEAD = (
    "| plan | flow, tokens/s | served, output tokens/s | s per token | refused | found in |\n|---|---|---|---|---|---|"
)


def row(name: str, served: ServedRate, seconds: str = "") -> str:
    """Return a row of a table."""
    return (
        f"| {name} | {served.flow_tokens_per_s:,.0f} | {served.tokens_per_s:.1f} ± {served.interval:.1f} "
        f"| {served.token_s:.2f} | {100 * served.refused:.1f} % | {seconds} |"
    )


def ours(instance: ServingInstance, load: Load, time_limit: float) -> tuple[ServedRate, float]:
    """Return what our plan serves, and the seconds of the whole call, simulations included."""
    began = time.perf_counter()
    result = solve_serving(instance, "serving_rate", requests=load, time_limit=time_limit)
    assert result.served is not None, result.status
    return result.served, time.perf_counter() - began


def helix(load: Load, time_limit: float) -> Iterator[str]:
    """Yield a table for each of Helix's instances with published placements."""
    cases = published_cases()
    for name in dict.fromkeys(case["instance"] for case in cases):
        yield f"\n{name}\n\n{HEAD}"
        instance = read_serving(FOLDER / f"{name}.json")
        for case in cases:
            if case["instance"] == name:
                placement = read_placement(FOLDER / "placements" / f"{case['placement']}.json")
                yield row(case["placement"], served_rate(instance, placement, load))
        served, seconds = ours(instance, load, time_limit)
        yield row("serving_rate", served, f"{seconds:.0f} s")


def sites(load: Load, time_limit: float, seeds: int) -> Iterator[str]:
    """Yield a table of three-site clusters, and the median of the ratios."""
    yield "| instance | flow of the max-flow plan | it serves | our flow | we serve | ratio | found in |"
    yield "|---|---|---|---|---|---|---|"
    ratios = []
    for seed in range(seeds):
        instance = draw(seed, 3)
        flow = solve_serving(instance, time_limit=60)
        assert flow.placement is not None, flow.status
        most = served_rate(instance, flow.placement, load)
        served, seconds = ours(instance, load, time_limit)
        ratios.append(served.tokens_per_s / most.tokens_per_s)
        yield (
            f"| {instance.name} | {most.flow_tokens_per_s:,.0f} | {most.tokens_per_s:.1f} ± {most.interval:.1f} "
            f"| {served.flow_tokens_per_s:,.0f} | {served.tokens_per_s:.1f} ± {served.interval:.1f} "
            f"| {ratios[-1]:.2f} | {seconds:.0f} s |"
        )
    yield f"\nMedian ratio {statistics.median(ratios):.2f}."


def main() -> None:
    """Solve, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("helix", "sites"), default="helix")
    parser.add_argument("--time-limit", type=float, default=300.0)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    load = load_from(FOLDER / "requests.csv")
    if options.family == "helix":
        lines = helix(load, options.time_limit)
    else:
        lines = sites(load, options.time_limit, options.seeds)
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
