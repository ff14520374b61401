"""The response of a score as JSON: values with errors, and the sum of all sources in quadrature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonaut.stats.response import Replicas, jensen_shannon

MIN_REPLICAS = 10
"""Replicas with a value that an error needs."""


def with_error(replicas: np.ndarray) -> dict[str, float | None]:
    """Value of the first replica, and standard deviation of the others."""
    value, rest = replicas[0], replicas[1:][np.isfinite(replicas[1:])]
    error = float(rest.std(ddof=1)) if len(rest) >= MIN_REPLICAS else None
    return {"value": float(value) if np.isfinite(value) else None, "error": error}


def _rejection(efficiency: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.where(efficiency > 0, 1 / np.where(efficiency > 0, efficiency, 1), np.inf)


def _relative(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """new / old - 1; NaN where it has no value."""
    usable = np.isfinite(new) & np.isfinite(old) & (old != 0)
    return np.where(usable, np.where(usable, new, 0) / np.where(usable, old, 1) - 1, np.nan)


def changes(nominal: Replicas, varied: Replicas) -> dict[str, np.ndarray]:
    """Changes in each replica: `auc` (R,), and of (R, E) relative ones.

    `rejection`: at the same efficiency. `rejection_fixed`, `signal_efficiency`, `background_efficiency`: at
    the nominal threshold.
    """
    reference = _rejection(nominal.background)
    return {
        "auc": varied.auc - nominal.auc,
        "rejection": _relative(_rejection(varied.background_same), reference),
        "rejection_fixed": _relative(_rejection(varied.background), reference),
        "signal_efficiency": _relative(varied.signal, nominal.signal),
        "background_efficiency": _relative(varied.background, nominal.background),
    }


def of_nominal(nominal: Replicas, efficiencies: Sequence[float], n_background: int) -> dict[str, Any]:
    """Area under the curve and rejections of the nominal sample."""
    at = [
        {
            "efficiency": wanted,
            "threshold": float(nominal.threshold[0, i]),
            "signal_efficiency": with_error(nominal.signal[:, i]),
            "background_efficiency": with_error(nominal.background[:, i]),
            "rejection": with_error(_rejection(nominal.background[:, i])),
            "n_background_passed": round(float(nominal.background[0, i]) * n_background),
        }
        for i, wanted in enumerate(efficiencies)
    ]
    return {"auc": with_error(nominal.auc), "at": at}


def of_variation(nominal: Replicas, varied: Replicas, efficiencies: Sequence[float]) -> dict[str, Any]:
    """What a variation changes; changes of efficiencies and rejections are relative."""
    change = changes(nominal, varied)
    at = []
    for i, wanted in enumerate(efficiencies):
        at.append(
            {
                "efficiency": wanted,
                "threshold": float(varied.threshold[0, i]),
                "rejection": with_error(_rejection(varied.background_same[:, i])),
                "rejection_change": with_error(change["rejection"][:, i]),
                "fixed_threshold": {
                    "signal_efficiency": with_error(varied.signal[:, i]),
                    "signal_efficiency_change": with_error(change["signal_efficiency"][:, i]),
                    "background_efficiency": with_error(varied.background[:, i]),
                    "background_efficiency_change": with_error(change["background_efficiency"][:, i]),
                    "rejection": with_error(_rejection(varied.background[:, i])),
                    "rejection_change": with_error(change["rejection_fixed"][:, i]),
                },
            }
        )
    shape = {name: _shape(nominal, varied, name) for name in varied.shape}
    return {
        "auc": with_error(varied.auc),
        "auc_change": with_error(change["auc"]),
        "at": at,
        "shape": shape,
    }


def _shape(nominal: Replicas, varied: Replicas, name: str) -> dict[str, Any]:
    """Distances of the distributions of the score, and the ratio of their bins.

    `bias` is what fluctuations add to the divergence on average: its mean over replicas, less its value.
    """
    before, after = nominal.shape[name], varied.shape[name]
    divergence = jensen_shannon(before, after)
    ratio = 1 + _relative(after, before)
    bins = [with_error(ratio[:, b]) for b in range(ratio.shape[1])]
    return {
        "jensen_shannon": {**with_error(divergence), "bias": float(divergence[1:].mean() - divergence[0])},
        "kolmogorov_smirnov": with_error(varied.smirnov[name]),
        "share": after[0].tolist(),
        "ratio": [entry["value"] for entry in bins],
        "ratio_error": [entry["error"] for entry in bins],
    }


def _additive(change: np.ndarray, key: str) -> np.ndarray:
    """Changes that may be added: logarithms of ratios, or differences as they are; NaN without a value."""
    if key == "auc":
        return change
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log1p(change)
    return np.where(np.isfinite(logarithm), logarithm, np.nan)


def total(
    measured: Mapping[str, Replicas],
    sources: Mapping[str, Sequence[str | None]],
    sigma: Mapping[str, float],
    efficiencies: Sequence[float],
) -> dict[str, Any]:
    """Changes by one standard deviation of every source, up and down apart, added in quadrature.

    A source with two variations counts by the larger one where both go the same way; one with a single
    variation counts both ways. Relative changes are added as logarithms of 1 + change, so that twice as much
    and half as much are opposite, and nothing falls below zero.

    Args:
        sources: variations of each source.
        sigma: standard deviations that each variation stands for.
    """
    of = {name: changes(measured["nominal"], found) for name, found in measured.items() if name != "nominal"}
    result: dict[str, Any] = {}
    for key in ("auc", "rejection", "rejection_fixed", "signal_efficiency", "background_efficiency"):
        squares: dict[str, Any] = {"up": 0.0, "down": 0.0}
        for names in sources.values():
            scaled = [_additive(of[name][key], key) / abs(sigma[name]) for name in names if name is not None]
            both = scaled if len(scaled) > 1 else [scaled[0], -scaled[0]]
            squares["up"] = squares["up"] + np.maximum(np.max(both, axis=0), 0) ** 2
            squares["down"] = squares["down"] + np.minimum(np.min(both, axis=0), 0) ** 2
        sides = {side: sign * np.sqrt(squares[side]) for side, sign in (("up", 1), ("down", -1))}
        if key == "auc":
            result[key] = {side: with_error(values) for side, values in sides.items()}
        else:
            result[key] = [
                {"efficiency": e, **{side: with_error(np.expm1(v[:, i])) for side, v in sides.items()}}
                for i, e in enumerate(efficiencies)
            ]
    return result
