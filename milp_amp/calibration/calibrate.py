"""From an instance and measured trials to the instance that predicts them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from milp_amp.bench.trials import Trial
from milp_amp.bench.validation import agreement, price_trials
from milp_amp.calibration.bake import baked, recounted
from milp_amp.calibration.choose import candidates, choose, most_numbers
from milp_amp.calibration.factors import Numbers
from milp_amp.calibration.fit import Fit, fit
from milp_amp.calibration.memory import reserve_change
from milp_amp.calibration.pieces import Pieces, Workshop
from milp_amp.calibration.predict import predict
from milp_amp.errors import InputError
from milp_amp.problem.calibration import Calibration, Number
from milp_amp.problem.instance import Instance

COST_MODELS = ("pipeline", "blocking")
"""Those that can be fitted; the others are kept as they were published."""

FOLDS = 5
ONE_BY_ONE = 20
"""Below so many trials each is left out alone."""

FEWEST = 8
"""Trials that there must be at least: what is fitted to fewer is not worth having."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to calibrate.

    Attributes
    ----------
    names
        Numbers to fit; ``None``: those that the trials speak for.
    given
        Numbers of an earlier calibration, which hold unless fitted again.
    seed
        Of the folds of the cross-validation.
    """

    cost_model: str = "pipeline"
    names: tuple[str, ...] | None = None
    given: tuple[Number, ...] = ()
    seed: int = 0

    @property
    def start(self) -> Mapping[str, float]:
        """Values of the given numbers."""
        return {number.name: number.value for number in self.given}


Listener = Callable[[str], None]
"""Is told what goes on, line by line."""


def silent(line: str) -> None:
    """Say nothing."""


def calibrate(instance: Instance, trials: Sequence[Trial], request: Request, say: Listener = silent) -> Instance:
    """Return the instance with the fitted numbers in it, and a record of them.

    Raises
    ------
    InputError
        If the instance is calibrated already, the trials are too few for the numbers, or one cannot be priced.
    """
    if instance.calibration is not None:
        raise InputError("instance: has a calibration in it, expected one as it was before")
    if request.cost_model not in COST_MODELS:
        raise InputError(
            f"cost model {request.cost_model!r}, expected {' or '.join(COST_MODELS)}: the others are fixed"
        )
    pieces = take_apart(_as_counted(instance, trials, request), trials, request.cost_model)
    check_numbers(pieces, request.names)
    found = fitted(pieces, request, say)
    result = baked(instance, found.numbers)
    memory = reserve_change(price_trials(result, trials, request.cost_model), result.workload.reserve_GiB)
    if memory is not None:
        memory += found.numbers.get("reserve_GiB", 0.0)
        result = baked(instance, {**found.numbers, "reserve_GiB": memory})
    agreed = agreement(price_trials(result, trials, request.cost_model))
    assert agreed is not None  # they have been priced
    record = Calibration(
        cost_model=request.cost_model,
        numbers=(*_kept(request, found, memory), *found.intervals(), *_reserve(memory)),
        trials=len(pieces),
        mean_error=agreed.mean_error,
        cross_validation_error=float(np.abs(cross_validated(pieces, request, say) - 1).mean()),
    )
    return replace(result, calibration=record)


def take_apart(instance: Instance, trials: Sequence[Trial], cost_model: str) -> list[Pieces]:
    """Return the pieces of all trials that ran.

    Raises
    ------
    InputError
        If they are too few, or one cannot be priced.
    """
    workshop = Workshop(instance, cost_model)
    pieces = [workshop.pieces(trial, trial.measured) for trial in trials if trial.measured is not None]
    if len(pieces) < FEWEST:
        raise InputError(f"{len(pieces)} trials that ran, expected at least {FEWEST}")
    return pieces


def check_numbers(pieces: Sequence[Pieces], names: tuple[str, ...] | None) -> None:
    """Refuse numbers that make no difference to the trials, and more of them than the trials can carry."""
    if names is None:
        return
    known = candidates(pieces)
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"number {unknown[0]!r}, expected some of {', '.join(known)}")
    if len(names) > (most := most_numbers(len(pieces))):
        raise InputError(f"{len(names)} numbers from {len(pieces)} trials, expected at most {most}")


def fitted(pieces: Sequence[Pieces], request: Request, say: Listener = silent) -> Fit:
    """Fit the numbers that are asked for, or those worth it."""
    if request.names is None:
        return choose(pieces, request.start, say)
    return fit(pieces, request.names, request.start)


def cross_validated(pieces: Sequence[Pieces], request: Request, say: Listener = silent) -> FloatArray:
    """Return predicted over measured seconds of every trial, chosen and fitted without it."""
    folds = len(pieces) if len(pieces) < ONE_BY_ONE else FOLDS
    order = np.random.default_rng(request.seed).permutation(len(pieces))
    ratios = np.zeros(len(pieces))
    for fold in range(folds):
        say(f"cross-validation: fold {fold + 1} of {folds}")
        left_out = set(order[fold::folds].tolist())
        rest = [trial for k, trial in enumerate(pieces) if k not in left_out]
        numbers: Numbers = fitted(rest, request).numbers
        for k in left_out:
            ratios[k] = predict(pieces[k], numbers) / pieces[k].measured
    return ratios


def _as_counted(instance: Instance, trials: Sequence[Trial], request: Request) -> Instance:
    """Return the instance at the efficiencies that are given, where its own layers are what the trials ran.

    Trials of other models are counted anew at any efficiency, so both kinds at once have no common ground.
    """
    kinds = {trial.model is None for trial in trials if trial.measured is not None}
    if len(kinds) > 1:
        raise InputError("trials with a model of their own and without, expected one kind")
    return recounted(instance, request.start) if kinds == {True} else instance


def _kept(request: Request, found: Fit, memory: float | None) -> tuple[Number, ...]:
    """Return the given numbers that were not fitted again."""
    again = {*found.deviations, *(() if memory is None else ("reserve_GiB",))}
    return tuple(number for number in request.given if number.name not in again)


def _reserve(growth: float | None) -> tuple[Number, ...]:
    return () if growth is None else (Number(name="reserve_GiB", value=growth, low=growth, high=growth),)
