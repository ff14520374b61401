"""Numbers of a set of toys: what is fitted of an injected signal, and whether errors are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from resonaut.infer import coverage

PULL_EDGES = np.linspace(-5, 5, 41)
"""Bins of the histograms of pulls; what lies outside is in the end bins."""


@dataclass(frozen=True)
class Refitted:
    """Toys of one injected signal, refitted; (n_toys,) each, in no order.

    Attributes:
        injected: true signal events.
        fitted: fitted signal events, negative or not.
        q: -2 ln of the profile likelihood ratio at the true signal.
        q_tilde, q_asimov: what CLs limits take at the true signal.
        n_failed: toys whose fits did not converge; they are not among the others.
    """

    injected: float
    fitted: np.ndarray
    q: np.ndarray
    q_tilde: np.ndarray
    q_asimov: np.ndarray
    n_failed: int

    @property
    def pulls(self) -> np.ndarray:
        """(n_toys,) signed roots of `q`: (fitted - injected) / error, the error being that of the likelihood
        on the side of the true value. They stay Gaussian down to a few events."""
        return np.sign(self.fitted - self.injected) * np.sqrt(self.q)


def row(toys: Refitted, strength: float, interval_level: float, confidence_level: float) -> dict[str, Any]:
    """The entry of a strength in `validation.json`."""
    limit = coverage.below_limit(toys.q_tilde, toys.q_asimov, confidence_level)
    return {
        "strength": strength,
        "injected": toys.injected,
        "n_toys": len(toys.fitted),
        "n_failed": toys.n_failed,
        "fitted": _fitted(toys.fitted),
        "pull": _pull(toys.pulls),
        "interval": _coverage(coverage.in_interval(toys.q, interval_level)),
        "limit": _coverage(limit),
    }


def _fitted(fitted: np.ndarray) -> dict[str, float] | None:
    if len(fitted) < 2:
        return None
    spread = float(fitted.std(ddof=1))
    return {"mean": float(fitted.mean()), "error": spread / len(fitted) ** 0.5, "spread": spread}


def _pull(pulls: np.ndarray) -> dict[str, Any] | None:
    """Mean and width with errors; that of the width holds for Gaussian pulls."""
    n = len(pulls)
    if n < 2:
        return None
    width = float(pulls.std(ddof=1))
    inside = np.clip(pulls, PULL_EDGES[0], np.nextafter(PULL_EDGES[-1], 0))
    return {
        "mean": float(pulls.mean()),
        "mean_error": width / n**0.5,
        "width": width,
        "width_error": width / (2 * (n - 1)) ** 0.5,
        "histogram": np.histogram(inside, PULL_EDGES)[0].tolist(),
    }


def _coverage(covered: np.ndarray) -> dict[str, Any] | None:
    found = coverage.counted(covered)
    return None if found is None else asdict(found)


@dataclass(frozen=True)
class Line:
    """y = offset + slope x by least squares, with the errors that those of y give.

    chi2 / degrees_of_freedom tells whether a line describes the points.
    """

    slope: float
    slope_error: float
    offset: float
    offset_error: float
    chi2: float
    degrees_of_freedom: int


def line(x: Sequence[float], y: Sequence[float], error: Sequence[float]) -> Line | None:
    """The straight line through points (n,) with errors of y; None where fewer than two x differ."""
    x, y, error = (np.asarray(values, float) for values in (x, y, error))
    used = np.isfinite(x) & np.isfinite(y) & (error > 0)
    x, y, error = x[used], y[used], error[used]
    if len(np.unique(x)) < 2:
        return None
    design = np.stack([x, np.ones_like(x)], 1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    slope, offset = covariance @ design.T @ (y / error)
    chi2 = (((y - offset - slope * x) / error) ** 2).sum()
    errors = np.sqrt(np.diagonal(covariance))
    return Line(float(slope), float(errors[0]), float(offset), float(errors[1]), float(chi2), len(x) - 2)
