"""Tests of one HistFactory model by pyhf: Minuit, 64 bits, no bound of the signal strength that acts unseen.

Asymptotic distributions of q-tilde and q0 (arXiv:1007.1727); expected numbers are for the Asimov data of the
background-only fit, as in pyhf. Other minimisers leave noise in q0, and 32-bit numbers lose small ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resonaut.errors import FitError
from resonaut.stats.asymptotics import expected_root, log_cls
from resonaut.stats.limits import BAND

TOLERANCES = (1e-2, 0.1)
"""Minuit stops at an estimated distance of 2e-3 x this in -2 ln L; the second where rounding prevents the
first."""
NEAR_BOUND = 1e-3
"""Parameters this close to a bound, in units of its range, are said to be at it."""
WIDER = 10.0
MAX_WIDENINGS = 6
_ACCURACY = 1e-3


@dataclass
class ForeignFit:
    """Fits of one model to its data.

    Attributes:
        model: of pyhf.
        data: (n_data,) main and auxiliary.
        bounds: of all parameters; those of the signal strength may have been widened.
        notes: what was done to the bounds, and which parameters ended at one.
        best, best_errors: (n_parameters,) of the free fit.
        best_value, null_value: -2 ln L of the free fit and of that without signal.
    """

    model: Any
    data: Any
    label: str
    bounds: list[tuple[float, float]] = field(init=False)
    notes: list[str] = field(default_factory=list)
    best: np.ndarray = field(init=False)
    best_errors: np.ndarray = field(init=False)
    best_value: float = field(init=False)
    null_value: float = field(init=False)

    def __post_init__(self) -> None:
        self.bounds = [tuple(map(float, pair)) for pair in self.model.config.suggested_bounds()]
        self._poi = self.model.config.poi_index
        self._fit_free()
        null, self.null_value = self._fixed(0.0, self.data, self.best)
        self._null = null
        self._asimov = list(np.asarray(self.model.expected_data(null)))
        self._asimov_value = self._value(null, self._asimov)
        self._asimov_start = null
        self._start = self.best
        self._known: dict[float, tuple[float, float]] = {}

    @property
    def signal_strength(self) -> float:
        """Best fit."""
        return float(self.best[self._poi])

    @property
    def q0(self) -> float:
        """Eq. 12 of arXiv:1007.1727."""
        return max(self.null_value - self.best_value, 0.0) if self.signal_strength > 0 else 0.0

    def _value(self, parameters: np.ndarray, data: Any) -> float:
        import pyhf

        return float(pyhf.infer.mle.twice_nll(parameters, data, self.model)[0])

    def _minimise(self, data: Any, start: np.ndarray, fixed: float | None) -> tuple[np.ndarray, Any]:
        """Parameters at the minimum, and Minuit there."""
        from iminuit import Minuit

        begin = np.clip(start, *np.array(self.bounds).T)
        if fixed is not None:
            self._reach(fixed)
            begin[self._poi] = fixed
        minuit = Minuit(lambda parameters: self._value(parameters, data), begin)
        minuit.errordef = Minuit.LEAST_SQUARES
        minuit.limits = self.bounds
        minuit.fixed = list(self.model.config.suggested_fixed())
        minuit.fixed[self._poi] |= fixed is not None
        minuit.strategy = 0 if fixed is not None else 1
        for minuit.tol in TOLERANCES:
            minuit.migrad()
            if minuit.valid and np.isfinite(minuit.fval):
                return np.array(minuit.values), minuit
        where = "free" if fixed is None else f"fixed to {fixed:g}"
        raise FitError(
            f"{self.label}: the fit with {self.model.config.poi_name} {where} did not converge. "
            "Bins without background, or parameters without effect, are the usual reasons: prune them."
        )

    def _fit_free(self) -> None:
        start = np.array(self.model.config.suggested_init(), float)
        for _ in range(MAX_WIDENINGS + 1):
            self.best, minuit = self._minimise(self.data, start, None)
            # Migrad's own errors are those of its path: started at the minimum they are what it began with.
            minuit.hesse()
            self.best_errors, self.best_value = np.array(minuit.errors), float(minuit.fval)
            low, high = self.bounds[self._poi]
            if self.signal_strength < high - NEAR_BOUND * (high - low):
                break
            self._widen(WIDER * high, "the best fit stood at it: q0 would have been too small")
            start = self.best
        else:
            raise FitError(
                f"{self.label}: the best {self.model.config.poi_name} is above {high:g}. The signal sample "
                "is too small to be scaled: give one of a larger cross-section."
            )
        if self.signal_strength <= low + NEAR_BOUND * (high - low):
            self.notes.append(f"the best {self.model.config.poi_name} is at its lower bound {low:g}")
        self._note_bounds()

    def _note_bounds(self) -> None:
        names = self.model.config.par_names
        for place, ((low, high), value) in enumerate(zip(self.bounds, self.best, strict=True)):
            near = NEAR_BOUND * (high - low)
            if place != self._poi and high > low and not low + near < value < high - near:
                self.notes.append(f"{names[place]} is at its bound {low if value < low + near else high:g}")

    def _widen(self, high: float, reason: str) -> None:
        low, old = self.bounds[self._poi]
        self.bounds[self._poi] = (low, high)
        self.notes.append(
            f"upper bound of {self.model.config.poi_name} widened from {old:g} to {high:g}: {reason}"
        )

    def _reach(self, signal: float) -> None:
        low, high = self.bounds[self._poi]
        if signal >= high:
            self._widen(WIDER * signal, f"{signal:g} is tested")
        elif signal < low:
            self.bounds[self._poi] = (signal, high)

    def _fixed(self, signal: float, data: Any, start: np.ndarray) -> tuple[np.ndarray, float]:
        parameters, minuit = self._minimise(data, start, signal)
        return parameters, float(minuit.fval)

    def statistics(self, signal: float) -> tuple[float, float]:
        """q-tilde of a signal strength for the data and for the background's Asimov data (eq. 16)."""
        signal = float(signal)
        if signal not in self._known:
            self._start, value = self._fixed(signal, self.data, self._start)
            best = self.best_value if self.signal_strength >= 0 else self.null_value
            q = 0.0 if self.signal_strength > signal else max(value - best, 0.0)
            self._known[signal] = (q, self.q_asimov(signal))
        return self._known[signal]

    def q_asimov(self, signal: float) -> float:
        """q-tilde of a signal strength for the background's Asimov data."""
        self._asimov_start, value = self._fixed(signal, self._asimov, self._asimov_start)
        return max(value - self._asimov_value, 0.0)

    def upper_limit(self, confidence_level: float, guess: float) -> float:
        """Observed CLs limit."""
        alpha = 1 - confidence_level

        def above(signal: float) -> float:
            q, q_asimov = self.statistics(signal)
            return float(log_cls(np.array(q), np.array(q_asimov))) - np.log(alpha)

        return crossing(above, guess)

    def expected_limits(self, confidence_level: float) -> list[float]:
        """CLs limits expected at -2, -1, 0, 1, 2 standard deviations of the background."""
        found, slope = [], np.sqrt(self.statistics(1.0)[1])
        for n_sigma in BAND:
            root = expected_root(1 - confidence_level, n_sigma)

            def above(signal: float, root: float = root) -> float:
                return root - np.sqrt(self.q_asimov(signal))

            found.append(crossing(above, root / max(slope, 1e-6)))
            slope = root / found[-1]
        return found


def crossing(function: Callable[[float], float], guess: float) -> float:
    """Where a falling, nearly straight function crosses zero, near `guess` or within a factor 1e6 of it.

    Raises:
        FitError: no crossing there.
    """
    from scipy.optimize import brentq, newton

    # A secant needs half the fits of a bracket.
    with contextlib.suppress(RuntimeError):
        near = float(newton(function, guess, x1=1.05 * guess, rtol=_ACCURACY, maxiter=6))
        if guess / 5 < near < 5 * guess:
            return near
    low, high = guess / 1.1, guess * 1.1
    at_low, at_high = function(low), function(high)
    while at_low < 0 and low > 1e-6 * guess:
        low, high, at_high = low / 2, low, at_low
        at_low = function(low)
    while at_high > 0 and high < 1e6 * guess:
        low, high, at_low = high, high * 2, at_high
        at_high = function(high)
    if at_low < 0 or at_high > 0:
        raise FitError(
            f"No upper limit between {low:g} and {high:g}: the signal has no effect on the data, or no end. "
            "Look at its sample."
        )
    return float(brentq(function, low, high, rtol=_ACCURACY, xtol=1e-9 * guess))
