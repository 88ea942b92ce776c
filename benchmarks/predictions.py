"""Predicted against measured step times and memory, on published runs: the table in the README.

    python -m benchmarks.predictions

Every trial that is scored was left out of what its prediction was fitted to. Which trials are fitted is fixed before:
so many at equal distances in the order of the file, the first and the last among them. Two minutes on one core.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from milp_amp import read
from milp_amp.bench.metrics import regret, spearman
from milp_amp.bench.trials import Trial, read_trials
from milp_amp.bench.validation import Fitting, agreement, fitting, price_trials
from milp_amp.calibration.calibrate import Request, calibrate, cross_validated, fitted, take_apart
from milp_amp.calibration.memory import reserve_change
from milp_amp.calibration.pieces import Pieces
from milp_amp.calibration.predict import predict
from milp_amp.problem.instance import Instance
from milp_amp.units import GiB

INSTANCES = Path("instances")
FloatArray = npt.NDArray[np.float64]

LINKS = ("layer_time", "link[between]", "synchronisation")
"""What is fitted to Sailor's runs: the efficiency of compute, of links and of synchronisation."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    published: str
    found: str


def spread(count: int, chosen: int) -> list[int]:
    """Return indices at equal distances, the first and the last among them."""
    return [round(k * (count - 1) / (chosen - 1)) for k in range(chosen)]


def errors(predicted: FloatArray, measured: FloatArray) -> str:
    """Return mean error, rank correlation and regret in words."""
    mean = float(np.abs(predicted / measured - 1).mean())
    return f"{mean:.1%}, Spearman {spearman(predicted, measured):.3f}, regret@1 {regret(predicted, measured, 1):.3f}"


def load(family: str, instance: str, trials: str) -> tuple[Instance, tuple[Trial, ...]]:
    """Return an instance and its trials."""
    return read(INSTANCES / family / f"{instance}.json"), read_trials(INSTANCES / family / "trials" / f"{trials}.csv")


def ran(trials: Iterable[Trial]) -> list[Trial]:
    """Return those that have a time."""
    return [trial for trial in trials if trial.measured is not None]


def scored(instance: Instance, trials: Sequence[Trial], cost_model: str = "pipeline") -> str:
    """Return how well an instance predicts trials as it stands."""
    found = agreement(price_trials(instance, trials, cost_model))
    assert found is not None
    return f"{found.mean_error:.1%}, Spearman {found.spearman:.3f}, regret@1 {found.regrets[0]:.3f}"


def published_by_amp(name: str) -> str:
    """Return how well AMP's own predictions are."""
    with (INSTANCES / "amp" / "trials" / f"{name}.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["measured_s"]]
    return errors(*(np.array([float(row[key]) for row in rows]) for key in ("amp_predicted_s", "measured_s")))


def amp() -> Iterable[Row]:
    """AMP's two clusters, and what did not fit into their memory."""
    equal, trials = load("amp", "gpt2-homogeneous", "homogeneous")
    pieces = take_apart(equal, trials, "pipeline")
    measured = np.array([trial.measured for trial in pieces])
    ratios = cross_validated(pieces, Request())
    own = published_by_amp("homogeneous")
    yield Row("AMP, 16 T4: as profiled", own, scored(equal, ran(trials)))
    yield Row("AMP, 16 T4: 5-fold cross-validation", own, errors(ratios * measured, measured))
    calibrated = calibrate(equal, trials, Request())
    assert calibrated.calibration is not None

    mixed, others = load("amp", "gpt2-heterogeneous-cluster", "heterogeneous-cluster")
    running = ran(others)
    chosen = spread(len(running), 8)
    shown = calibrate(mixed, [running[k] for k in chosen], Request(given=calibrated.calibration.numbers))
    rest = [trial for k, trial in enumerate(running) if k not in chosen]
    own = published_by_amp("heterogeneous-cluster")
    yield Row(
        "AMP, 12 V100 + 4 T4: numbers of the T4 cluster, and 8 of 43 trials; on the other 35", own, scored(shown, rest)
    )
    yield Row("AMP, 105 trials: memory", "no memory model (AMP)", _fits([(equal, trials), (mixed, others)]))


def _fits(worlds: Iterable[tuple[Instance, Sequence[Trial]]]) -> str:
    found = [fitting(price_trials(instance, trials, "pipeline")) for instance, trials in worlds]
    named, alarms = (sum(getattr(each, field) for each in found) for field in ("named", "false_alarms"))
    failed = named + sum(each.missed for each in found)
    return f"{named} of {failed} that did not run named, {alarms} false alarms"


def sailor() -> Iterable[Row]:
    """Sailor's two clusters."""
    for name, title, peers, numbers in (
        ("gh200-128", "Sailor, GH200", "8.9 % (Sailor), 12 % (Metis)", LINKS),
        ("rtx-mixed-48", "Sailor, 3090 + 2080 + Titan", "10.0 % (Sailor), 27 % (Metis)", ("synchronisation",)),
    ):
        instance, trials = load("sailor", name, name)
        yield Row(f"{title}: `sailor`, as profiled", peers, scored(instance, trials, "sailor"))
        yield Row(f"{title}: `blocking`, as profiled", peers, scored(instance, trials, "blocking"))
        pieces = take_apart(instance, trials, "blocking")
        ratios = cross_validated(pieces, Request(cost_model="blocking", names=numbers))
        measured = np.array([trial.measured for trial in pieces])
        fitted_to = f"{len(numbers)} number{'s' * (len(numbers) > 1)}"
        yield Row(f"{title}: `blocking`, {fitted_to}, leave one out", peers, errors(ratios * measured, measured))
    instance, trials = load("sailor", "gh200-128", "gh200-128")
    known = fitting(price_trials(instance, trials, "blocking"))
    yield Row("Sailor, GH200: peak memory, as profiled", "5.9 % (Sailor), 51 % (Metis)", _memory(known))
    yield Row(
        "Sailor, GH200: peak memory, 1 number, leave one out", "5.9 % (Sailor)", f"{_reserves(instance, trials):.1%}"
    )


def _memory(found: Fitting) -> str:
    assert found.mean_error is not None
    return f"{found.mean_error:.1%}"


def _reserves(instance: Instance, trials: Sequence[Trial]) -> float:
    """Return the mean error of every peak with the reserve that the other peaks ask for."""
    rows = price_trials(instance, trials, "blocking")
    off = []
    for k, row in enumerate(rows):
        growth = reserve_change([*rows[:k], *rows[k + 1 :]], instance.workload.reserve_GiB)
        assert growth is not None
        assert row.memory is not None
        assert row.trial.memory is not None
        off.append(abs((row.memory + growth * GiB) / row.trial.memory - 1))
    return float(np.mean(off))


def vtrain() -> Iterable[Row]:
    """Predict vTrain's runs on A100s, from shapes and a data sheet."""
    single = take_apart(*load("vtrain", "a100-8", "single-node"), "pipeline")
    chosen = spread(len(single), 60)
    first = fitted([single[k] for k in chosen], Request())
    yield Row(
        "vTrain, 8 A100, no profile: calibrated on 60 of 576 runs; on the other 516",
        "8.4 % (vTrain, profiled)",
        _on(single, chosen, first.numbers),
    )
    several = take_apart(*load("vtrain", "a100-512", "multi-node"), "pipeline")
    chosen = spread(len(several), 10)
    again = fitted([several[k] for k in chosen], Request(names=("compute",), given=first.intervals()))
    yield Row(
        "vTrain, 64 to 512 A100, no profile: 1 number from 10 of 43 runs; on the other 33",
        "14.7 % (vTrain, profiled)",
        _on(several, chosen, again.numbers),
    )


def _on(pieces: Sequence[Pieces], left_out: Sequence[int], numbers: dict[str, float]) -> str:
    rest = [trial for k, trial in enumerate(pieces) if k not in left_out]
    return errors(np.array([predict(trial, numbers) for trial in rest]), np.array([trial.measured for trial in rest]))


def main() -> None:
    """Print the table, line by line as it is known."""
    print("| runs | published predictions | ours |\n|---|---|---|")
    for rows in (amp(), sailor(), vtrain()):
        for row in rows:
            print(f"| {row.what} | {row.published} | {row.found} |", flush=True)


if __name__ == "__main__":
    main()
