"""What placements are predicted to serve beside what a simulation of them serves, as a Markdown table.

    python -m benchmarks.serving_prediction [--seconds 600]

Fifty placements: those of ``instances/helix/placements``; on single-70b-24 and high-heterogeneity-70b-42 drawn stages,
stages annealed for few steps and for many, and plans of formulations that know only the flow; and the same on clusters
of three sites that ``benchmarks.serving_sites`` draws. One simulation each, of 60 s and then the seconds that are
counted, requests in the order of their file. Run from the root of the repository.
"""

import argparse
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from scipy.stats import spearmanr

from benchmarks.serving_simulation import published_cases
from benchmarks.serving_sites import draw
from milp_amp.cost.network import measure
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.serve import Load, load_from, serve
from milp_amp.plan.files import read_placement
from milp_amp.plan.placement import Placement
from milp_amp.problem.files import read_serving
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import solve_serving
from milp_amp.space.service import predict
from milp_amp.space.service_annealing import Annealer
from milp_amp.space.service_of_flow import service_of_flow
from milp_amp.space.service_of_stages import StageServices
from milp_amp.space.serving_speeds import demand_of
from milp_amp.space.stage_moves import StageMoves, Stages

FOLDER = Path("instances/helix")
ONE_SITE = ("single-70b-24", "high-heterogeneity-70b-42")
DRAWN = 6
"""Placements that are drawn, on each of these."""

ANNEALED = (100, 1_000, 10_000, 40_000)
"""Steps, of one placement each."""

BY_FLOW = ("serving_petals", "serving_swarm", "serving_stages")
CLUSTERS = 5
"""Of three sites: one placement is drawn on each, one annealed, and one is a formulation's."""

BY_FLOW_OVER_SITES = ("serving_petals", "serving_swarm", "serving_sites")
MOST_MOVES = 400
"""Changes of drawn stages."""

TIME_LIMIT = 60.0
"""Seconds for a formulation."""


class Case(NamedTuple):
    """A placement; ``family`` says how it came about."""

    family: str
    name: str
    instance: ServingInstance
    placement: Placement


class Row(NamedTuple):
    """Output tokens per second of a placement."""

    family: str
    predicted: float
    simulated: float

    @property
    def deviation(self) -> float:
        """Of the prediction, relative."""
        return self.predicted / self.simulated - 1


def published() -> Iterator[Case]:
    """Yield the placements of the library."""
    for case in published_cases():
        placement = read_placement(FOLDER / "placements" / f"{case['placement']}.json")
        yield Case("published", case["placement"], read_serving(FOLDER / f"{case['instance']}.json"), placement)


def on_one_site(load: Load) -> Iterator[Case]:
    """Yield placements on Helix's machines."""
    for name in ONE_SITE:
        instance = read_serving(FOLDER / f"{name}.json")
        makers = Makers(instance, load)
        for seed in range(DRAWN):
            yield Case(f"drawn, {name}", f"seed {seed}", instance, makers.drawn(seed))
        for seed, steps in enumerate(ANNEALED):
            yield Case(f"annealed, {name}", f"{steps} steps, seed {seed}", instance, makers.annealed(seed, steps))
        for formulation in BY_FLOW:
            yield Case(f"for flow, {name}", formulation, instance, by_flow(instance, formulation))


def on_three_sites(load: Load) -> Iterator[Case]:
    """Yield placements on drawn clusters of three sites."""
    for seed in range(CLUSTERS):
        instance = draw(seed, 3)
        makers, steps = Makers(instance, load), ANNEALED[seed % len(ANNEALED)]
        formulation = BY_FLOW_OVER_SITES[seed % len(BY_FLOW_OVER_SITES)]
        yield Case("three sites", f"{seed}: drawn, seed {seed}", instance, makers.drawn(seed))
        yield Case("three sites", f"{seed}: {steps} steps, seed {seed}", instance, makers.annealed(seed, steps))
        yield Case("three sites", f"{seed}: {formulation}", instance, by_flow(instance, formulation))


class Makers:
    """Stages of an instance, drawn and annealed."""

    def __init__(self, instance: ServingInstance, load: Load) -> None:
        demand = demand_of(instance, load.prompt_tokens, load.output_tokens)
        self._services = StageServices(instance, measure(instance.cluster), demand)
        self._moves = StageMoves(instance.model.num_layers, self._services.counts, self._services.most_layers)

    def _first(self, dice: Random) -> Stages:
        stages = self._moves.draw(dice)
        assert stages is not None, "machines that cannot hold the model"
        return stages

    def drawn(self, seed: int) -> Placement:
        """Return drawn stages after any number of changes."""
        dice = Random(seed)
        stages = self._first(dice)
        for _ in range(dice.randint(0, MOST_MOVES)):
            stages = self._moves.neighbour(stages, dice) or stages
        return self._services.placement(stages)

    def annealed(self, seed: int, steps: int) -> Placement:
        """Return stages after so many steps."""
        dice = Random(seed)
        annealer = Annealer(self._services, self._moves, math.inf, lambda: False)
        return self._services.placement(annealer.anneal(self._first(dice), steps, dice)[0])


def by_flow(instance: ServingInstance, formulation: str) -> Placement:
    """Return the placement of a formulation."""
    placement = solve_serving(instance, formulation, time_limit=TIME_LIMIT).placement
    assert placement is not None, f"{instance.name}: {formulation} found nothing"
    return placement


def measured(case: Case, load: Load) -> Row:
    """Return a case's prediction and simulation."""
    instance, placement = case.instance, case.placement
    network, demand = measure(instance.cluster), demand_of(instance, load.prompt_tokens, load.output_tokens)
    flow = even_flow(instance, placement, network)
    predicted = predict(service_of_flow(instance, placement, flow.arcs, network, demand)).tokens_per_s
    return Row(case.family, predicted, serve(instance, placement, load, flow).decode_tokens_per_s)


def summary(title: str, rows: Sequence[Row]) -> str:
    """Return the deviation of a family, in a row."""
    deviations = [row.deviation for row in rows]
    order = spearmanr([row.predicted for row in rows], [row.simulated for row in rows]).statistic
    return (
        f"| {title} | {len(rows)} | {100 * statistics.mean(map(abs, deviations)):.1f} % | "
        f"{100 * statistics.mean(deviations):+.1f} % | {order:.2f} |"
    )


def main() -> None:
    """Predict, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="that are counted; default: %(default)s")
    load = replace(load_from(FOLDER / "requests.csv"), measured_s=parser.parse_args().seconds)
    print("| family | placement | predicted, tokens/s | simulated | deviation |")
    print("|---|---|---|---|---|")
    families: dict[str, list[Row]] = {}
    for cases in (published(), on_one_site(load), on_three_sites(load)):
        for case in cases:
            row = measured(case, load)
            families.setdefault(case.family, []).append(row)
            cells = f"{row.predicted:.1f} | {row.simulated:.1f} | {100 * row.deviation:+.1f} %"
            print(f"| {case.family} | {case.name} | {cells} |", flush=True)
    print("\n| family | placements | mean absolute deviation | bias | rank correlation |")
    print("|---|---|---|---|---|")
    for family, rows in families.items():
        print(summary(family, rows))
    print(summary("all", [row for rows in families.values() for row in rows]))


if __name__ == "__main__":
    main()
