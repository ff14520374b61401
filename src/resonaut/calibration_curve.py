"""A calibration curve: measured values against what they stand for, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Mean value against mean target, straight between the knots and beyond them.

    Attributes:
        target: (n_knots,) rising.
        value: (n_knots,) rising.
    """

    target: tuple[float, ...]
    value: tuple[float, ...]

    def calibrated(self, value: np.ndarray) -> np.ndarray:
        """The targets that these values stand for, (n,)."""
        knots, targets = np.array(self.value), np.array(self.target)
        piece = np.clip(np.searchsorted(knots, value) - 1, 0, len(knots) - 2)
        slope = np.diff(targets) / np.diff(knots)
        return targets[piece] + slope[piece] * (value - knots[piece])
