"""The same numbers from the archived workspace, by pyhf: what a reader of the workspace will find.

Numpy backend and Minuit: other minimisers leave noise in q0, and 32-bit backends lose small ones.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.stats.asymptotics import expected_root, log_cls

MINUIT_TOLERANCES = (1e-3, 0.1)
"""Minuit stops at an estimated distance of 2e-3 x this in -2 ln L. The second, its default, is for the rare
case that rounding keeps it from the first; it leaves 1e-4 in q0."""
_MOST_CALLS = 1000
"""A fit takes some hundred; one that has lost its way takes minutes for its usual 100,000."""
_LEAST = 1e-6
"""Events that are expected in a bin at least."""


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
        optimizer = pyhf.optimize.minuit_optimizer(tolerance=tolerance, maxiter=_MOST_CALLS)
        pyhf.set_backend("numpy", optimizer, precision="64b")
        with _quiet(), contextlib.suppress(pyhf.exceptions.FailedMinimization):
            return _evaluate(content, guess, 1 - confidence_level)
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A fit that fails prints pages, and is tried again or reported."""
    log = logging.getLogger("pyhf")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _evaluate(content: dict[str, Any], guess: FromWorkspace, alpha: float) -> FromWorkspace:
    import pyhf
    from scipy.special import ndtr

    space = pyhf.Workspace(content)
    # Far from the data a bin of an approximate background may fall below nothing, which has no logarithm.
    model = space.model(clip_bin_data=_LEAST)
    observed = _Sample(model, space.data(model))
    best = observed.free()
    null = observed.fixed(0.0)
    # sqrt(q0) is the asymptotic significance (arXiv:1007.1727, eq. 53), also where the p-value underflows.
    z_local = math.sqrt(max(null.value - best.value, 0.0))
    asimov = _Sample(model, model.expected_data(null.parameters))
    # The background of the side bands alone: fitted to the data, it would take up a part of a signal.
    blind = _Sample(model, model.expected_data(_at_nominal(model)))

    def above_observed(signal: float) -> float:
        q = 0.0 if best.signal > signal else max(observed.fixed(signal).value - best.value, 0.0)
        return float(log_cls(np.asarray(q), np.asarray(asimov.rise(signal, null.parameters)))) - math.log(
            alpha
        )

    def above_expected(signal: float) -> float:
        return expected_root(alpha, 0) - math.sqrt(blind.rise(signal, _at_nominal(model)))

    return FromWorkspace(
        p_value=float(ndtr(-z_local)),
        z_local=z_local,
        upper_limit_observed=_limit(above_observed, guess.upper_limit_observed),
        upper_limit_expected=_limit(above_expected, guess.upper_limit_expected),
    )


@dataclass(frozen=True)
class _Fit:
    """A fit: parameters, the signal among them, and -2 ln L."""

    parameters: np.ndarray
    signal: float
    value: float


class _Sample:
    """Fits by pyhf to one set of data; each begins where the last one ended."""

    def __init__(self, model: Any, data: Any) -> None:
        self.model, self.data = model, data
        self._start = model.config.suggested_init()

    def free(self) -> _Fit:
        """With the signal free, within its bounds."""
        import pyhf

        return self._note(pyhf.infer.mle.fit(self.data, self.model, return_fitted_val=True))

    def fixed(self, signal: float) -> _Fit:
        """At a signal; a start that leads where nothing is expected is left for the nominal one."""
        import pyhf

        for start in (self._start, self.model.config.suggested_init()):
            with contextlib.suppress(pyhf.exceptions.FailedMinimization):
                found = pyhf.infer.mle.fixed_poi_fit(
                    signal, self.data, self.model, init_pars=list(start), return_fitted_val=True
                )
                return self._note(found)
        raise pyhf.exceptions.FailedMinimization(None)

    def rise(self, signal: float, parameters: Any) -> float:
        """q-tilde of `signal` if these are the Asimov data of `parameters`, which no fit describes better."""
        least = -2 * float(self.model.logpdf(np.asarray(parameters), self.data)[0])
        return max(self.fixed(signal).value - least, 0.0)

    def _note(self, found: tuple[Any, Any]) -> _Fit:
        parameters, value = np.asarray(found[0], float), float(found[1])
        self._start = parameters
        return _Fit(parameters, float(parameters[self.model.config.poi_index]), value)


def _at_nominal(model: Any) -> list[float]:
    """Parameters without signal and with the background as the side bands give it."""
    parameters = list(model.config.suggested_init())
    parameters[model.config.poi_index] = 0.0
    return parameters


def _limit(above: Callable[[float], float], start: float) -> float:
    """Where a falling function crosses zero, from a bracket around `start`."""
    from scipy.optimize import brentq

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
