"""How near gradient descent comes to the best known plans, beside other ways to search the same time.

python -m benchmarks.gradient [--seeds 10] [--time-limit 10] [--clock cpu] [--methods A,B] [--only amp/,sailor/]

Writes a table in Markdown to standard output: median and worst distance to the best known value, over the seeds. Every
run begins from nothing, the pre-pass is part of its time, and it ends once it has reached the best known value. Beside
installed formulations there are two methods of this file, over the programs that ``gradient`` races in: ``random``
draws places and boundaries, ``annealing`` changes one thing of a plan at a time. ``--clock cpu`` counts seconds of this
process instead of the wall's, for machines that are busy with something else.
"""

import argparse
import csv
import math
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from milp_amp.bounds.prepass import Prepass, prepare
from milp_amp.engine.limits import Limits, Start
from milp_amp.engine.search import Search
from milp_amp.errors import MilpAmpError
from milp_amp.formulation import load
from milp_amp.judge.evaluate import closed_form
from milp_amp.problem.files import read
from milp_amp.space.labels import PlacedStage
from milp_amp.space.partition import Partitions
from milp_amp.space.worlds import Placed, world

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "instances"
METHODS = ("gradient", "annealing", "random", "amp_dp", "interval_dp", "interval_cpsat")
DETERMINISTIC = ("amp_dp", "interval_dp")
REACHED = 1e-6
MOST_STAGES, STRIDE = 8, 3
HOT, COLD, JUMPS = 0.3, 0.003, 0.02

Plan = tuple[PlacedStage, ...]


class Programs:
    """Every configuration's program, opened in the order of their bounds, and random plans in them."""

    def __init__(self, bounds: Prepass, search: Search) -> None:
        self.search = search
        self.random = np.random.default_rng(search.limits.seed)
        places = world(bounds.costs, bounds.classes)
        self.each: list[tuple[Placed, Partitions]] = []
        until = 0.4 * search.limits.time_limit
        ranked = sorted(places.configurations())
        for configuration in (each for first in range(STRIDE) for each in ranked[first::STRIDE]):
            if self.each and search.elapsed > until:
                break
            if (placed := places.chain(configuration)) is not None:
                self.each.append((placed, Partitions(placed.chain, placed.bill, places.terms(configuration))))

    def draw(self) -> tuple[int, Plan]:
        """Return a random plan; it has as many stages as there were devices for, 8 at most."""
        which = int(self.random.integers(len(self.each)))
        chain = self.each[which][0].chain
        count = int(self.random.integers(1, min(MOST_STAGES, chain.num_layers) + 1))
        left, places = chain.capacity, list[int]()
        for _ in range(count):
            able = (chain.usage <= left).all(axis=1)
            if places:
                able &= np.isfinite(chain.forward[:, places[-1]]).any(axis=0)
            if not able.any():
                break
            places.append(int(self.random.choice(np.flatnonzero(able))))
            left = left - chain.usage[places[-1]]
        inner = np.sort(self.random.permutation(chain.num_layers - 1)[: max(len(places) - 1, 0)] + 1)
        return which, plan(places, [0, *inner.tolist(), chain.num_layers])

    def worth(self, which: int, stages: Plan) -> float:
        """Price a plan, and offer it."""
        placed, partitions = self.each[which]
        if not stages or not partitions.fits([stage.place for stage in stages]):
            return math.inf
        worth = partitions.priced(stages).worth
        if worth < self.search.value:
            self.search.improve(worth, placed.strategy(stages))
        return worth


def plan(places: list[int], cuts: list[int]) -> Plan:
    """Return stages on places between boundaries."""
    return tuple(PlacedStage(cuts[s], cuts[s + 1], k) for s, k in enumerate(places))


def draw_at_random(bounds: Prepass, search: Search) -> None:
    """Draw plans until the time is up."""
    programs = Programs(bounds, search)
    while not search.stopped:
        programs.worth(*programs.draw())


def anneal(bounds: Prepass, search: Search) -> None:
    """Change one thing at a time, accept what is worse with a probability that falls with time."""
    programs = Programs(bounds, search)
    which, stages = programs.draw()
    worth, random, began = programs.worth(which, stages), programs.random, search.elapsed
    while not search.stopped:
        share = (search.elapsed - began) / (search.limits.time_limit - began)
        heat = HOT * (COLD / HOT) ** share
        other, changed = which, stages
        if random.random() < JUMPS or not math.isfinite(worth):
            other, changed = programs.draw()
        else:
            changed = step(programs, which, stages)
        value = programs.worth(other, changed)
        if value <= worth or random.random() < math.exp((worth - value) / (heat * programs.search.value)):
            which, stages, worth = other, changed, value


def step(programs: Programs, which: int, stages: Plan) -> Plan:
    """Return a plan with one boundary or one place changed, or one stage more or less."""
    random, chain = programs.random, programs.each[which][0].chain
    places, cuts = [stage.place for stage in stages], [0, *(stage.stop for stage in stages)]
    kind, s = random.random(), int(random.integers(len(places)))
    if kind < 0.4 and s > 0:
        cuts[s] += 1 if random.random() < 0.5 else -1
    elif kind < 0.75:
        places[s] = int(random.integers(chain.num_places))
    elif kind < 0.85:
        r = int(random.integers(len(places)))
        places[s], places[r] = places[r], places[s]
    elif kind < 0.92 and len(places) > 1:
        del places[s], cuts[s + 1 if s + 2 < len(cuts) else s]
    elif cuts[s + 1] - cuts[s] > 1:
        cuts.insert(s + 1, int(random.integers(cuts[s] + 1, cuts[s + 1])))
        places.insert(s, places[s])
    changed = plan(places, cuts)
    return changed if all(stage.start < stage.stop for stage in changed) else stages


def run(method: str, row: dict[str, str], seed: int, time_limit: float) -> float | None:
    """Return the distance to the best known value of what a method finds; ``None`` if it does not apply."""
    instance, best = read(LIBRARY / row["instance"]), float(row["value"])
    stop = threading.Event()

    def found(start: Start) -> None:
        if start.value <= best * (1 + REACHED):
            stop.set()

    began = time.perf_counter()
    bounds = prepare(instance, row["cost_model"])
    limits = Limits(time_limit=time_limit, seed=seed, threads=1, stop=stop, found=found)
    limits = replace(limits, time_limit=time_limit - (time.perf_counter() - began))
    try:
        if method in ("random", "annealing"):
            search = Search(limits)
            (draw_at_random if method == "random" else anneal)(bounds, search)
            strategy = search.strategy
        else:
            strategy = load(method)(instance, bounds, limits).strategy
    except MilpAmpError:
        return None
    if strategy is None:
        return math.inf
    value, broken = closed_form(instance, strategy, bounds.costs)
    return math.inf if value is None or broken else value / best - 1


def lines(methods: list[str], only: tuple[str, ...], seeds: int, time_limit: float) -> Iterator[str]:
    """Yield the table, row by row."""
    yield "| instance | cost model | " + " | ".join(methods) + " |"
    yield "|---|---|" + "---|" * len(methods)
    with (LIBRARY / "best_known.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["instance"].startswith(only)]
    for row in rows:
        cells = []
        for method in methods:
            drawn = [run(method, row, seed, time_limit) for seed in range(1 if method in DETERMINISTIC else seeds)]
            distances = [each for each in drawn if each is not None]
            worst = max(distances, default=math.nan)
            cells.append(f"{statistics.median(distances):.2%}, {worst:.2%}" if distances else "does not apply")
        proved = "" if row["status"] == "optimal" else " (not proved)"
        yield f"| {row['instance']}{proved} | {row['cost_model']} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run everything and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--time-limit", type=float, default=10.0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--only", default="amp/,sailor/")
    options = parser.parse_args()
    if options.clock == "cpu":
        time.perf_counter = time.process_time
    only = tuple(options.only.split(","))
    for line in lines(options.methods.split(","), only, options.seeds, options.time_limit):
        print(line, flush=True)


if __name__ == "__main__":
    main()
