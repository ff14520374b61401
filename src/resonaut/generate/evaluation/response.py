"""Linearity and energy resolution of calorimeter showers against the incident energy.

The response is visible over incident energy, r. Within a bin its mean and relative width std(r) / mean(r) are
the linearity and the resolution; the ratio takes the width of the bin out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut.generate.evaluation.histograms import moments

MIN_SHOWERS = 20
"""Fewer in a bin are not measured."""
_FIXED = 20


def measured(visible: np.ndarray, incident: np.ndarray) -> dict[str, Any] | None:
    """Response and resolution of showers, with their errors; None of fewer than `MIN_SHOWERS`.

    Args:
        visible, incident: (n,) GeV.
    """
    if len(visible) < MIN_SHOWERS:
        return None
    found = moments(visible / incident)
    mean, width = found["mean"], found["width"]
    if not mean["value"] > 0:
        return None
    relative = width["value"] / mean["value"]
    error = relative * np.hypot(
        width["error"] / width["value"] if width["value"] > 0 else 0.0, mean["error"] / mean["value"]
    )
    return {
        "n": len(visible),
        "response": mean,
        "resolution": {"value": relative, "error": float(error)},
    }


def _difference(generated: dict[str, float], real: dict[str, float]) -> dict[str, float] | None:
    """Generated over real, minus one, with the errors of both."""
    if not (generated["value"] > 0 and real["value"] > 0):
        return None
    ratio = generated["value"] / real["value"]
    error = ratio * np.hypot(generated["error"] / generated["value"], real["error"] / real["value"])
    return {"value": ratio - 1, "error": float(error)}


def compared(
    real: tuple[np.ndarray, np.ndarray], generated: tuple[np.ndarray, np.ndarray], low: float, high: float
) -> dict[str, Any]:
    """Response and resolution of showers with an incident energy from low to high.

    Args:
        real, generated: (n,) visible and (n,) incident energy, GeV.

    Returns:
        low, high (GeV); real, generated (see `measured`); difference: relative ones of response and
        resolution, with errors; null where there are too few showers.
    """
    parts = []
    for visible, incident in (real, generated):
        inside = (incident >= low) & (incident <= high)
        parts.append(measured(visible[inside], incident[inside]))
    first, second = parts
    difference = None
    if first is not None and second is not None:
        difference = {key: _difference(second[key], first[key]) for key in ("response", "resolution")}
    return {"low": low, "high": high, "real": first, "generated": second, "difference": difference}


def bins_of(incident: np.ndarray, n_bins: int = 9) -> np.ndarray:
    """(n, 2) ends of bins of incident energy: single energies where there are few, otherwise equal bins."""
    values = np.unique(incident)
    if len(values) <= _FIXED:
        return np.stack([values * (1 - 1e-6), values * (1 + 1e-6)], axis=1)
    edges = np.linspace(values[0], values[-1], n_bins + 1)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def evaluate(
    real: tuple[np.ndarray, np.ndarray],
    generated: tuple[np.ndarray, np.ndarray],
    energies: Sequence[float],
    window: float,
) -> dict[str, Any]:
    """Linearity and resolution in bins over the whole range and at some energies.

    Args:
        real, generated: (n,) visible and (n,) incident energy, GeV.
        energies: GeV; those outside of the range of the real showers are left out.
        window: showers within this share of an energy count for it.

    Returns:
        bins: see `compared`; energies: the same, with the key `energy`.
    """
    bins = [compared(real, generated, float(low), float(high)) for low, high in bins_of(real[1])]
    lowest, highest = real[1].min(), real[1].max()
    return {
        "bins": bins,
        "energies": [
            {"energy": energy, **compared(real, generated, energy * (1 - window), energy * (1 + window))}
            for energy in energies
            if lowest <= energy * (1 + window) and energy * (1 - window) <= highest
        ],
    }
