"""The same numbers from the archived workspace, by pyhf: what a reader of the workspace will find.

Numpy backend and Minuit: other minimisers leave noise in q0, and 32-bit backends lose small ones.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MINUIT_TOLERANCES = (1e-3, 0.1)
"""Minuit stops at an estimated distance of 2e-3 x this in -2 ln L. The second, its default, is for the rare
case that rounding keeps it from the first; it leaves 1e-4 in q0."""


@dataclass(frozen=True)
class FromWorkspace:
    """What pyhf finds: p-value and significance of discovery, limits on signal events."""

    p_value: float
    z_local: float
    upper_limit_observed: float
    upper_limit_expected: float


def evaluate(content: dict[str, Any], guess: FromWorkspace, confidence_level: float) -> FromWorkspace | None:
    """Evaluate a workspace.

    Args:
        content: the workspace.
        guess: results of the exact profile likelihood; limits are searched around them.
        confidence_level: of the limits.

    Returns:
        The results, or None where pyhf's minimisation fails.
    """
    import pyhf

    for tolerance in MINUIT_TOLERANCES:
        pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=tolerance))
        with contextlib.suppress(pyhf.exceptions.FailedMinimization):
            return _evaluate(content, guess, 1 - confidence_level)
    return None


def _evaluate(content: dict[str, Any], guess: FromWorkspace, alpha: float) -> FromWorkspace:
    import pyhf
    from scipy.special import ndtr

    space = pyhf.Workspace(content)
    model = space.model()
    data = space.data(model)
    # The background of the side bands alone: fitted to the data, it would take up a part of a signal.
    blind = model.expected_data(_at_nominal(model))

    def cls(signal: float, sample: Any) -> float:
        return float(pyhf.infer.hypotest(signal, sample, model, test_stat="qtilde"))

    # sqrt(q0) is the asymptotic significance (arXiv:1007.1727, eq. 53), also where the p-value underflows.
    start = (model.config.suggested_init(), model.config.suggested_bounds(), model.config.suggested_fixed())
    z_local = math.sqrt(max(float(pyhf.infer.test_statistics.q0(0.0, data, model, *start)), 0.0))
    return FromWorkspace(
        p_value=float(ndtr(-z_local)),
        z_local=z_local,
        upper_limit_observed=_limit(lambda signal: cls(signal, data), guess.upper_limit_observed, alpha),
        upper_limit_expected=_limit(lambda signal: cls(signal, blind), guess.upper_limit_expected, alpha),
    )


def _at_nominal(model: Any) -> list[float]:
    """Parameters without signal and with the background as the side bands give it."""
    parameters = list(model.config.suggested_init())
    parameters[model.config.poi_index] = 0.0
    return parameters


def _limit(cls: Any, start: float, alpha: float) -> float:
    """Where CLs falls to `alpha`, from a bracket around `start`."""
    from scipy.optimize import brentq

    def above(signal: float) -> float:
        return math.log(max(cls(signal), 1e-300) / alpha)

    low, high = start / 1.1, start * 1.1
    while above(low) < 0:
        low /= 1.5
    while above(high) > 0:
        high *= 1.5
    return float(brentq(above, low, high, xtol=1e-4 * start, rtol=1e-4))


def compare(exact: FromWorkspace, found: FromWorkspace | None, tolerance: float) -> dict[str, Any]:
    """Relative differences between workspace and exact profile; that of z relative to at least 1.

    Args:
        exact: of the exact profile likelihood.
        found: of the workspace, or None where it could not be evaluated.
        tolerance: largest difference that passes.
    """
    if found is None:
        return {"passes": False, "reason": "the fit of the workspace failed"}
    differences = {
        "z_local": (found.z_local - exact.z_local) / max(exact.z_local, 1.0),
        "upper_limit_observed": found.upper_limit_observed / exact.upper_limit_observed - 1,
        "upper_limit_expected": found.upper_limit_expected / exact.upper_limit_expected - 1,
    }
    passes = bool(np.abs(list(differences.values())).max() <= tolerance)
    return {"passes": passes, "tolerance": tolerance, "relative_differences": differences}
