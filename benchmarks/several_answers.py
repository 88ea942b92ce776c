"""Lists of plans, fronts and moves against enumeration, on random instances too small for anything to be missed.

    python -m benchmarks.several_answers --count 200 --seed 1000

Every row says how many instances were drawn, how many disagreed with enumeration, and what else is worth knowing. For
moves, ``least`` counts those that no plan of the searched space within the tolerance undercuts.
"""

import argparse
import random
import time
from collections.abc import Iterator

from milp_amp.bounds.prepass import prepare
from milp_amp.judge.movement import Movement
from milp_amp.plan.result import Status
from milp_amp.solving import solve
from milp_amp.solving.renaming import Renaming
from milp_amp.solving.replanning import replanned
from tests.agreement.drawing import draw, wired
from tests.alternatives.every_plan import of_intervals, of_places
from tests.alternatives.test_alternatives import agrees as list_agrees
from tests.alternatives.test_front import agrees as front_agrees
from tests.alternatives.test_front import filled, price
from tests.alternatives.test_replanning import changed, valid
from tests.placements.drawing import draw as draw_placed
from tests.placements.test_objectives import with_prices

TOLERANCES = (0.01, 0.05, 0.2)


def small(seed: int):
    """Return a world for places that is quick to enumerate."""
    return draw_placed(seed, max_devices=4, max_layers=3)


def lists(seeds: range) -> Iterator[tuple[str, object]]:
    """Yield what to compare of lists of plans, one call per instance."""
    for seed in seeds:
        model = ("pipeline", "amp")[seed % 2]
        yield "lists, intervals", lambda s=seed, m=model: list_agrees(draw(s), "interval_dp", [of_intervals], m)
        yield "lists, every graph", lambda s=seed: list_agrees(wired(s), "interval_dp", [of_intervals])
        yield "lists, places", lambda s=seed: list_agrees(small(s), "placement_search", [of_places])
        yield "lists, both", lambda s=seed: list_agrees(small(s), "auto", [of_intervals, of_places])


def fronts(seeds: range) -> Iterator[tuple[str, object]]:
    """Yield what to compare of fronts, one call per instance."""
    for seed in seeds:
        priced = with_prices(small(seed), random.Random(seed))
        yield "memory, intervals", lambda s=seed: front_agrees(draw(s), "memory", "interval_dp", of_intervals, filled)
        yield "memory, places", lambda s=seed: front_agrees(small(s), "memory", "placement_search", of_places, filled)
        yield "price, places", lambda w=priced: front_agrees(w, "price", "placement_search", of_places, price)


def compare(cases: Iterator[tuple[str, object]]) -> None:
    """Print a row for each kind of comparison."""
    counts: dict[str, list[float]] = {}
    for name, call in cases:
        row = counts.setdefault(name, [0, 0, 0, 0.0])
        began = time.process_time()
        try:
            row[2] += call()
        except AssertionError as failure:
            row[1] += 1
            print(f"{name}: {str(failure).splitlines()[0]}")
        row[0] += 1
        row[3] += time.process_time() - began
    for name, (instances, wrong, answers, seconds) in counts.items():
        print(f"{name:20} {instances:5} instances {wrong:3} wrong {answers:6} answers {seconds:7.1f} s")


def moves(seeds: range, tolerance: float) -> None:
    """Print how often the movement that is found is the least of all plans within the tolerance."""
    cases = least = proved = saved = 0
    excess = 1.0
    for seed in seeds:
        world, dice = draw(seed), random.Random(seed)
        new, plans = changed(world, dice), list(valid(world))
        cold = None if new is None or not plans else solve(new, "interval_dp", threads=1)
        if cold is None or cold.objective is None:
            continue
        old = dice.choice(plans)
        result = replanned(new, old, "interval_dp", tolerance=tolerance, threads=1)
        movement = Movement(new, old)
        renaming = Renaming(movement, prepare(new).classes)
        most = cold.objective * (1 + tolerance) * (1 + 1e-9)
        best = min(movement.received(renaming.renamed(plan)) for plan in valid(new, most))
        found, alone = movement.received(result.strategy), movement.received(cold.strategy)
        assert result.status is Status.OPTIMAL
        assert result.objective <= most
        assert found <= alone * (1 + 1e-9)
        cases += 1
        least += found <= best * (1 + 1e-9)
        saved += found < alone * (1 - 1e-9)
        proved += result.notes[-1] == "no plan within the tolerance moves less"
        excess = max(excess, found / best if best else 1.0)
    print(
        f"moves, tolerance {tolerance:<5} {cases:4} instances {least:4} least {proved:4} proved {saved:4} below cold "
        f"at most {excess:.3g} times the least"
    )


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--only", choices=("lists", "fronts", "moves"))
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    if options.only in (None, "lists"):
        compare(lists(seeds))
    if options.only in (None, "fronts"):
        compare(fronts(seeds))
    for tolerance in TOLERANCES if options.only in (None, "moves") else ():
        moves(seeds, tolerance)


if __name__ == "__main__":
    main()
