"""Energy correlation functions of constituents: C1, C2, D2, M2, N2."""

from __future__ import annotations

import numpy as np

from resonaut.compiled import SUMS, kernel
from resonaut.events import Columns
from resonaut.represent.jets.recombination import History

NAMES = ("c1", "c2", "d2", "m2", "n2")


def correlators(history: History, names: tuple[str, ...] = NAMES, beta: float = 1.0) -> Columns:
    """Ratios of correlation functions; angles are distances in rapidity and phi, z = pt / sum of pt.

        e2 = sum z_i z_j R_ij^beta,  e3 = sum z_i z_j z_k (R_ij R_ik R_jk)^beta,
        1e3, 2e3: with the smallest of the three angles, and the product of the two smallest
        C1 = e2,  C2 = e3 / e2^2 (arXiv:1305.0007),  D2 = e3 / e2^3 (arXiv:1409.6298),
        M2 = 1e3 / e2,  N2 = 2e3 / e2^2 (arXiv:1609.07483)

    Args:
        history: of any algorithm; only its constituents count.
        names: which of `NAMES`.
        beta: the angular exponent.

    Returns:
        Columns of shape (n_jets,); 0 where e2 is 0.
    """
    sums = _correlators(
        history.first,
        history.end,
        history.pt,
        history.rapidity,
        history.phi,
        beta,
        bool({"c2", "d2"} & set(names)),
        bool({"m2", "n2"} & set(names)),
    )
    e2, e3, one_e3, two_e3 = sums.T
    above = np.where(e2 > 0, e2, np.inf)
    columns = {
        "c1": e2,
        "c2": e3 / above**2,
        "d2": e3 / above**3,
        "m2": one_e3 / above,
        "n2": two_e3 / above**2,
    }
    return {name: columns[name] for name in names}


@kernel()
def _angles(y, f, n, beta, angles):
    """Fill angles[i, j] = R_ij^beta for j < i."""
    for i in range(n):
        for j in range(i):
            dphi = np.pi - abs(np.pi - abs(f[j] - f[i]))
            dy = y[j] - y[i]
            angles[i, j] = dy * dy + dphi * dphi
        if beta == 1.0:
            for j in range(i):
                angles[i, j] = np.sqrt(angles[i, j])
        elif beta != 2.0:
            for j in range(i):
                angles[i, j] = angles[i, j] ** (0.5 * beta)


@kernel(SUMS)
def _triples(z, one, two, n, product):
    """Sums over the third particle of z times the product of its angles to two others."""
    total = 0.0
    for k in range(n):
        total += z[k] * one[k] * two[k]
    return total * product


@kernel(SUMS)
def _smallest(z, one, two, n, between):
    """Sums over the third particle of z times the smallest angle, and times the two smallest."""
    single = double = 0.0
    for k in range(n):
        low, high = min(one[k], two[k]), max(one[k], two[k])
        single += z[k] * min(low, between)
        double += z[k] * low * min(high, between) if low < between else z[k] * low * between
    return single, double


@kernel()
def _correlators(first, end, pt, rapidity, phi, beta, want_product, want_smallest):
    """(n_jets, 4): e2, e3, 1e3, 2e3."""
    sums = np.zeros((len(first), 4))
    largest = 1
    for jet in range(len(first)):
        largest = max(largest, (end[jet] - first[jet] + 1) // 2)
    angles = np.empty((largest, largest))
    z = np.empty(largest)
    for jet in range(len(first)):
        begin = first[jet]
        n = (end[jet] - begin + 1) // 2
        total = 0.0
        for row in range(n):
            total += pt[begin + row]
        if total <= 0:
            continue
        for row in range(n):
            z[row] = pt[begin + row] / total
        _angles(rapidity[begin : begin + n], phi[begin : begin + n], n, beta, angles)
        for i in range(n):
            for j in range(i):
                pair, between = z[i] * z[j], angles[i, j]
                sums[jet, 0] += pair * between
                if want_product:
                    sums[jet, 1] += pair * _triples(z, angles[i], angles[j], j, between)
                if want_smallest:
                    single, double = _smallest(z, angles[i], angles[j], j, between)
                    sums[jet, 2] += pair * single
                    sums[jet, 3] += pair * double
    return sums
