"""Asymptotic formulas for likelihood-based tests (Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727).

At a few events per bin they are conservative for the discovery p-value (P(q0 > 1) is 0.06 to 0.12 instead of
0.16 there); pseudo-experiments say by how much.
"""

from __future__ import annotations

import numpy as np


def discovery_p_value(q0: np.ndarray) -> np.ndarray:
    """p0 = 1 - Phi(sqrt(q0)), eq. 53; 0.5 for q0 = 0."""
    from scipy.special import ndtr

    return ndtr(-np.sqrt(q0))


def significance(p_value: np.ndarray) -> np.ndarray:
    """Z = Phi^-1(1 - p), eq. 1."""
    from scipy.special import ndtri

    return -ndtri(p_value)


def log_cls(q: np.ndarray, q_asimov: np.ndarray) -> np.ndarray:
    """Logarithm of CLs = p_(s+b) / (1 - p_b) for the test statistic q-tilde.

    From the distributions of q-tilde, eqs. 64 to 66, with the variance from the background-only Asimov data,
    (s / sigma)^2 = q_asimov, eq. 30; CLs is that of Read (doi:10.1088/0954-3899/28/10/313).

    Args:
        q: (...) observed q-tilde, not negative.
        q_asimov: (...) q-tilde of the background-only Asimov data.
    """
    from scipy.special import log_ndtr

    root, root_asimov = np.sqrt(q), np.sqrt(np.maximum(q_asimov, 1e-30))
    beyond = q > q_asimov
    tail_sb = np.where(beyond, (q + q_asimov) / (2 * root_asimov), root)
    tail_b = np.where(beyond, (q - q_asimov) / (2 * root_asimov), root - root_asimov)
    return log_ndtr(-tail_sb) - log_ndtr(-tail_b)


def expected_root(alpha: float, n_sigma: float) -> float:
    """sqrt(q_asimov) at the limit expected when the background fluctuates by `n_sigma` standard deviations.

    With the background's quantile sqrt(q) = x - N, x = sqrt(q_asimov), CLs = alpha reads
    1 - Phi(x - N) = alpha Phi(N) (arXiv:1007.1727, section 4.3; CLs as in `log_cls`).

    Args:
        alpha: 1 - confidence level.
        n_sigma: 0 for the median, -2 ... 2 for the band.
    """
    from scipy.special import ndtr, ndtri

    return float(n_sigma - ndtri(alpha * ndtr(n_sigma)))
