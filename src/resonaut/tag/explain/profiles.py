"""Shares of |attribution| in bins of where something is, jet by jet."""

from __future__ import annotations

from typing import Any

import numpy as np


def profile(size: np.ndarray, place: np.ndarray, n_bins: int) -> dict[str, Any]:
    """Mean share of each bin; jets count alike, whatever their attributions add up to.

    Args:
        size: (n_jets, n_parts) |attribution|, 0 of padding.
        place: (n_jets, n_parts) bin of each part, negative for none.

    Returns:
        share (n_bins,), standard (n_bins,) its standard error, n jets. Jets without attribution are left out.
    """
    inside = place >= 0
    cell = np.where(inside, place, n_bins) + np.arange(len(size))[:, None] * (n_bins + 1)
    sums = np.bincount(cell.ravel(), weights=size.ravel(), minlength=len(size) * (n_bins + 1))
    sums = sums.reshape(len(size), n_bins + 1)
    total = sums.sum(axis=1)
    share = sums[total > 0, :n_bins] / total[total > 0, None]
    return {
        "share": share.mean(axis=0).tolist(),
        "standard": (share.std(axis=0) / np.sqrt(max(1, len(share)))).tolist(),
        "n": len(share),
    }
