"""Combining tests: categories of disjoint events by their likelihood, methods on the same events by replicas.

Categories (disjoint selections of one window) that share a signal are independent: their likelihoods multiply
and their deviances add, each with a background of its own. Methods select the same events in part, and how
their p-values are correlated is not known: combined statistics are calibrated by the joint replicas of
`stats.bootstrap`, or toys in which all methods were run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonaut.errors import ConfigError
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.tails import Tail, counted

How = Literal["best", "fisher", "stouffer"]


def categories(models: Sequence[LogLinear], templates: Sequence[np.ndarray]) -> tuple[LogLinear, np.ndarray]:
    """One model of disjoint categories with a common signal, for any likelihood of `stats`.

    Args:
        models: background of each category; parameters are not shared.
        templates: (n_bins,) signal of each category per event of the common signal: what is expected of it
            in the bins of this category, so they add up to the signal's efficiency.

    Returns:
        The background over the bins of all categories, one after the other, and the template over them.

    Raises:
        ConfigError: a template has other bins than its category.
    """
    from scipy.linalg import block_diag

    for number, (model, template) in enumerate(zip(models, templates, strict=True)):
        if len(template) != model.n_bins:
            raise ConfigError(
                f"category {number}: the signal has {len(template)} bins, the background {model.n_bins}. "
                "Make both with the same edges."
            )
    nodes = block_diag(*(model.nodes for model in models))
    weights = block_diag(*(model.weights for model in models))
    return LogLinear(nodes, weights, _penalty(models)), np.concatenate(templates)


def _penalty(models: Sequence[LogLinear]) -> np.ndarray | None:
    from scipy.linalg import block_diag

    if all(model.penalty is None for model in models):
        return None
    size = [model.n_parameters for model in models]
    blocks = [
        np.zeros((n, n)) if model.penalty is None else model.penalty
        for model, n in zip(models, size, strict=True)
    ]
    return block_diag(*blocks)


def statistic(z: np.ndarray, how: How) -> np.ndarray:
    """A combined statistic of signed significances (..., J), larger is more like signal.

    "best" is the largest; "fisher" is -2 sum ln p (Fisher, 1932), "stouffer" sum z / sqrt(J) (Stouffer et
    al., 1949). For independent tests the null distribution of the second is chi-squared with 2 J degrees of
    freedom, that of the third is normal.
    """
    from scipy.special import log_ndtr

    if how == "best":
        return z.max(axis=-1)
    if how == "fisher":
        return -2 * log_ndtr(-z).sum(axis=-1)
    return z.sum(axis=-1) / np.sqrt(z.shape[-1])


@dataclass(frozen=True)
class Combined:
    """A combination of methods.

    Attributes:
        statistic: of the data.
        tail: p-value from the joint null distribution.
        naive: p-value that ignores the correlation, to show what it would have claimed; of "best" that of
            the largest z as if it were the only test.
    """

    statistic: float
    tail: Tail
    naive: float


def combine(z: np.ndarray, null: np.ndarray, how: How) -> Combined:
    """Combine correlated tests.

    Args:
        z: (J,) signed significances of the data.
        null: (T, J) of replicas of the null in which all tests were made on the same events, for example
            `bootstrap.standardised`; rows with NaN are not used.
        how: which statistic.
    """
    from scipy.stats import chi2, norm

    observed = float(statistic(np.asarray(z, float), how))
    whole = null[~np.isnan(null).any(axis=1)]
    naive = chi2.sf(observed, 2 * len(z)) if how == "fisher" else norm.sf(observed)
    return Combined(observed, counted(statistic(whole, how), observed), float(naive))
