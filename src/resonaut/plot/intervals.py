"""Error bars: central intervals of counts and of fractions, and residuals of counts."""

from __future__ import annotations

import numpy as np

ONE_SIGMA = 0.682689492137086
"""Probability inside one standard deviation of a Gaussian."""


def garwood(counts: np.ndarray, level: float = ONE_SIGMA) -> tuple[np.ndarray, np.ndarray]:
    """Central interval of a Poisson mean (Garwood 1936, doi:10.1093/biomet/28.3-4.437).

    Args:
        counts: (...) observed counts, zero included.
        level: coverage.

    Returns:
        Lower and upper ends, (...) each; the lower end of 0 is 0. They tend to n -+ sqrt(n).
    """
    from scipy.special import gammaincinv

    counts = np.asarray(counts, float)
    tail = (1 - level) / 2
    lower = np.where(counts > 0, gammaincinv(np.maximum(counts, 1e-300), tail), 0.0)
    return lower, gammaincinv(counts + 1, 1 - tail)


def clopper_pearson(
    passed: np.ndarray, total: np.ndarray, level: float = ONE_SIGMA
) -> tuple[np.ndarray, np.ndarray]:
    """Central interval of a binomial probability (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404).

    Args:
        passed, total: (...) counts, passed <= total, total > 0.

    Returns:
        Lower and upper ends, (...) each.
    """
    from scipy.special import betaincinv

    passed, total = np.broadcast_arrays(np.asarray(passed, float), np.asarray(total, float))
    failed = total - passed
    tail = (1 - level) / 2
    lower = np.where(passed > 0, betaincinv(np.maximum(passed, 0.5), failed + 1, tail), 0.0)
    upper = np.where(failed > 0, betaincinv(passed + 1, np.maximum(failed, 0.5), 1 - tail), 1.0)
    return lower, upper


def poisson_residuals(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Signed square root of the Poisson deviance of each bin, in units of one standard deviation.

    sign(n - b) sqrt(2 (n ln(n / b) - n + b)), arXiv:1007.1727 eq. 97 without its restriction to excesses.
    Unlike (n - b) / sqrt(b) it stays Gaussian down to a few events.

    Args:
        counts, expected: (...) with expected > 0.
    """
    from scipy.special import xlogy

    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    deviance = 2 * (xlogy(counts, counts / expected) - counts + expected)
    return np.sign(counts - expected) * np.sqrt(np.maximum(deviance, 0.0))
