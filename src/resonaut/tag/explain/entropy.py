"""Mutual information of a layer T with the input X and with the label Y, in bits: three estimators.

T is a function of X, so that I(X; T) of a continuous layer is infinite (arXiv:1810.05728); each estimator
makes it finite in its own way, and what it gives is a number about that way too.

binned    every unit in bins of equal width: I(X; T) = H(T_b), I(T; Y) = H(T_b) - sum p_y H(T_b | y). Of n
          rows it cannot exceed log2 n; a wide layer whose rows all stand in cells of their own is there at
          once, whatever it knows.
kernel    T' = T + noise of width s. The entropy of the mixture of n normal distributions lies between
          (arXiv:1706.02361, eq. 10 and 13; pairwise Bhattacharyya and Kullback-Leibler distances)
              lower: -1/n sum_i log2 1/n sum_j exp(-|t_i - t_j|^2 / 8 s^2)
              upper: -1/n sum_i log2 1/n sum_j exp(-|t_i - t_j|^2 / 2 s^2)
          less the entropy of the noise, which is I(X; T'). It depends on s, and stops at log2 n as well.
neighbours    I(T; Y) of one number per row (`association.information_of_class`): no bins and no noise.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 2048


def binned_entropy(values: np.ndarray, n_bins: int, edges: np.ndarray | None = None) -> float:
    """Entropy of rows (n, width) whose columns are binned, bits.

    Args:
        edges: (width, 2) ends of each column's range; its own if absent.
    """
    edges = np.stack([values.min(axis=0), values.max(axis=0)], axis=1) if edges is None else edges
    low, width = edges[:, 0], np.maximum(edges[:, 1] - edges[:, 0], 1e-30)
    places = np.clip(((values - low) / width * n_bins).astype(np.int32), 0, n_bins - 1)
    _, counts = np.unique(places, axis=0, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def binned(values: np.ndarray, group: np.ndarray, n_bins: int) -> dict[str, float]:
    """I(X; T) and I(T; Y) of binned columns.

    Args:
        values: (n, width).
        group: (n,) number of the class.
    """
    edges = np.stack([values.min(axis=0), values.max(axis=0)], axis=1)
    whole = binned_entropy(values, n_bins, edges)
    given = sum(
        (group == one).mean() * binned_entropy(values[group == one], n_bins, edges)
        for one in np.unique(group)
    )
    return {"input": whole, "label": whole - float(given)}


def kernel_bounds(values: np.ndarray, noise: float) -> tuple[float, float]:
    """Lower and upper bound of I(X; T + noise), bits.

    Args:
        values: (n, width).
        noise: its standard deviation, in the units of `values`.
    """
    values = values.astype(np.float64)
    square = (values**2).sum(axis=1)
    sums = np.zeros((2, len(values)))
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = np.maximum(square[part, None] + square - 2 * values[part] @ values.T, 0)
        for number, factor in enumerate((8.0, 2.0)):
            sums[number, part] = np.exp(-distance / (factor * noise**2)).mean(axis=1)
    lower, upper = -np.log2(sums).mean(axis=1)
    return float(lower), float(upper)


def kernel(values: np.ndarray, group: np.ndarray, noise: float) -> dict[str, float]:
    """I(X; T') from below and above, and I(T'; Y) from the bounds from above (arXiv:1706.02361, section 3).

    Args:
        values: (n, width).
        group: (n,) number of the class.
        noise: in units of the root mean square spread of the columns.
    """
    width = float(np.sqrt(values.var(axis=0, dtype=np.float64).mean()))
    if width == 0:
        return {"lower": 0.0, "upper": 0.0, "label": 0.0}
    lower, upper = kernel_bounds(values, noise * width)
    given = sum(
        (group == one).mean() * kernel_bounds(values[group == one], noise * width)[1]
        for one in np.unique(group)
    )
    return {"lower": lower, "upper": upper, "label": upper - float(given)}
