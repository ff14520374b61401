"""Validations of searches whose fits are right: pulls are normal, intervals and limits cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json

LEVEL = 0.682689492137086
STRENGTHS = [0.0, 1.0, 2.0, 3.0, 5.0]
PULL_EDGES = np.linspace(-5, 5, 41)
SIGMA, EFFICIENCY, BACKGROUND = 12.0, 0.01, 120.0


def covered(fraction: float, n: int) -> dict[str, Any]:
    """Coverage with the error of a Gaussian approximation."""
    error = (fraction * (1 - fraction) / n) ** 0.5
    return {
        "covered": round(fraction * n), "n": n, "coverage": fraction, "low": fraction - error,
        "high": min(fraction + error, 1.0),
    }  # fmt: skip


def row(strength: float, random: np.random.Generator, bias: float = 0.0, n: int = 1000) -> dict[str, Any]:
    """Toys of one strength, with a bias in standard deviations."""
    pulls = random.normal(bias, 1, n)
    fitted = SIGMA * (strength + pulls)
    width = float(pulls.std(ddof=1))
    return {
        "strength": strength,
        "injected": strength * SIGMA,
        "n_toys": n,
        "n_failed": 0,
        "fitted": {
            "mean": float(fitted.mean()), "error": float(fitted.std() / n**0.5), "spread": float(fitted.std())
        },
        "pull": {
            "mean": float(pulls.mean()), "mean_error": width / n**0.5,
            "width": width, "width_error": width / (2 * n) ** 0.5,
            "histogram": np.histogram(pulls, PULL_EDGES)[0].tolist(),
        },
        "interval": covered(float((np.abs(pulls) < 1).mean()), n),
        "limit": covered(1.0 if strength == 0 else 0.957, n),
    }  # fmt: skip


def truth(function: str, own: bool, random: np.random.Generator, bias: float = 0.0) -> dict[str, Any]:
    """Toys of one background function."""
    slope = {"slope": 1.002, "slope_error": 0.01, "offset": 0.2, "offset_error": 0.3}
    return {
        "function": function, "n_parameters": 4, "own": own, "failed": None,
        "expected_background": BACKGROUND, "deviance": 14.0, "degrees_of_freedom": 13,
        "goodness_of_fit": 0.37,
        "strengths": [row(strength, random, bias) for strength in STRENGTHS],
        "linearity": {**slope, "chi2": 2.0, "degrees_of_freedom": 3},
    }  # fmt: skip


def goodness(p: float, n: int = 1000) -> dict[str, Any]:
    """Goodness of a fit to side bands of few events: chi-squared is too small."""
    return {
        "p": p, "error": (p * (1 - p) / n) ** 0.5, "n_toys": n, "n_failed": 0, "deviance": 14.0,
        "degrees_of_freedom": 13, "p_chi2": 0.8 * p, "ks": 0.01, "ks_p": 1.2 * p, "ks_error": 0.015,
    }  # fmt: skip


def validation(n_windows: int = 3, bias: float = 0.1) -> dict[str, Any]:
    """What `infer validate` writes; `bias` is that of the other background function."""
    random = np.random.default_rng(1)
    windows = [
        {
            "low": 3000.0 + 400 * number, "high": 3400.0 + 400 * number, "selection_efficiency": efficiency,
            "failed": None, "sigma": SIGMA, "expected_limit": 2 * SIGMA,
            "goodness": goodness(0.4 + 0.1 * (number % 5)),
            "truths": [truth("dijet", True, random), truth("exponential", False, random, bias)],
        }
        for number in range(n_windows)
        for efficiency in (0.1, EFFICIENCY)
    ]  # fmt: skip
    return {
        "schema_version": 2, "kind": "validation", "mixture": "data", "method": "cwola", "blind": False,
        "confidence_level": 0.95, "interval_level": LEVEL, "unit": "sigma", "strengths": STRENGTHS,
        "pull_edges": PULL_EDGES.tolist(), "windows": windows,
    }  # fmt: skip


def linearity() -> dict[str, Any]:
    """What `infer linearity` writes: methods that select different shares of the signal."""
    random = np.random.default_rng(2)
    entries = []
    for method, share in (("cwola", 0.4), ("anode", 0.2), ("autoencoder", 0.05)):
        for efficiency in (0.1, 0.01):
            points = []
            for n in (0, 100, 250, 500, 1000):
                for seed in range(3):
                    kept, error = 1 if efficiency > 0.05 else 0.6, 200 * efficiency**0.5
                    signal = round(share * n * kept)
                    points.append(
                        {
                            "mixture": f"data:{n}:seed{seed}", "injected": n, "selected_signal": signal,
                            "fitted": signal + float(random.normal(0, error)), "error": error,
                        }
                    )  # fmt: skip
            line = {"slope": 0.99, "slope_error": 0.06, "offset": 1.0, "offset_error": 8.0, "chi2": 13.0}
            entries.append(
                {
                    "name": "data", "method": method, "efficiency": efficiency, "low": 3300.0, "high": 3700.0,
                    "points": points, "linearity": {**line, "degrees_of_freedom": 13},
                }
            )  # fmt: skip
    return {"schema_version": 1, "kind": "linearity", "entries": entries}


def make_validation(folder: Path, n_windows: int = 3) -> Path:
    """A validation in a file."""
    write_json(folder / "validation.json", validation(n_windows))
    return folder / "validation.json"


def make_linearity(folder: Path) -> Path:
    """Fitted against true signal in a file."""
    write_json(folder / "linearity.json", linearity())
    return folder / "linearity.json"
