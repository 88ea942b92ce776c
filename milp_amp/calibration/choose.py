"""Which numbers to fit: one after the other, the one that explains most, as long as the trials can carry it.

A number is added if it lowers Akaike's criterion for small samples, and there are ``TRIALS_PER_NUMBER``
trials for each; one that later numbers have made needless is dropped::

    n log(loss / n) + 2 k + 2 k (k + 1) / (n − k − 1)          Hurvich and Tsai, Biometrika 1989
"""

import math
from collections.abc import Callable, Sequence

from milp_amp.calibration.factors import COUNTED, Numbers
from milp_amp.calibration.fit import Fit, fit
from milp_amp.calibration.laws import Measured
from milp_amp.calibration.pieces import Pieces
from milp_amp.judge.sailor import SailorPrices

TRIALS_PER_NUMBER = 4


def most_numbers(trials: int) -> int:
    """Return how many numbers so many trials can carry."""
    return trials // TRIALS_PER_NUMBER


def choose(trials: Sequence[Pieces], given: Numbers, say: Callable[[str], None] = lambda line: None) -> Fit:
    """Return the fit of the numbers that are worth it, and ``say`` which ones they are as they are found."""
    best, pool = fit(trials, [], given), candidates(trials)
    while len(best.deviations) < most_numbers(len(trials)):
        grown = [
            fit(trials, [*best.deviations, name], given, near=best.numbers)
            for name in pool
            if name not in best.deviations
        ]
        next_best = min(grown, key=lambda each: each.loss, default=best)
        if _criterion(next_best, len(trials)) >= _criterion(best, len(trials)):
            break
        best = _pruned(trials, given, next_best)
        say(f"{len(best.deviations)} of at most {most_numbers(len(trials))} numbers: {', '.join(best.deviations)}")
    return best


def _pruned(trials: Sequence[Pieces], given: Numbers, found: Fit) -> Fit:
    """Return the fit without the numbers that it is no worse without; the last one stays."""
    for name in list(found.deviations)[:-1]:
        smaller = fit(trials, [each for each in found.deviations if each != name], given, near=found.numbers)
        if _criterion(smaller, len(trials)) <= _criterion(found, len(trials)):
            found = smaller
    return found


def _criterion(found: Fit, trials: int) -> float:
    numbers = len(found.deviations)
    room = trials - numbers - 1
    if room <= 0:
        return math.inf
    return trials * math.log(max(found.loss, 1e-9) / trials) + 2 * numbers + 2 * numbers * (numbers + 1) / room


def candidates(trials: Sequence[Pieces]) -> list[str]:
    """Return the numbers that make a difference to some of the trials."""
    laws = [law for trial in trials for stage in trial.laws for law in stage]
    measured = [law for law in laws if isinstance(law, Measured)]
    names = list(COUNTED) if len(measured) < len(laws) else []
    names += _of_layers(measured) if measured else []
    names += ["link[inside]", "link[between]", "synchronisation"]
    if not any(isinstance(trial.prices, SailorPrices) for trial in trials):
        names += ["update_ns", "step_ms"]
        names += _of_stages([trial for trial in trials if not trial.whole])
    return names


def _of_layers(laws: Sequence[Measured]) -> list[str]:
    degrees = sorted({law.tensor_parallel for law in laws})
    devices = sorted({law.device for law in laws})
    names = ["layer_time", *(f"layer_ms[t={t}]" for t in degrees)]
    names += [f"layer_time[t={t}]" for t in degrees] if len(degrees) > 1 else []
    return names + ([f"layer_time[{device}]" for device in devices] if len(devices) > 1 else [])


def _of_stages(staged: Sequence[Pieces]) -> list[str]:
    sizes = sorted({trial.microbatch_size for trial in staged if trial.tensor_parallel > 1})
    return (["stage_ms"] if staged else []) + [f"stage_ms[t>1,b<={size}]" for size in sizes[:-1]]
