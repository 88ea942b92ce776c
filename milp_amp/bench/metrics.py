"""How good predictions are: errors of the values, and what they are worth for choosing."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def relative_errors(predicted: FloatArray, measured: FloatArray) -> FloatArray:
    """Return ``(predicted − measured) / measured``."""
    return (predicted - measured) / measured


def spearman(predicted: FloatArray, measured: FloatArray) -> float:
    """Return the correlation of the ranks, ties at their mean rank; NaN where either side is constant.

    Spearman, "The proof and measurement of association between two things", 1904.
    """
    a, b = ranks(predicted), ranks(measured)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else float("nan")


def kendall(predicted: FloatArray, measured: FloatArray) -> float:
    """Return tau-b: concordant minus discordant pairs, corrected for ties; NaN where either side is constant.

    Kendall, "The treatment of ties in ranking problems", Biometrika 1945.
    """
    upper = np.triu_indices(len(predicted), k=1)
    a = np.sign(predicted[:, None] - predicted[None, :])[upper]
    b = np.sign(measured[:, None] - measured[None, :])[upper]
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else float("nan")


def regret(predicted: FloatArray, measured: FloatArray, tries: int) -> float:
    """Return the best measured time among the ``tries`` best predictions, over the best measured time of all.

    One is perfect. Equal predictions are tried in the order given.
    """
    tried = np.argsort(predicted, kind="stable")[:tries]
    return float(measured[tried].min() / measured.min())


def ranks(values: FloatArray) -> FloatArray:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray(last - (count - 1) / 2, dtype=np.float64)[group]
