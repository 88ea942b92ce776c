"""Fitting some numbers to measured step times, robustly, and how sure one can be of them.

    min  Σ_trials ρ((log predicted − log measured) / NOISE) + Σ_numbers (PRIOR · y)²

over ``y``: the logarithm of a factor, or an addend over its usual size. ``ρ(r) = 2 (√(1 + r²) − 1)`` lets trials that
went wrong pull less. The second sum keeps a number that the trials say nothing about where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from milp_amp.calibration.factors import Factor, Numbers, factor
from milp_amp.calibration.pieces import Pieces
from milp_amp.calibration.predict import predict
from milp_amp.problem.calibration import Number

NOISE = 0.03
"""About how much two measurements of one plan differ; Sailor reports 5 % on its clusters."""

PRIOR = 0.3

FINAL_PROGRESS = 1e-9
"""Part of the loss below which a step no longer counts."""

NORMAL = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Fitted numbers.

    Attributes
    ----------
    numbers
        All of them, those that were given and not fitted included.
    loss
        ``Σ ρ`` over the trials.
    deviations
        Standard deviation of every fitted number's ``y``, by name.
    """

    numbers: Mapping[str, float]
    loss: float
    deviations: Mapping[str, float]

    def intervals(self) -> tuple[Number, ...]:
        """Return the fitted numbers with their 95 % confidence intervals."""
        return tuple(self._interval(factor(name)) for name in self.deviations)

    def _interval(self, of: Factor) -> Number:
        value, half = self.numbers[of.name], NORMAL * self.deviations[of.name]
        if of.unit is None:
            return Number(name=of.name, value=value, low=float(value * np.exp(-half)), high=float(value * np.exp(half)))
        low = value - half * of.usual
        return Number(name=of.name, value=value, low=low if of.signed else max(low, 0.0), high=value + half * of.usual)


def fit(trials: Sequence[Pieces], names: Sequence[str], given: Numbers, near: Numbers | None = None) -> Fit:
    """Fit the numbers of these names.

    Parameters
    ----------
    given
        What is known of them: those that are fitted are drawn towards it, the others stay there.
    near
        Where the search begins; absent: at what is given.
    """
    factors = [factor(name) for name in names]
    measured = np.log([trial.measured for trial in trials])

    def decoded(y: FloatArray) -> dict[str, float]:
        return {**given, **{of.name: _value(of, float(x), given) for of, x in zip(factors, y, strict=True)}}

    def residuals(y: FloatArray) -> FloatArray:
        numbers = decoded(y)
        predicted = np.log([max(predict(trial, numbers), 1e-12) for trial in trials])
        return np.concatenate([_softened((predicted - measured) / NOISE), PRIOR * y])

    if not names:
        return Fit(dict(given), float(np.sum(residuals(np.zeros(0)) ** 2)), {})
    lower = [-np.inf if of.unit is None or of.signed else -_start(of, given) for of in factors]
    begin = np.array([_encoded(of, near or given, given) for of in factors])
    # The first step is about as long as ``y`` itself: ``trf``, which keeps off the bounds, would stop right there.
    found = least_squares(
        residuals, np.maximum(begin, lower), bounds=(lower, np.inf), method="dogbox", ftol=FINAL_PROGRESS
    )
    loss = float(np.sum(found.fun[: len(trials)] ** 2))
    deviations = _deviations(found.jac, loss, len(trials), len(names))
    return Fit(decoded(found.x), loss, dict(zip(names, deviations, strict=True)))


def _value(of: Factor, y: float, given: Numbers) -> float:
    start = given.get(of.name, of.neutral)
    return float(start * np.exp(y)) if of.unit is None else start + y * of.usual


def _encoded(of: Factor, numbers: Numbers, given: Numbers) -> float:
    """Return the ``y`` of a number."""
    value, start = numbers.get(of.name, of.neutral), given.get(of.name, of.neutral)
    return float(np.log(value / start)) if of.unit is None else (value - start) / of.usual


def _start(of: Factor, given: Numbers) -> float:
    return given.get(of.name, 0.0) / of.usual


def _softened(residuals: FloatArray) -> FloatArray:
    """Return what squared is ``ρ``, with the sign of the residual."""
    return np.asarray(np.sign(residuals) * np.sqrt(2 * (np.sqrt(1 + residuals**2) - 1)))


def _deviations(jacobian: FloatArray, loss: float, trials: int, numbers: int) -> list[float]:
    """Return the standard deviations: the inverse of the curvature at the residuals' own scatter."""
    scatter = max(loss / max(trials - numbers, 1), 1e-12)
    curvature = jacobian.T @ jacobian
    covariance = np.linalg.pinv(curvature) * max(scatter, 1.0)
    return [float(np.sqrt(max(value, 0.0))) for value in np.diag(covariance)]
