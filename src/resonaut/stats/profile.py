"""The profile likelihood of a counting window over a smooth background, exact in the background's parameters.

Side-band bins and the signal region, merged to one bin, share a log-linear background that is free
everywhere; s >= 0 signal events stand in the signal region. With s free below 0 too, the signal region is
described perfectly and the background is that of the side bands alone, so the alternative hypothesis is the
side-band fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats import intervals, poisson
from resonaut.stats.asymptotics import discovery_p_value
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.signal_fits import Data


@dataclass(frozen=True)
class Discovery:
    """Test of s = 0.

    Attributes:
        background: (...) events expected in the signal region from the side bands.
        log_error: (...) standard deviation of the logarithm of `background`.
        q0: (...) eq. 12 of arXiv:1007.1727: 0 where fewer events are seen than expected.
        p_value: (...) 1 - Phi(sqrt(q0)): 0.5 where fewer events are seen than expected.
        z_local: (...) sqrt(q0), never negative.
        z_signed: (...) the same without the condition, negative for a deficit: normal under the null.
        signal: (...) fitted signal events, negative or not.
        signal_error: (...) their standard deviation.
    """

    background: np.ndarray
    log_error: np.ndarray
    q0: np.ndarray
    p_value: np.ndarray
    z_local: np.ndarray
    z_signed: np.ndarray
    signal: np.ndarray
    signal_error: np.ndarray

    @classmethod
    def of(
        cls,
        q: np.ndarray,
        signal: np.ndarray,
        signal_error: np.ndarray,
        background: np.ndarray,
        log_error: np.ndarray,
    ) -> Discovery:
        """From the likelihood ratio of no signal against the best one, `q`, and that signal."""
        q0 = np.where(signal <= 0, 0.0, q)
        return cls(
            background=background,
            log_error=log_error,
            q0=q0,
            p_value=discovery_p_value(q0),
            z_local=np.sqrt(q0),
            z_signed=np.sign(signal) * np.sqrt(q),
            signal=signal,
            signal_error=signal_error,
        )


class ProfileLikelihood:
    """Profile likelihood of many counting experiments with one window.

    Args:
        model: background over the side-band bins and, last, the merged signal region.
        counts: (..., n_bins) in the same bins.
        centre: (..., n_parameters) where the model's penalty is 0; 0 for data.

    Attributes:
        side: fits of the side bands alone; null: fits of all bins without signal.
        background: (...) events expected in the signal region from the side bands.
        log_error: (...) standard deviation of its logarithm.
        converged: (...) whether both fits did; where not, every result is NaN.
    """

    def __init__(self, model: LogLinear, counts: np.ndarray, centre: np.ndarray | None = None) -> None:
        self.model = model
        self.counts = np.asarray(counts, float)
        sidebands = model.regrouped(np.eye(model.n_bins)[:-1])
        self.side = poisson.fit(sidebands, self.counts[..., :-1], centre=centre)
        self.null = poisson.fit(model, self.counts, start=self.side.parameters, centre=centre)
        shape = (*self.counts.shape[:-1], model.n_parameters)
        self._centre = np.broadcast_to(0.0 if centre is None else centre, shape).reshape(-1, shape[-1])
        self.converged = self.side.converged & self.null.converged
        self.background = np.where(self.converged, model.expected(self.side.parameters)[..., -1], np.nan)
        log_error = model.log_error(self.side.parameters, self.side.covariance, -1)
        self.log_error = np.where(self.converged, log_error, np.nan)

    @property
    def excess(self) -> np.ndarray:
        """(...) events seen in the signal region beyond `background`: the fitted signal, negative or not."""
        return self.counts[..., -1] - self.background

    @property
    def signal_error(self) -> np.ndarray:
        """(...) standard deviation of `excess`: Poisson of the signal region and the background's error."""
        return np.sqrt(self.counts[..., -1] + (self.background * self.log_error) ** 2)

    def discovery(self) -> Discovery:
        """Test of the background-only hypothesis."""
        q = np.maximum(self.null.deviance - self.side.deviance, 0) + 0 * self.background
        return Discovery.of(q, self.excess, self.signal_error, self.background, self.log_error)

    def deviance(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(n) -2 ln L (up to a constant of the data) at `signal` (n) for experiments `rows` (n)."""
        parameters = self.side.parameters.reshape(-1, self.model.n_parameters)[rows]
        counts = self.counts.reshape(-1, self.model.n_bins)[rows]
        return self._fit(counts, signal, parameters, self._centre[rows]).deviance

    def q_tilde(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """q-tilde of `signal` events, eq. 16 of arXiv:1007.1727.

        Args:
            signal: (n,) signal events, positive.
            rows: (n,) which experiments, counted along the flattened leading axes.
        """
        excess = self.excess.ravel()[rows]
        tested = self.deviance(signal, rows)
        best = np.where(self.excess < 0, self.null.deviance, self.side.deviance).ravel()[rows]
        return np.where(excess > signal, 0.0, np.maximum(tested - best, 0))

    def q_asimov(self, signal: np.ndarray, rows: np.ndarray, blind: bool = False) -> np.ndarray:
        """q-tilde of `signal` for background-only Asimov data, same arguments as `q_tilde`.

        Args:
            blind: the background is that of the side bands alone; otherwise that of the background-only fit
                to all bins, as observed limits want it.
        """
        fits = self.side if blind else self.null
        parameters = fits.parameters.reshape(-1, self.model.n_parameters)[rows]
        asimov = self.model.expected(parameters)
        return np.maximum(self._fit(asimov, signal, parameters, parameters).deviance, 0)

    def interval(self, confidence_level: float = 0.6827) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided interval (low, high), each (...), of the signal; see `intervals.profile_interval`."""
        return intervals.profile_interval(self, confidence_level)

    def hypothesis(self, signal: np.ndarray, rows: np.ndarray) -> Data:
        """What is expected if there are `signal` (n) events and the background fits experiments `rows` best.

        Toys are drawn from this.
        """
        parameters = self.side.parameters.reshape(-1, self.model.n_parameters)[rows]
        counts = self.counts.reshape(-1, self.model.n_bins)[rows]
        fits = self._fit(counts, signal, parameters, self._centre[rows])
        centre = None if self.model.penalty is None else fits.parameters
        return Data(fits.expected, np.zeros((len(rows), 0)), centre)

    def resampled(self, data: Data) -> ProfileLikelihood:
        """The same likelihood of other data (n)."""
        return ProfileLikelihood(self.model, data.counts, data.centre)

    def take(self, rows: np.ndarray) -> ProfileLikelihood:
        """The likelihood of experiments `rows` (n), counted along the flattened leading axes."""
        counts = self.counts.reshape(-1, self.model.n_bins)[rows]
        return ProfileLikelihood(self.model, counts, self._centre[rows])

    def _fit(
        self, counts: np.ndarray, signal: np.ndarray, start: np.ndarray, centre: np.ndarray
    ) -> poisson.Fits:
        offset = np.zeros_like(counts)
        offset[:, -1] = signal
        return poisson.fit(self.model, counts, offset=offset, start=start, centre=centre)
