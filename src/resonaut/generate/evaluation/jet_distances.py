"""Distances of two samples in many dimensions: Frechet (FPD) and kernel (KPD) physics distance.

Both are those of arXiv:2211.10295, section III, on any features; the authors use all energy flow polynomials
of degree 4 and less. Samples are of any size here, so subsets are drawn without replacement, and errors are
the spread of random halves: a half has twice the variance, and half of that is common to all halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

N_HALVES = 12
N_PARTS_MAX = 6
_N_SHUFFLES = 3
_N_BATCHES = 10
_BATCH_MAX = 5_000


@dataclass(frozen=True)
class Measured:
    """A distance and its standard error; the error is None where there are too few rows for one."""

    value: float
    error: float | None


def scaled(real: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Samples with each feature over its largest absolute value in the first, as the authors have it.

    Args:
        real, others: (n, n_features); a feature that is 0 throughout stays as it is.
    """
    largest = np.abs(real).max(axis=0)
    largest = np.where(largest > 0, largest, 1.0)
    return [np.asarray(sample, np.float64) / largest for sample in (real, *others)]


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Squared 2-Wasserstein distance of the normal distributions with the moments of two samples.

    |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson, Landau, doi:10.1016/0047-259X(82)90077-X, eq. 4).

    Args:
        first, second: (n, n_features), two rows at least.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    one, two = (np.atleast_2d(np.cov(sample, rowvar=False)) for sample in (first, second))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    # The eigenvalues of C1 C2 are those of the symmetric R C2 R, which rounding leaves real.
    product = np.linalg.eigvalsh(root @ two @ root)
    cross = np.sqrt(np.maximum(product, 0.0)).sum()
    return float(shift @ shift + np.trace(one) + np.trace(two) - 2 * cross)


def frechet_without_bias(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    """The Frechet distance of infinitely many rows, from its dependence on their number.

    Samples are cut into 1, 2, ... parts; the mean over pairs of parts is a line in 1 / rows of a part
    (arXiv:1911.07023), whose end at 0 is returned. It may be below 0 by its error.

    Args:
        first, second: (n, n_features) of any two numbers of rows.
    """
    n, n_features = min(len(first), len(second)), first.shape[1]
    # Fewer rows than a few per feature leave the covariances singular, and the line is none.
    most = int(np.clip(n // (4 * n_features + 4), 2, N_PARTS_MAX))
    sizes, values = [], []
    for n_parts in range(1, most + 1):
        shuffles = _N_SHUFFLES if n_parts > 1 else 1
        found = []
        for _ in range(shuffles):
            pieces = [
                np.array_split(rng.permutation(len(s))[: n - n % n_parts], n_parts) for s in (first, second)
            ]
            found += [frechet(first[one], second[two]) for one, two in zip(*pieces, strict=True)]
        sizes.append(n // n_parts)
        values.append(np.mean(found))
    return float(np.polynomial.polynomial.polyfit(1 / np.array(sizes), values, 1)[0])


def mmd2(first: np.ndarray, second: np.ndarray, degree: int = 4) -> float:
    """Squared maximum mean discrepancy with the kernel (x.y / n_features + 1)^degree, without bias.

    The U-statistic of arXiv:0805.2368 (JMLR 13, 723), eq. 3; it may be below 0 by its error.

    Args:
        first, second: (n, n_features), two rows at least.
        degree: of the polynomial; the authors' program has 4.
    """
    n, m = len(first), len(second)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1.0) ** degree

    own, other = kernel(first, first), kernel(second, second)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return float(within - 2 * kernel(first, second).mean())


def kernel_distance(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, degree: int = 4
) -> Measured:
    """Median of the squared discrepancy over batches of different rows, and the error of the median.

    Args:
        first, second: (n, n_features), 20 rows at least.
    """
    size = min(_BATCH_MAX, min(len(first), len(second)) // _N_BATCHES)
    orders = [
        rng.permutation(len(sample))[: size * _N_BATCHES].reshape(-1, size) for sample in (first, second)
    ]
    found = [mmd2(first[one], second[two], degree) for one, two in zip(*orders, strict=True)]
    # Of normal batches the median has sqrt(pi / 2) times the error of the mean.
    spread = np.std(found, ddof=1) * np.sqrt(np.pi / 2 / _N_BATCHES)
    return Measured(float(np.median(found)), float(spread))


def measured(
    distance: Callable[[np.ndarray, np.ndarray], float], n_first: int, n_second: int, rng: np.random.Generator
) -> Measured:
    """A distance of two samples, with the spread of random halves as its error (doi:10.1214/aos/1176347263).

    Args:
        distance: of the rows (k,) of the first and the rows (l,) of the second sample.
        n_first, n_second: their rows.
        rng: draws the halves.
    """
    value = distance(np.arange(n_first), np.arange(n_second))
    if min(n_first, n_second) < 8:
        return Measured(value, None)
    halves = [
        distance(*(np.sort(rng.permutation(n)[: n // 2]) for n in (n_first, n_second)))
        for _ in range(N_HALVES)
    ]
    return Measured(value, float(np.std(halves, ddof=1)))
