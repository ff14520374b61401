"""Numbers for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def rounded(values: np.ndarray, digits: int = 6) -> Any:
    """Nested lists of an array with so many significant digits; null where it is not finite."""
    if np.ndim(values) == 0:
        value = float(values)
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return [rounded(value, digits) for value in values]


def plain(value: Any) -> Any:
    """Nested mappings and lists with Python's own numbers, and null for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
