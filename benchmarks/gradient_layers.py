"""Seconds of one step of gradient descent by the number of layers.

python -m benchmarks.gradient_layers [--clock cpu] [--output docs/gradient-layers.svg]

The layers of ``instances/amp/gpt2-heterogeneous-cluster.json`` are repeated until there are as many as asked for: one
configuration's tables, 16 lanes of 8 stages on 16 places. A step is the difference between long and short runs of one
compiled descent, the least of several, over the steps between them; compiling is not part of it. Prints the table, and
the slope of the line through the logarithms from 100 layers on.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from milp_amp.bounds.prepass import prepare
from milp_amp.problem.files import read
from milp_amp.space.descent import descended
from milp_amp.space.soft import Soft, softened
from milp_amp.space.terms import FREE
from milp_amp.space.worlds import world

ROOT = Path(__file__).parents[1]
INSTANCE = ROOT / "instances" / "amp" / "gpt2-heterogeneous-cluster.json"
SIZES = (24, 100, 300, 1000, 3000, 10_000)
LANES, STAGES, PLACES, NOISES = 16, 8, 16, 2
SHORT, REPEATS = 3, 5
WORK = 60_000
BY_LAYER = ("seconds", "ring", "held", "stored", "volume")
FIRST_ON_THE_LINE = 100


def tables(layers: int) -> Soft:
    """Return the tables of all lanes, with so many layers."""
    bounds = prepare(read(INSTANCE), "pipeline")
    places = world(bounds.costs, bounds.classes)
    chosen = next(each for each in sorted(places.configurations()) if each.data_parallel == 4)
    placed = places.chain(chosen)
    if placed is None:
        raise ValueError(f"{INSTANCE}: no places at data degree 4, expected some")
    soft = softened(placed.chain, placed.bill, FREE, PLACES)._replace(stages=np.int32(STAGES))
    repeated = {
        name: np.resize(np.moveaxis(getattr(soft, name), -1, 0), (layers, *getattr(soft, name).shape[:-1]))
        for name in BY_LAYER
    }
    soft = soft._replace(**{name: np.moveaxis(table, 0, -1) for name, table in repeated.items()})
    return Soft(*(np.stack([table] * LANES) for table in soft))


def seconds_of_a_step(layers: int) -> tuple[float, float]:
    """Return seconds of a step, and of compiling."""
    lanes, random = tables(layers), np.random.default_rng(0)
    widths, scores = random.normal(size=(LANES, STAGES)), random.normal(size=(LANES, STAGES, PLACES))
    noise = random.gumbel(size=(NOISES, LANES, STAGES, PLACES))

    def timed(steps: int) -> float:
        began = time.perf_counter()
        descended(widths, scores, lanes, steps, noise)
        return time.perf_counter() - began

    compiling = timed(SHORT)
    more = max(WORK // layers, 2 * SHORT)
    short, long = (min(timed(steps) for _ in range(REPEATS)) for steps in (SHORT, SHORT + more))
    return (long - short) / more, compiling - short


def draw(measured: dict[int, float], slope: float, path: Path) -> None:
    """Draw seconds over layers, both on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "milp-amp", "font.size": 11})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.loglog(list(measured), [1e3 * seconds for seconds in measured.values()], "o-", color="#1f6f8b")
    axes.set(xlabel="layers", ylabel="milliseconds of one step", title=f"slope {slope:.2f} from 100 layers on")
    axes.grid(True, which="major", alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.clock == "cpu":
        time.perf_counter = time.process_time
    measured = {}
    print("| layers | ms per step | s to compile |\n|---|---|---|")
    for layers in SIZES:
        measured[layers], compiling = seconds_of_a_step(layers)
        print(f"| {layers} | {1e3 * measured[layers]:.3f} | {compiling:.1f} |", flush=True)
    line = [layers for layers in SIZES if layers >= FIRST_ON_THE_LINE]
    slope = float(np.polyfit(np.log(line), np.log([measured[layers] for layers in line]), 1)[0])
    print(f"\nslope from {FIRST_ON_THE_LINE} layers on: {slope:.2f}")
    if options.output is not None:
        draw(measured, slope, options.output)


if __name__ == "__main__":
    main()
