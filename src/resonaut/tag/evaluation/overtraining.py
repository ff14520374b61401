"""Whether scores of jets that were trained on differ from those of jets that were not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def kolmogorov_smirnov(test: np.ndarray, training: np.ndarray) -> dict[str, float] | None:
    """Largest distance of two distribution functions, and how often chance gives more (asymptotic).

    With ties the p value is too large, never too small.

    Args:
        test, training: (n,) and (m,).

    Returns:
        statistic and p_value; None where a sample is empty.
    """
    from scipy.stats import ks_2samp

    if not len(test) or not len(training):
        return None
    found = ks_2samp(test, training, method="asymp")
    return {"statistic": float(found.statistic), "p_value": float(found.pvalue)}


def by_class(
    test: np.ndarray,
    test_label: np.ndarray,
    training: np.ndarray,
    training_label: np.ndarray,
    names: Sequence[str],
) -> dict[str, dict[str, float] | None]:
    """`kolmogorov_smirnov` of the jets of each class.

    Args:
        test, training: (n,) score; or (n, n_classes), of which the class's own column is compared.
        test_label, training_label: (n,) index into `names`.
    """
    found = {}
    for number, name in enumerate(names):
        own = [values if values.ndim == 1 else values[:, number] for values in (test, training)]
        found[name] = kolmogorov_smirnov(own[0][test_label == number], own[1][training_label == number])
    return found
