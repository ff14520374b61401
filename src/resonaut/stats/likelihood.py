"""The profile likelihood of a signal template with nuisance parameters over a smooth background.

Exact in the background's parameters, which are free everywhere. The signal s has no bounds but that
something positive is expected in every bin. The same interface as `profile.ProfileLikelihood`, which is the
special case of one merged bin without nuisance parameters.

An energy scale that moves a peak by a large part of its width is a small search of its own: asymptotic
p-values are then too small, toys are right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats import intervals
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.nuisances import NONE, UncertainSignal, Uncertainties
from resonaut.stats.profile import Discovery
from resonaut.stats.signal_fits import Data, SignalFits, fit_signal
from resonaut.stats.signals import Signal

__all__ = ["NONE", "Impacts", "Likelihood", "Pulls", "Uncertainties"]


@dataclass(frozen=True)
class Pulls:
    """Fitted nuisance parameters, in standard deviations of their auxiliary measurements.

    Attributes:
        names: of the M nuisance parameters.
        values, errors: (..., M) of the fit with the signal free; an error below 1 means that the counts
            constrain the parameter.
    """

    names: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class Impacts:
    """Shifts of the fitted signal when a nuisance parameter is fixed off its fitted value.

    Attributes:
        names: of the M nuisance parameters.
        up, down: (..., M) shift in signal events for one standard deviation (after the fit) up and down.
    """

    names: tuple[str, ...]
    up: np.ndarray
    down: np.ndarray


class Likelihood:
    """Profile likelihoods of many experiments with one model.

    Args:
        model: background over all bins.
        counts: (..., n_bins).
        signal: template over the same bins.
        uncertainties: of the signal.
        auxiliary: (..., n_nuisances) what the nuisance parameters were measured to be; 0 for data. Toys draw
            them.
        centre: (..., n_parameters) of the model's penalty; 0 for data.

    Attributes:
        names: of the nuisance parameters.
        free, null: fits (flattened leading axes) with the signal free and without signal.
        converged: (...) whether both did; where not, every result is NaN.
        background: (...) events expected under the signal (the fewest bins that hold 90 % of it), from the
            fit with the signal free; log_error: (...) standard deviation of its logarithm.
        excess: (...) fitted signal events, negative or not; signal_error: (...) their standard deviation.
    """

    def __init__(
        self,
        model: LogLinear,
        counts: np.ndarray,
        signal: Signal,
        uncertainties: Uncertainties = NONE,
        auxiliary: np.ndarray | None = None,
        centre: np.ndarray | None = None,
    ) -> None:
        self.model, self.signal, self.uncertainties = model, signal, uncertainties
        self.part = UncertainSignal(signal, uncertainties)
        self.names = self.part.names
        self.counts = np.asarray(counts, float)
        self.shape = self.counts.shape[:-1]
        n_rows = int(np.prod(self.shape))
        self.data = Data(
            self.counts.reshape(n_rows, model.n_bins),
            _rows(0.0 if auxiliary is None else auxiliary, self.shape, len(self.names)),
            None if centre is None else _rows(centre, self.shape, model.n_parameters),
        )
        self.null = self.fit(self.data, signal=np.zeros(n_rows))
        self.free = self.fit(self.data, start=self.null.values)
        good = self.free.converged & self.null.converged
        self.converged = good.reshape(self.shape)
        self.excess = self._of(self.free.signal)
        n = model.n_parameters
        self.signal_error = self._of(np.sqrt(np.maximum(self.free.covariance[:, n, n], 0)))
        core = signal.core
        self.background = self._of(self.free.background[:, core].sum(axis=-1))
        under = model.regrouped(core[None, :])
        self.log_error = self._of(under.log_error(self.free.parameters, self.free.covariance[:, :n, :n], 0))

    def _of(self, values: np.ndarray) -> np.ndarray:
        """(...) numbers of the experiments, NaN where a fit did not converge."""
        return np.where(self.converged, values.reshape(self.shape), np.nan)

    def fit(
        self, data: Data, *, signal: np.ndarray | None = None, start: np.ndarray | None = None
    ) -> SignalFits:
        """Fit any data with this model; arguments as of `signal_fits.fit_signal`."""
        return fit_signal(self.model, self.part, data, signal=signal, start=start)

    def discovery(self) -> Discovery:
        """Test of the background-only hypothesis."""
        q = self._of(np.maximum(self.null.deviance - self.free.deviance, 0))
        return Discovery.of(q, self.excess, self.signal_error, self.background, self.log_error)

    def deviance(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(n) -2 ln L (up to a constant of the data) at `signal` (n) for experiments `rows` (n)."""
        return self.fit(self.data.take(rows), signal=signal, start=self.free.values[rows]).deviance

    def q_tilde(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """q-tilde of `signal` events, eq. 16 of arXiv:1007.1727.

        Args:
            signal: (n,) signal events, positive.
            rows: (n,) which experiments, counted along the flattened leading axes.
        """
        excess = self.free.signal[rows]
        best = np.where(excess < 0, self.null.deviance[rows], self.free.deviance[rows])
        return np.where(excess > signal, 0.0, np.maximum(self.deviance(signal, rows) - best, 0))

    def q_asimov(self, signal: np.ndarray, rows: np.ndarray, blind: bool = False) -> np.ndarray:
        """q-tilde of `signal` for background-only Asimov data, same arguments as `q_tilde`.

        Args:
            blind: the background is that of the fit with the signal free (which the counts under the signal
                hardly enter) and nuisance parameters are as they were measured; otherwise all are those of
                the background-only fit, as observed limits want it.
        """
        data, start = self.asimov(rows, blind), self.null.values[rows]
        if blind:
            start = np.concatenate(
                [self.free.parameters[rows], np.zeros((len(rows), 1)), data.auxiliary], axis=-1
            )
        return np.maximum(self.fit(data, signal=signal, start=start).deviance, 0)

    def asimov(self, rows: np.ndarray, blind: bool = False) -> Data:
        """Background-only Asimov data of some experiments, as `q_asimov` says."""
        if not blind:
            return self.hypothesis(np.zeros(len(rows)), rows, self.null.take(rows))
        fits = self.free.take(rows)
        return Data(fits.background, self.data.auxiliary[rows], self._centre(fits))

    def hypothesis(self, signal: np.ndarray, rows: np.ndarray, fits: SignalFits | None = None) -> Data:
        """What is expected of counts, auxiliary measurements and centres if there are `signal` (n) events.

        All other parameters are those that fit experiments `rows` (n) best. Toys are drawn from this.

        Args:
            fits: at this signal; made if None.
        """
        if fits is None:
            fits = self.fit(self.data.take(rows), signal=signal, start=self.free.values[rows])
        return Data(fits.expected, fits.nuisances, self._centre(fits))

    def _centre(self, fits: SignalFits) -> np.ndarray | None:
        return None if self.model.penalty is None else fits.parameters

    def resampled(self, data: Data) -> Likelihood:
        """The same likelihood of other data (n)."""
        return Likelihood(
            self.model, data.counts, self.signal, self.uncertainties, data.auxiliary, data.centre
        )

    def take(self, rows: np.ndarray) -> Likelihood:
        """The likelihood of experiments `rows` (n), counted along the flattened leading axes."""
        return self.resampled(self.data.take(rows))

    def interval(self, confidence_level: float = 0.6827) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided interval (low, high), each (...), of the signal; see `intervals.profile_interval`."""
        return intervals.profile_interval(self, confidence_level)

    def pulls(self) -> Pulls:
        """Fitted nuisance parameters and their errors."""
        n = self.model.n_parameters + 1
        variance = np.diagonal(self.free.covariance, axis1=-2, axis2=-1)[:, n:]
        shape = (*self.shape, len(self.names))
        good = self.converged[..., None]
        return Pulls(
            self.names,
            np.where(good, self.free.nuisances.reshape(shape), np.nan),
            np.where(good, np.sqrt(np.maximum(variance, 0)).reshape(shape), np.nan),
        )

    def impacts(self) -> Impacts:
        """How much of the fitted signal hangs on each nuisance parameter."""
        errors = self.pulls().errors.reshape(len(self.data.counts), len(self.names))
        shifts = np.full((2, len(errors), len(self.names)), np.nan)
        for index in range(len(self.names)):
            for side, sign in enumerate((1, -1)):
                held = self.free.nuisances[:, index] + sign * errors[:, index]
                good = np.flatnonzero(np.isfinite(held))
                fits = fit_signal(
                    self.model,
                    self.part,
                    self.data.take(good),
                    start=self.free.values[good],
                    fixed_nuisance=(index, held[good]),
                )
                shifts[side, good, index] = fits.signal - self.free.signal[good]
        up, down = shifts.reshape(2, *self.shape, len(self.names))
        return Impacts(self.names, up, down)

    def correlation(self) -> np.ndarray:
        """(..., 1 + M, 1 + M) correlations of the fitted signal (first) and the nuisance parameters."""
        n = self.model.n_parameters
        covariance = self.free.covariance[:, n:, n:]
        error = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
        matrix = covariance / (error[:, :, None] * error[:, None, :])
        matrix = np.where(self.converged.reshape(-1, 1, 1), matrix, np.nan)
        return matrix.reshape(*self.shape, *matrix.shape[1:])


def _rows(values: np.ndarray | float, shape: tuple[int, ...], n: int) -> np.ndarray:
    return np.broadcast_to(values, (*shape, n)).reshape(int(np.prod(shape)), n)
