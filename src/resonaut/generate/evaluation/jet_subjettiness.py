"""N-subjettiness with axes at particles, for tau21 of any set of particles (arXiv:1011.2268, eq. 2.1).

The axes are those of `N_AXES` hardest particles that make tau smallest: no clustering, no local minimum, and
no order of particles matter. `represent features` takes the axes of a clustering and moves them; values
agree within some per cent, which is no matter where generated and real jets are measured alike.
"""

from __future__ import annotations

import numpy as np

from resonaut.compiled import SUMS, kernel

N_AXES = 32
"""Hardest particles of a jet that may be axes."""


def tau_1_and_2(z: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """tau_N = min over axes of sum z_i min_k dR_ik / sum z_i, for N = 1, 2 (beta = 1, R0 = 1).

    Args:
        z, eta, phi: (n_particles,) float64, phi relative to the jet's axis.
        offsets: (n_jets + 1,).

    Returns:
        (n_jets, 2); 0 where a jet has no more particles than axes.
    """
    columns = (np.ascontiguousarray(column, np.float64) for column in (z, eta, phi))
    return _taus(*columns, np.asarray(offsets, np.int64), N_AXES)


def tau21(z: np.ndarray, eta: np.ndarray, phi: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n_jets,) tau_2 / tau_1; 0 where tau_1 is 0."""
    one, two = tau_1_and_2(z, eta, phi, offsets).T
    return np.where(one > 0, two / np.where(one > 0, one, 1.0), 0.0)


@kernel(SUMS)
def _smaller(first, second, n):
    """Sum over particles of the smaller of two weighted distances."""
    total = 0.0
    for i in range(n):
        total += min(first[i], second[i])
    return total


@kernel(SUMS)
def _total(values, n):
    total = 0.0
    for i in range(n):
        total += values[i]
    return total


@kernel()
def _taus(z, eta, phi, offsets, n_axes_max):
    """(n_jets, 2)."""
    taus = np.zeros((len(offsets) - 1, 2))
    largest = 1
    for jet in range(len(offsets) - 1):
        largest = max(largest, offsets[jet + 1] - offsets[jet])
    pull = np.empty((n_axes_max, largest))
    for jet in range(len(offsets) - 1):
        begin, end = offsets[jet], offsets[jet + 1]
        n = end - begin
        w, y, f = z[begin:end], eta[begin:end], phi[begin:end]
        total = _total(w, n)
        if n < 2 or total <= 0:
            continue
        n_axes = min(n, n_axes_max)
        hardest = np.argsort(-w)
        for k in range(n_axes):
            axis_y, axis_f = y[hardest[k]], f[hardest[k]]
            for i in range(n):
                pull[k, i] = w[i] * np.sqrt((y[i] - axis_y) ** 2 + (f[i] - axis_f) ** 2)
        one = two = np.inf
        for k in range(n_axes):
            one = min(one, _total(pull[k], n))
            for other in range(k):
                two = min(two, _smaller(pull[k], pull[other], n))
        taus[jet, 0] = one / total
        taus[jet, 1] = two / total if n > 2 else 0.0
    return taus
