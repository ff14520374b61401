"""Expected calibration error of probabilities: its value, its error, and what it would be by chance alone.

In bins b of the predicted probability q, with weights w of the rows and outcomes c (0 or 1),

    d_b = sum_b w (c - q) / sum_b w,        ECE = sum_b (W_b / W) |d_b|            (arXiv:1706.04599 eq. 3).

|d_b| is too large by what d_b fluctuates. With s_b the standard error of d_b the mean of |N(d, s)| is
s sqrt(2 / pi) exp(-d^2 / 2 s^2) + d erf(d / (s sqrt 2)), and twice the ECE less that mean at the d_b found is
*debiased* to first order (as arXiv:1909.10155 does for the square of d). The *floor* is the mean ECE of
predictions that are right, which as many rows give: sum_b (W_b / W) s_b sqrt(2 / pi) with the variance
q (1 - q) of each outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from resonaut.seeds import generator

Binning = Literal["equal_mass", "equal_width"]
BINNINGS: tuple[Binning, ...] = ("equal_mass", "equal_width")
N_BINS = 20
N_BOOTSTRAP = 200
_AT_ONCE = 2_000_000
"""Numbers drawn at once, of all rows of some samples."""


@dataclass(frozen=True)
class Rows:
    """What was predicted, and what happened.

    Attributes:
        probability: (n,) predicted.
        happened: (n,) 0 or 1.
        weight: (n,).
    """

    probability: np.ndarray
    happened: np.ndarray
    weight: np.ndarray


def bins_of(probability: np.ndarray, binning: Binning, n_bins: int = N_BINS) -> np.ndarray:
    """Number of the bin of each prediction, (n,), those without rows left out.

    Args:
        probability: (n,) in [0, 1].
        binning: equally many rows in each, or 1 / n_bins wide. Equal probabilities share a bin.
    """
    from scipy.stats import rankdata

    if binning == "equal_mass":
        found = ((rankdata(probability) - 0.5) / len(probability) * n_bins).astype(int)
    else:
        found = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    return np.unique(found, return_inverse=True)[1]


def error(rows: Rows, binning: Binning, seed: int, n_bins: int = N_BINS) -> dict[str, Any]:
    """Expected calibration error.

    Args:
        seed: of the bootstrap.

    Returns:
        value; standard, the spread over 200 samples of the rows (each row counts as often as a Poisson number
        of mean 1 says, in fixed bins); debiased; floor, and floor_standard, the spread that the ECE of right
        predictions has; n_bins.
    """
    of_bin = bins_of(rows.probability, binning, n_bins)
    weight = rows.weight.astype(np.float64)
    distance = weight * (rows.happened - rows.probability)
    total = np.bincount(of_bin, weight)
    share = total / total.sum()
    mean = np.bincount(of_bin, distance) / total
    chance = weight**2 * rows.probability * (1 - rows.probability)
    expected = np.sqrt(np.bincount(of_bin, chance)) / total
    spread = np.sqrt(np.bincount(of_bin, (distance - weight * mean[of_bin]) ** 2)) / total
    value = float(share @ np.abs(mean))
    return {
        "value": value,
        "standard": _bootstrap(of_bin, distance, weight, seed),
        "debiased": max(0.0, 2 * value - float(share @ folded_mean(mean, spread))),
        "floor": math.sqrt(2 / math.pi) * float(share @ expected),
        "floor_standard": math.sqrt((1 - 2 / math.pi) * float((share * expected) @ (share * expected))),
        "n_bins": len(total),
    }


def folded_mean(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Mean of |x| for x ~ N(mean, spread^2), elementwise."""
    from scipy.special import erf

    ratio = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0) / math.sqrt(2)
    folded = spread * math.sqrt(2 / math.pi) * np.exp(-(ratio**2)) + mean * erf(ratio)
    return np.where(spread > 0, folded, np.abs(mean))


def _bootstrap(of_bin: np.ndarray, distance: np.ndarray, weight: np.ndarray, seed: int) -> float:
    order = np.argsort(of_bin, kind="stable")
    starts = np.flatnonzero(np.diff(of_bin[order], prepend=-1))
    distance, weight = distance[order], weight[order]
    random = generator(seed, "calibration error")
    found = []
    at_once = max(1, _AT_ONCE // len(order))
    for start in range(0, N_BOOTSTRAP, at_once):
        counts = random.poisson(1.0, (min(at_once, N_BOOTSTRAP - start), len(order)))
        sums = np.add.reduceat(counts * distance, starts, axis=1)
        total = (counts @ weight)[:, None]
        found.append((np.abs(sums) / total).sum(axis=1))
    return float(np.std(np.concatenate(found), ddof=1))


def of_classes(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> list[Rows]:
    """For each class its probability and whether a row is of it: the class-wise errors.

    Args:
        probabilities: (n, n_classes).
        label: (n,) number of the class.
        weight: (n,).
    """
    return [
        Rows(probabilities[:, number], (label == number).astype(float), weight)
        for number in range(probabilities.shape[1])
    ]


def of_prediction(probabilities: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Rows:
    """The probability of signal of two classes, of the predicted class of several.

    Args:
        probabilities: (n,) of signal, or (n, n_classes).
        label: (n,) number of the class.
        weight: (n,).
    """
    if probabilities.ndim == 1:
        return Rows(probabilities, (label == 1).astype(float), weight)
    chosen = probabilities.argmax(axis=1)
    return Rows(probabilities[np.arange(len(label)), chosen], (chosen == label).astype(float), weight)
