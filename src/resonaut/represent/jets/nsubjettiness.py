"""N-subjettiness (arXiv:1011.2268; with any exponent arXiv:1108.2701, eq. 1.2)."""

from __future__ import annotations

import numpy as np

from resonaut.compiled import SUMS, kernel
from resonaut.represent.jets.recombination import History

AXES = ("kt", "wta_kt", "onepass_kt", "onepass_wta_kt")

# Of the minimisation in FastJet contrib, so that the values agree.
_ACCURACY = 1e-4
_N_STEPS = 1000


def n_subjettiness(
    history: History,
    n_max: int,
    beta: float = 1.0,
    radius: float = 1.0,
    one_pass: bool = True,
) -> np.ndarray:
    """tau_1 ... tau_n_max = sum_k pt_k min_axes(dR_k^beta) / sum_k pt_k R0^beta.

    Axes are the exclusive jets of the history. One pass then moves each axis to the mean of the particles
    that are nearest to it, weighted with pt dR^(beta - 2), until it rests (arXiv:1108.2701): a local
    minimum.

    Args:
        history: kt, one tree per jet; E-scheme or winner-takes-all.
        n_max: largest number of axes.
        beta, radius: beta and R0.
        one_pass: minimise.

    Returns:
        (n_jets, n_max); 0 where a jet has no more particles than axes.
    """
    return _n_subjettiness(
        history.first,
        history.end,
        history.hard,
        history.soft,
        history.pt,
        history.rapidity,
        history.phi,
        n_max,
        beta,
        radius,
        one_pass,
    )


@kernel()
def _split_newest(axes, n_axes, hard, soft):
    """Undo the last merger among the axes: exclusive jets, one more."""
    newest = 0
    for axis in range(n_axes):
        if axes[axis] > axes[newest]:
            newest = axis
    axes[n_axes] = soft[axes[newest]]
    axes[newest] = hard[axes[newest]]


@kernel()
def _assign(n, n_axes, y, f, axis_y, axis_f, nearest, nearest2):
    """Nearest axis of each particle and the squared distance to it."""
    for k in range(n_axes):
        rapidity, phi = axis_y[k], axis_f[k]
        for row in range(n):
            dphi = np.pi - abs(np.pi - abs(f[row] - phi))
            dy = y[row] - rapidity
            distance2 = dy * dy + dphi * dphi
            closer = (k == 0) | (distance2 < nearest2[row])
            nearest[row] = k if closer else nearest[row]
            nearest2[row] = distance2 if closer else nearest2[row]


@kernel(SUMS)
def _step(n, n_axes, pt, y, f, axis_y, axis_f, nearest, weight, beta):
    """Move each axis to the weighted mean of its particles; returns the mean length of the moves.

    `weight` holds squared distances, and then pt over them to the power 1 - beta / 2.
    """
    if beta == 1.0:
        for row in range(n):
            weight[row] = pt[row] / np.sqrt(_ACCURACY * _ACCURACY + weight[row])
    elif beta == 2.0:
        for row in range(n):
            weight[row] = pt[row]
    else:
        for row in range(n):
            weight[row] = pt[row] * (_ACCURACY * _ACCURACY + weight[row]) ** (0.5 * beta - 1.0)
    moved = 0.0
    for k in range(n_axes):
        rapidity, phi = axis_y[k], axis_f[k]
        total = to_y = to_f = 0.0
        for row in range(n):
            own = weight[row] if nearest[row] == k else 0.0
            dphi = f[row] - phi
            dphi = dphi - 2 * np.pi if dphi > np.pi else dphi
            dphi = dphi + 2 * np.pi if dphi < -np.pi else dphi
            total += own
            to_y += own * (y[row] - rapidity)
            to_f += own * dphi
        if total > 0:
            to_y /= total
            to_f /= total
            axis_y[k] += to_y
            phi += to_f
            phi = phi - 2 * np.pi if phi > np.pi else phi
            axis_f[k] = phi + 2 * np.pi if phi < -np.pi else phi
            moved += np.sqrt(to_y * to_y + to_f * to_f)
    return moved / n_axes


@kernel(SUMS)
def _sum(n, pt, nearest2, beta):
    """sum_k pt_k dR_k^beta."""
    total = 0.0
    if beta == 1.0:
        for row in range(n):
            total += pt[row] * np.sqrt(nearest2[row])
    elif beta == 2.0:
        for row in range(n):
            total += pt[row] * nearest2[row]
    else:
        for row in range(n):
            total += pt[row] * nearest2[row] ** (0.5 * beta)
    return total


@kernel()
def _n_subjettiness(first, end, hard, soft, pt, rapidity, phi, n_max, beta, radius, one_pass):
    """(n_jets, n_max)."""
    taus = np.zeros((len(first), n_max))
    largest = 1
    for jet in range(len(first)):
        largest = max(largest, end[jet] - first[jet])
    nearest, nearest2 = np.empty(largest, np.int64), np.empty(largest)
    axes = np.empty(n_max + 1, np.int64)
    axis_y, axis_f = np.empty(n_max), np.empty(n_max)
    for jet in range(len(first)):
        begin = first[jet]
        n = (end[jet] - begin + 1) // 2
        p, y, f = pt[begin : begin + n], rapidity[begin : begin + n], phi[begin : begin + n]
        total = p.sum() * radius**beta
        axes[0] = end[jet] - 1
        for n_axes in range(1, min(n_max, n - 1) + 1):
            for k in range(n_axes):
                axis_y[k], axis_f[k] = rapidity[axes[k]], phi[axes[k]]
            _assign(n, n_axes, y, f, axis_y, axis_f, nearest, nearest2)
            if one_pass:
                for _ in range(_N_STEPS):
                    moved = _step(n, n_axes, p, y, f, axis_y, axis_f, nearest, nearest2, beta)
                    _assign(n, n_axes, y, f, axis_y, axis_f, nearest, nearest2)
                    if moved <= _ACCURACY:
                        break
            taus[jet, n_axes - 1] = _sum(n, p, nearest2, beta) / total if total > 0 else 0.0
            _split_newest(axes, n_axes, hard, soft)
    return taus
