"""Nuisance parameters of the signal, each with an auxiliary measurement of unit error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.errors import ConfigError
from resonaut.stats import interpolation
from resonaut.stats.signals import Signal

_SMALLEST_BIN = 1e-3
"""Fraction of the template below which a bin's statistical error is left out: it does not matter."""


@dataclass(frozen=True)
class Uncertainties:
    """Systematic uncertainties of the signal. The energy scale is one more if the signal has `up` and `down`,
    and each of its `changes`.

    Attributes:
        luminosity: relative, log-normal.
        acceptance: relative, log-normal.
        spurious: events (one standard deviation) of the signal's shape that are not signal; additive.
        statistics: whether each bin of the template varies by its statistical error, independently.
    """

    luminosity: float = 0.0
    acceptance: float = 0.0
    spurious: float = 0.0
    statistics: bool = False

    def __post_init__(self) -> None:
        for name in ("luminosity", "acceptance", "spurious"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ConfigError(f"uncertainty of '{name}': a number >= 0 is expected, got {value:g}.")


NONE = Uncertainties()


class UncertainSignal:
    """s signal events with nuisance parameters alpha.

    s exp(alpha_lumi ln(1 + lumi) + alpha_acc ln(1 + acc)) prod_v f_v(alpha_v)
    (t_b(alpha_scale) + sum_v d_vb(alpha_v)) (1 + delta_b alpha_b) + alpha_spurious spurious t_b, with delta_b
    the relative statistical error of bin b, and of each systematic variation v its factor on the rate f_v and
    its change of the shape d_vb (`stats.interpolation`).

    Attributes:
        names: of the nuisance parameters; `statistics_<bin>` for those of single bins.
        nominal: (n_bins,) the template.
        shapes: which of them move the template.
    """

    def __init__(self, signal: Signal, uncertainties: Uncertainties = NONE) -> None:
        self.signal, self.spurious = signal, uncertainties.spurious
        self.nominal = np.asarray(signal.nominal, float)
        rates = {
            name: np.log1p(getattr(uncertainties, name))
            for name in ("luminosity", "acceptance")
            if getattr(uncertainties, name)
        }
        self.rates = np.array(list(rates.values()))
        names = [*rates]
        self._scale = self._spurious = None
        if signal.up is not None and signal.down is not None:
            self._scale = len(names)
            names.append("energy_scale")
        if uncertainties.spurious:
            self._spurious = len(names)
            names.append("spurious_signal")
        self._first_change = len(names)
        names += [change.name for change in signal.changes]
        self.shapes = [] if self._scale is None else [self._scale]
        self.shapes += [
            number
            for number, change in enumerate(signal.changes, self._first_change)
            if change.up is not None
        ]
        self._first_bin = len(names)
        self.bins = np.zeros(0, int)
        if uncertainties.statistics and signal.error is not None:
            enough = self.nominal >= _SMALLEST_BIN * self.nominal.sum()
            self.bins = np.flatnonzero((signal.error > 0) & enough)
            self.relative = signal.error[self.bins] / self.nominal[self.bins]
            names += [f"statistics_{number}" for number in self.bins]
        self.names = tuple(names)
        self.n_nuisances = len(names)

    def _parts(self, alpha: np.ndarray) -> _Parts:
        """What `expected` is made of, at (n, n_nuisances) values of the nuisance parameters."""
        if self._scale is None:
            template = np.broadcast_to(self.nominal, (len(alpha), len(self.nominal)))
        else:
            template = self.signal.at_energy_scale(alpha[:, self._scale])[0]
        rates, shapes = [], []
        for column, change in enumerate(self.signal.changes, self._first_change):
            rates.append(interpolation.factor(alpha[:, column], change.high, change.low))
            shapes.append(None)
            if change.up is not None and change.down is not None:
                shapes[-1] = interpolation.shape(alpha[:, column], self.nominal, change.up, change.down)
                template = template + shapes[-1][0]
        rate = np.exp(alpha[:, : len(self.rates)] @ self.rates) if len(self.rates) else np.ones(len(alpha))
        for value, _ in rates:
            rate = rate * value
        factors = np.ones(template.shape)
        if len(self.bins):
            factors[:, self.bins] += alpha[:, self._first_bin :] * self.relative
        return _Parts(template, rate[:, None], factors, rates, shapes)

    def expected(self, values: np.ndarray) -> np.ndarray:
        """(n, n_bins) events for (n, 1 + n_nuisances) values of s and the nuisance parameters."""
        strength, alpha = values[:, :1], values[:, 1:]
        total = strength * (self._parts(alpha).per_event if self.n_nuisances else self.nominal)
        if self._spurious is not None:
            total = total + self.spurious * alpha[:, [self._spurious]] * self.nominal
        return total

    def jacobian(self, values: np.ndarray) -> np.ndarray:
        """(n, n_bins, 1 + n_nuisances) derivatives of `expected`."""
        strength, alpha = values[:, :1], values[:, 1:]
        parts = self._parts(alpha)
        result = np.zeros((*parts.template.shape, 1 + self.n_nuisances))
        result[..., 0] = parts.per_event
        for column, rate in enumerate(self.rates):
            result[..., 1 + column] = strength * rate * parts.per_event
        if self._scale is not None:
            slope = self.signal.at_energy_scale(alpha[:, self._scale])[1]
            result[..., 1 + self._scale] = strength * parts.rate * slope * parts.factors
        if self._spurious is not None:
            result[..., 1 + self._spurious] = self.spurious * self.nominal
        for index, ((value, slope), shape) in enumerate(zip(parts.rates, parts.shapes, strict=True)):
            derivative = parts.per_event * (slope / value)[:, None]
            if shape is not None:
                derivative = derivative + parts.rate * shape[1] * parts.factors
            result[..., 1 + self._first_change + index] = strength * derivative
        for column, number in enumerate(self.bins):
            moved = strength[:, 0] * (parts.template * parts.rate)[:, number] * self.relative[column]
            result[:, number, 1 + self._first_bin + column] = moved
        return result


@dataclass(frozen=True)
class _Parts:
    """Factors of the signal per event.

    Attributes:
        template: (n, n_bins) the shape.
        rate: (n, 1) factors on all bins.
        factors: (n, n_bins) of single bins.
        rates: factor and derivative, each (n,), of each variation.
        shapes: change of the template and derivative, each (n, n_bins), of each variation; None for none.
    """

    template: np.ndarray
    rate: np.ndarray
    factors: np.ndarray
    rates: list[tuple[np.ndarray, np.ndarray]]
    shapes: list[tuple[np.ndarray, np.ndarray] | None]

    @property
    def per_event(self) -> np.ndarray:
        """(n, n_bins) expected signal per signal event."""
        return self.template * self.rate * self.factors
