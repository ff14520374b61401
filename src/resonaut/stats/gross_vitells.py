"""Global significance of a scan from up-crossings of a low level (Gross and Vitells, arXiv:1005.1891).

For a signal that may only be positive, q0(m) = max(z(m), 0)^2 and the probability that it exceeds c = z_max^2
anywhere is at most P(z > z_max) + <N(c)>; the mean number of up-crossings falls as
<N(c)> = <N(c0)> exp(-(c - c0) / 2) for one degree of freedom. It is an approximation from
above: near 2 sigma it is only a bound, from 3 sigma on it is exact within the error of <N(c0)>.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats.asymptotics import significance


@dataclass(frozen=True)
class GlobalSignificance:
    """A global p-value.

    Attributes:
        p_value: not above 1.
        error: of `p_value`, from that of the mean number of up-crossings.
        z: one-sided, 1 - Phi(z) = p_value; negative above 0.5.
    """

    p_value: float
    error: float
    z: float


@dataclass(frozen=True)
class UpCrossings:
    """Up-crossings of z(m) through a reference level.

    Attributes:
        mean: per scan.
        error: standard deviation of `mean`; of one scan that of a Poisson number, at least 1.
        reference: level in standard deviations; 0 counts changes from deficit to excess.
        n_scans: scans that were counted.
    """

    mean: float
    error: float
    reference: float
    n_scans: int


def upcrossings(z: np.ndarray, reference: float = 0.0) -> np.ndarray:
    """Number of up-crossings of each scan.

    Points that are NaN (a fit that failed) are passed over. A scan that begins above the level has no
    up-crossing there.

    Args:
        z: (..., n_masses) signed local significances in the order of the mass; the spacing of the masses must
            be well below the mass resolution, otherwise crossings are missed.
        reference: level in standard deviations.

    Returns:
        (...) integers.
    """
    z = np.asarray(z, float)
    valid = ~np.isnan(z)
    last = np.maximum.accumulate(np.where(valid, np.arange(z.shape[-1]), 0), axis=-1)
    filled = np.take_along_axis(z, last, axis=-1)
    below, above = filled[..., :-1] < reference, filled[..., 1:] >= reference
    return (below & above).sum(axis=-1)


def mean_upcrossings(z: np.ndarray, reference: float = 0.0) -> UpCrossings:
    """Mean number of up-crossings of many scans (toys), or of the data's own.

    Args:
        z: (n_scans, n_masses), or (n_masses,) for one scan.
        reference: level in standard deviations: low, so that there are many crossings.
    """
    numbers = np.atleast_1d(upcrossings(z, reference))
    n = len(numbers)
    error = np.sqrt(max(numbers[0], 1)) if n == 1 else max(numbers.std(ddof=1), 1 / np.sqrt(n)) / np.sqrt(n)
    return UpCrossings(float(numbers.mean()), float(error), reference, n)


def global_p(z_max: float, crossings: UpCrossings) -> GlobalSignificance:
    """Global p-value of the largest local significance of a scan.

    Args:
        z_max: largest local significance; below `crossings.reference` the p-value is 1 at most.
        crossings: of the same scan.
    """
    from scipy.special import ndtr

    factor = float(np.exp((crossings.reference**2 - z_max**2) / 2)) if z_max > crossings.reference else 1.0
    p = min(1.0, float(ndtr(-z_max)) + crossings.mean * factor)
    return GlobalSignificance(p, crossings.error * factor, float(significance(np.array(p))))
