"""Global significance of a scan over few windows: up-crossings from the correlation of neighbours.

P(max z > c) is at most P(z_1 > c) + <N(c)>, <N(c)> the mean number of steps from below c to above it (Gross
and Vitells, arXiv:1005.1891, eq. 1). They extrapolate <N> from a low level for z that is continuous in the
mass; windows that hardly overlap are no continuous scan. Between neighbours whose z are normal with
correlation r,

    P(z_i <= c < z_i+1) = 2 T(c, sqrt((1 - r) / (1 + r)))

with Owen's function T (doi:10.1214/aoms/1177728074), at every level, so that nothing is extrapolated. For
r = 0 it is p (1 - p), for r = 1 nothing, and at c = 0 it is arccos(r) / (2 pi), as in Rice's formula.
"""

from __future__ import annotations

import numpy as np


def bound(z_max: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Global p-value of the largest of several correlated significances, from above and at most 1.

    Args:
        z_max: (...) largest significance of each scan; NaN gives NaN.
        correlation: (W - 1,) of the significances of neighbouring windows, from -1 to 1.
    """
    from scipy.special import ndtr, owens_t

    z = np.asarray(z_max, float)[..., None]
    r = np.clip(np.asarray(correlation, float), -1 + 1e-12, 1.0)
    crossings = 2 * owens_t(z, np.sqrt((1 - r) / (1 + r))).sum(-1)
    return np.minimum(ndtr(-z[..., 0]) + crossings, 1.0)


def overlap(inside: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Correlation of the counts of neighbouring windows, from the events that they share.

    Args:
        inside: (W, B) boolean, bins of each window.
        counts: (B,) events, or what is expected of them; not negative.

    Returns:
        (W - 1,) shared / sqrt(one x other); 0 where a window is empty.
    """
    own = inside @ counts
    shared = (inside[:-1] & inside[1:]) @ counts
    product = np.sqrt(own[:-1] * own[1:])
    return np.divide(shared, product, out=np.zeros(len(shared)), where=product > 0)
