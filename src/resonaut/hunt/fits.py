"""Background fits around every window, all pseudo-experiments at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.transfer import WindowModel, transfer_terms, window_model
from resonaut.stats.windows import Bins

CLOSED = -1
"""Stands for a number of events that is not looked at."""


@dataclass(frozen=True)
class BackgroundFits:
    """Arrays of axes (P, W, E, ...) as `hunt.spectra` describes them."""

    expected: np.ndarray
    parameters: np.ndarray
    covariance: np.ndarray
    observed: np.ndarray
    background: np.ndarray
    background_log_error: np.ndarray
    deviance: np.ndarray
    goodness_of_fit: np.ndarray
    converged: np.ndarray
    degrees_of_freedom: np.ndarray

    def datasets(self) -> dict[str, np.ndarray]:
        """Names and arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def closed(self) -> BackgroundFits:
        """The same without the events that are seen in signal regions; nothing else is made from them."""
        return replace(self, observed=np.full_like(self.observed, CLOSED))


def fit_backgrounds(
    spectrum: LogLinear,
    bins: Bins,
    efficiencies: tuple[float, ...],
    counts: np.ndarray,
    total: np.ndarray,
    transfer: int,
) -> BackgroundFits:
    """Fit the background around each window.

    Args:
        spectrum: the background function over all bins.
        bins: roles of the bins.
        efficiencies: (E) of the selections.
        counts: (P, W, E, B) selected events.
        total: (P, B) all events.
        transfer: terms of the ratio of selected to failing events; 0 fits the selected events alone.
    """
    shape, n = counts.shape[:3], spectrum.n_parameters + transfer
    result = BackgroundFits(
        expected=np.full(counts.shape, np.nan),
        parameters=np.full((*shape, n), np.nan),
        covariance=np.full((*shape, n, n), np.nan),
        observed=np.einsum("pweb,wb->pwe", counts, bins.inside.astype(np.int64)),
        background=np.full(shape, np.nan),
        background_log_error=np.full(shape, np.nan),
        deviance=np.full(shape, np.nan),
        goodness_of_fit=np.full(shape, np.nan),
        converged=np.zeros(shape, bool),
        degrees_of_freedom=np.zeros(shape[1:], np.int64),
    )
    for window, (inside, fitted) in enumerate(zip(bins.inside, bins.fitted, strict=True)):
        for number, efficiency in enumerate(efficiencies):
            terms = transfer_terms(transfer, efficiency)
            model = window_model(spectrum, bins.edges, inside, fitted, terms)
            seen = model.arrange(counts[:, window, number], total - counts[:, window, number])
            _fit_one(result, (window, number), model, seen, inside | fitted)
    return result


def _fit_one(
    result: BackgroundFits, at: tuple[int, int], model: WindowModel, seen: np.ndarray, shown: np.ndarray
) -> None:
    """Fit all pseudo-experiments of one window and efficiency; what fails stays NaN."""
    from scipy.special import gammaincc

    fits = poisson.fit(model.sidebands, seen[:, :-1])
    good = np.flatnonzero(fits.converged)
    parameters, covariance = fits.parameters[good], fits.covariance[good]
    n = parameters.shape[-1]
    rows = (good, *at)
    result.converged[rows] = True
    result.parameters[(*rows, slice(n))] = parameters
    result.covariance[(*rows, slice(n), slice(n))] = covariance
    result.expected[rows] = np.where(shown, model.selected.expected(parameters), np.nan)
    result.background[rows] = model.model.expected(parameters)[:, -1]
    result.background_log_error[rows] = model.model.log_error(parameters, covariance, -1)
    result.deviance[rows] = fits.deviance[good]
    freedom = result.degrees_of_freedom[at] = max(model.sidebands.n_bins - n, 0)
    if freedom:
        result.goodness_of_fit[rows] = gammaincc(freedom / 2, fits.deviance[good] / 2)
