"""Does a selection change the mass spectrum of the background? Tests against selections that know no mass.

The selected events are some of all events. Under the null hypothesis each set of so many events is as likely,
so toys draw without replacement: multivariate hypergeometric over fine bins of the mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FINE = 5
"""Bins of the Kolmogorov-Smirnov test in a bin of the spectrum."""


@dataclass(frozen=True)
class Sculpting:
    """Shapes before and after a selection and their comparison.

    Attributes:
        n_all, n_selected: events.
        ks, chi2, jensen_shannon: Kolmogorov-Smirnov distance; chi2 of homogeneity of selected and failing
            events; Jensen-Shannon divergence, bits.
        degrees_of_freedom: of chi2.
        ks_p_value, chi2_p_value, jensen_shannon_p_value: fraction of toys that are at least as far.
        jensen_shannon_expected: mean of the toys.
        before, after: (B,) events in the bins of the spectrum; NaN in bins that are not used.
    """

    n_all: int
    n_selected: int
    ks: float
    ks_p_value: float
    chi2: float
    degrees_of_freedom: int
    chi2_p_value: float
    jensen_shannon: float
    jensen_shannon_p_value: float
    jensen_shannon_expected: float
    before: np.ndarray
    after: np.ndarray


def fine_bins(mass: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the fine bin of each event, `FINE` in each bin of `edges` (B + 1,); -1 outside."""
    fine = (edges[:-1, None] + np.diff(edges)[:, None] * np.arange(FINE) / FINE).ravel()
    place = np.searchsorted(fine, mass, side="right") - 1
    place[mass >= edges[-1]] = -1
    return place


def compare(
    fine: np.ndarray, selected: np.ndarray, used: np.ndarray, n_toys: int, generator: np.random.Generator
) -> Sculpting | None:
    """Compare the mass of selected events with that of all.

    Args:
        fine: (n_events,) of `fine_bins`, of the background.
        selected: (n_events,) boolean.
        used: (B,) boolean, bins of the spectrum that are compared.
        n_toys: toys.
        generator: of the toys.

    Returns:
        None where nothing or everything is selected: there is nothing to compare.
    """
    known = fine >= 0
    known[known] = used[fine[known] // FINE]
    n_fine = FINE * len(used)
    total = np.bincount(fine[known], minlength=n_fine)
    passed = np.bincount(fine[known & selected], minlength=n_fine)
    n_all, n_selected = int(total.sum()), int(passed.sum())
    if n_selected in (0, n_all):
        return None
    filled = np.flatnonzero(total)
    toys = np.zeros((n_toys + 1, n_fine), np.int64)
    toys[0] = passed
    toys[1:, filled] = generator.multivariate_hypergeometric(
        total[filled], n_selected, size=n_toys, method="marginals"
    )
    ks = _kolmogorov_smirnov(total, toys)
    coarse, coarse_toys = (_coarse(values) for values in (total, toys))
    chi2, divergence = _chi2(coarse, coarse_toys), _jensen_shannon(coarse, coarse_toys)
    return Sculpting(
        n_all=n_all,
        n_selected=n_selected,
        ks=float(ks[0]),
        ks_p_value=_p_value(ks),
        chi2=float(chi2[0]),
        degrees_of_freedom=int((coarse > 0).sum()) - 1,
        chi2_p_value=_p_value(chi2),
        jensen_shannon=float(divergence[0]),
        jensen_shannon_p_value=_p_value(divergence),
        jensen_shannon_expected=float(divergence[1:].mean()),
        before=np.where(used, coarse, np.nan),
        after=np.where(used, coarse_toys[0], np.nan),
    )


def _coarse(counts: np.ndarray) -> np.ndarray:
    """Sums over the fine bins of each bin, (..., B)."""
    return counts.reshape(*counts.shape[:-1], -1, FINE).sum(-1)


def _p_value(statistic: np.ndarray) -> float:
    """Fraction of entries at least as far as the first, itself included (doi:10.2202/1544-6115.1585)."""
    # Equal values may differ in the last bit.
    return float((statistic >= statistic[0] * (1 - 1e-12)).mean())


def _kolmogorov_smirnov(total: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n,) largest distances of the distribution functions of rows of `counts` (n, B) and of `total` (B,)."""
    cumulative = np.cumsum(counts, axis=-1) / counts.sum(-1, keepdims=True)
    return np.abs(cumulative - np.cumsum(total) / total.sum()).max(-1)


def _chi2(total: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n,) Pearson's chi2 of the table of selected and failing events by bins."""
    filled = total > 0
    fraction = counts.sum(-1, keepdims=True) / total.sum()
    expected = fraction * total[filled]
    return ((counts[:, filled] - expected) ** 2 / (expected * (1 - fraction))).sum(-1)


def _jensen_shannon(total: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n,) Jensen-Shannon divergences in bits (doi:10.1109/18.61115): 0 equal shapes, 1 disjoint ones."""
    one = counts / counts.sum(-1, keepdims=True)
    other = np.broadcast_to(total / total.sum(), one.shape)
    middle = 0.5 * (one + other)
    return 0.5 * (_divergence(one, middle) + _divergence(other, middle))


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence in bits over the last axis, where q > 0 wherever p > 0."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return (p * np.log2(ratio)).sum(-1)
