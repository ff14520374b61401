"""How much two columns know of each other: four numbers, each with an error.

    pearson       linear correlation
    spearman      the same of ranks: any rising function gives 1
    distance      distance correlation, 0 only if independent (Szekely, Rizzo, Bakirov, arXiv:0803.4101);
                  of n independent pairs it is of the order of n^(-1/4), not 0
    information   mutual information in bits, by 3 nearest neighbours (Kraskov, Stoegbauer, Grassberger,
                  arXiv:cond-mat/0305641, eq. 8; with a class: Ross, doi:10.1371/journal.pone.0087357). It
                  cannot see more than about log2 n bits, and is too low where columns are functions of each
                  other

Errors: Fisher's z of the first two (with the factor 1.06 of ranks, Fieller 1957); of the others the spread
over five parts of the rows, which is that of fewer rows, divided by the root of five.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

N_PARTS = 5
N_DISTANCE = 4000
"""Rows at most of a distance correlation: it looks at all pairs."""
K_NEIGHBOURS = 3
_BITS = 1 / np.log(2)


def pearson(first: np.ndarray, second: np.ndarray) -> float:
    """Linear correlation; 0 where a column is constant."""
    first, second = first - first.mean(), second - second.mean()
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm > 0 else 0.0


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of ranks."""
    from scipy.stats import rankdata

    return pearson(rankdata(first), rankdata(second))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance correlation, 0 to 1."""
    import torch

    from resonaut.nn.disco import squared

    pair = (torch.from_numpy(_standard(column[:N_DISTANCE]))[None] for column in (first, second))
    return float(squared(*pair)[0].clamp(0, 1).sqrt())


def information(first: np.ndarray, second: np.ndarray, seed: int) -> float:
    """Mutual information of two continuous columns, bits."""
    from sklearn.feature_selection import mutual_info_regression

    table = _standard(first)[:, None]
    options = {"n_neighbors": K_NEIGHBOURS, "random_state": seed % 2**32}
    return float(mutual_info_regression(table, _standard(second), **options)[0] * _BITS)


def information_of_class(values: np.ndarray, group: np.ndarray, seed: int) -> float:
    """Mutual information of a continuous column and a class, bits."""
    from sklearn.feature_selection import mutual_info_classif

    options = {"n_neighbors": K_NEIGHBOURS, "random_state": seed % 2**32}
    return float(mutual_info_classif(_standard(values)[:, None], group, **options)[0] * _BITS)


def measure(first: np.ndarray, second: np.ndarray, seed: int) -> dict[str, Any]:
    """All four, each with `value` and `standard`.

    Args:
        first, second: (n,) in an order that says nothing.
    """
    found = {}
    for name, function, factor in (("pearson", pearson, 1.0), ("spearman", spearman, 1.06)):
        value = function(first, second)
        width = np.sqrt(factor / max(1, len(first) - 3))
        found[name] = {"value": value, "standard": float((1 - value**2) * width)}
    found["distance"] = _with_spread(distance, first, second)
    found["information"] = _with_spread(lambda a, b: information(a, b, seed), first, second)
    return found


def _with_spread(
    function: Callable[[np.ndarray, np.ndarray], float], first: np.ndarray, second: np.ndarray
) -> dict[str, float]:
    parts = [function(first[k::N_PARTS], second[k::N_PARTS]) for k in range(N_PARTS)]
    return {
        "value": function(first, second),
        "standard": float(np.std(parts, ddof=1) / np.sqrt(N_PARTS)),
    }


def _standard(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    width = values.std()
    return (values - values.mean()) / (width if width > 0 else 1.0)
