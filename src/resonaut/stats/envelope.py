"""Discrete profiling: the choice of the background family is one more nuisance parameter (arXiv:1408.6865).

At each signal the family counts that fits best, with a penalty for its parameters. What the choice is worth
then widens intervals and limits by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resonaut.errors import ConfigError
from resonaut.stats import intervals
from resonaut.stats.likelihood import Impacts, Likelihood, Pulls
from resonaut.stats.profile import Discovery
from resonaut.stats.signal_fits import Data


class Envelope:
    """The envelope of likelihoods that differ in the background alone, with their interface.

    Args:
        families: of the same counts, signal, uncertainties and auxiliary measurements.
        correction: added to -2 ln L for each parameter of the background: 1 corrects for the chi-squared that
            a parameter takes up (section 5 of arXiv:1408.6865), 2 is that of Akaike, 0 none.

    Attributes:
        names: of the nuisance parameters.
        chosen: (...) index of the family that fits best with the signal free.
        converged: (...) whether the fits of any family did; a family whose fits did not is left out.
        background, log_error, excess, signal_error: (...) of the chosen family.

    Raises:
        ConfigError: no family, families of different data, or a correction below 0.
    """

    def __init__(self, families: Sequence[Likelihood], correction: float = 1.0) -> None:
        self.families, self.correction = tuple(families), correction
        _check(self.families, correction)
        first = self.families[0]
        self.names, self.shape = first.names, first.shape
        self._free = self._stack([family.free.deviance for family in self.families])
        self._null = self._stack([family.null.deviance for family in self.families])
        self._best = self._free.argmin(axis=0)
        self.chosen = self._best.reshape(self.shape)
        self.converged = np.isfinite(self._free.min(axis=0)).reshape(self.shape)
        self.background, self.log_error, self.excess, self.signal_error = (
            self._of_chosen([getattr(family, name) for family in self.families])
            for name in ("background", "log_error", "excess", "signal_error")
        )

    def _stack(self, deviances: list[np.ndarray], rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(n_families, n) deviances with the correction, infinite where a family did not converge."""
        corrected = []
        for family, values in zip(self.families, deviances, strict=True):
            usable = family.converged.ravel()[rows] & np.isfinite(values)
            total = values + self.correction * family.model.n_parameters
            corrected.append(np.where(usable, total, np.inf))
        return np.stack(corrected)

    def _of_chosen(self, values: list[np.ndarray]) -> np.ndarray:
        """(..., *) numbers of the family that fits best."""
        extra = values[0].shape[len(self.shape) :]
        flat = np.stack([value.reshape(-1, *extra) for value in values])
        return flat[self._best, np.arange(flat.shape[1])].reshape((*self.shape, *extra))

    def discovery(self) -> Discovery:
        """Test of the background-only hypothesis."""
        with np.errstate(invalid="ignore"):
            q = np.maximum(self._null.min(axis=0) - self._free.min(axis=0), 0).reshape(self.shape)
        q = np.where(self.converged, q, np.nan)
        return Discovery.of(q, self.excess, self.signal_error, self.background, self.log_error)

    def deviance(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(n) -2 ln L with correction at `signal` (n), of the best family, for experiments `rows` (n)."""
        every = [family.deviance(signal, rows) for family in self.families]
        return _number(self._stack(every, rows).min(axis=0))

    def q_tilde(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """q-tilde of `signal` events as `Likelihood.q_tilde`."""
        excess = self.excess.ravel()[rows]
        best = np.where(excess < 0, self._null.min(axis=0)[rows], self._free.min(axis=0)[rows])
        return np.where(excess > signal, 0.0, np.maximum(self.deviance(signal, rows) - best, 0))

    def q_asimov(self, signal: np.ndarray, rows: np.ndarray, blind: bool = False) -> np.ndarray:
        """q-tilde of `signal` for Asimov data as `Likelihood.q_asimov`, made by the family that fits best."""
        made_by = (self._free if blind else self._null).argmin(axis=0)[rows]
        result = np.full(len(rows), np.nan)
        for number, maker in enumerate(self.families):
            mine = np.flatnonzero(made_by == number)
            if not len(mine):
                continue
            data = maker.asimov(rows[mine], blind)
            tested, null = (
                self._stack(
                    [
                        family.fit(
                            data if family is maker else Data(data.counts, data.auxiliary),
                            signal=strength,
                            start=family.null.values[rows[mine]],
                        ).deviance
                        for family in self.families
                    ],
                    rows[mine],
                ).min(axis=0)
                for strength in (signal[mine], np.zeros(len(mine)))
            )
            result[mine] = np.maximum(_number(tested) - _number(null), 0)
        return result

    def hypothesis(self, signal: np.ndarray, rows: np.ndarray) -> Data:
        """What is expected at `signal` (n), by the family that fits best there; see `Likelihood.hypothesis`.

        The centres of penalties are left where they are for data.
        """
        fits = [
            family.fit(family.data.take(rows), signal=signal, start=family.free.values[rows])
            for family in self.families
        ]
        best = self._stack([fit.deviance for fit in fits], rows).argmin(axis=0)
        each = np.arange(len(rows))
        counts, nuisances = (
            np.stack([getattr(fit, name) for fit in fits])[best, each] for name in ("expected", "nuisances")
        )
        return Data(counts, nuisances)

    def resampled(self, data: Data) -> Envelope:
        """The same envelope of other data (n)."""
        return Envelope([family.resampled(data) for family in self.families], self.correction)

    def take(self, rows: np.ndarray) -> Envelope:
        """The envelope of experiments `rows` (n), counted along the flattened leading axes."""
        return Envelope([family.take(rows) for family in self.families], self.correction)

    @property
    def counts(self) -> np.ndarray:
        """(..., n_bins) of the data."""
        return self.families[0].counts

    def interval(self, confidence_level: float = 0.6827) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided interval (low, high), each (...), of the signal; see `intervals.profile_interval`."""
        return intervals.profile_interval(self, confidence_level)

    def pulls(self) -> Pulls:
        """Fitted nuisance parameters and their errors in the chosen family."""
        every = [family.pulls() for family in self.families]
        return Pulls(
            self.names,
            self._of_chosen([pulls.values for pulls in every]),
            self._of_chosen([pulls.errors for pulls in every]),
        )

    def impacts(self) -> Impacts:
        """How much of the fitted signal hangs on each nuisance parameter, in the chosen family."""
        every = [family.impacts() for family in self.families]
        return Impacts(
            self.names,
            self._of_chosen([impacts.up for impacts in every]),
            self._of_chosen([impacts.down for impacts in every]),
        )

    def correlation(self) -> np.ndarray:
        """(..., 1 + M, 1 + M) correlations of signal and nuisance parameters in the chosen family."""
        return self._of_chosen([family.correlation() for family in self.families])


def _number(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _check(families: tuple[Likelihood, ...], correction: float) -> None:
    if not families:
        raise ConfigError("an envelope of background families: at least one family is expected, got none.")
    if not correction >= 0:
        raise ConfigError(f"the correction of an envelope must be >= 0 per parameter, got {correction:g}.")
    shapes = [family.counts.shape for family in families]
    if len(set(shapes)) > 1 or len({family.names for family in families}) > 1:
        raise ConfigError(
            f"an envelope of background families: all must describe the same counts with the same nuisance "
            f"parameters, got counts of shapes {shapes}. Build all from the same data."
        )
