"""Thresholds for a given rate of false alarms, and the share of runs above them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """A share of runs with its 68 % interval (Wilson, doi:10.1080/01621459.1927.10502953)."""

    value: float
    lower: float
    upper: float


def threshold(scores: np.ndarray, false_alarms: float) -> float:
    """The score that this share of good runs exceeds.

    Args:
        scores: (n_runs,) of good runs.
        false_alarms: share, above 1 / n_runs.
    """
    return float(np.quantile(scores, 1 - false_alarms, method="higher"))


def share_above(scores: np.ndarray, limit: float) -> Share:
    """The share of runs above a threshold."""
    n_runs = len(scores)
    value = float((scores > limit).mean())
    middle = (value + 0.5 / n_runs) / (1 + 1 / n_runs)
    reach = np.sqrt(value * (1 - value) / n_runs + 0.25 / n_runs**2) / (1 + 1 / n_runs)
    return Share(value, max(0.0, float(middle - reach)), min(1.0, float(middle + reach)))
