"""Background fits around every window, all pseudo-experiments at once.

Where the order of the function is chosen (`hunt.n_parameters: f_test`), every order is fitted to the side
bands and each experiment takes its own (`stats.order`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from resonaut.stats import order, poisson
from resonaut.stats.families import Function
from resonaut.stats.goodness import chi2_p_value
from resonaut.stats.transfer import WindowModel, transfer_terms, window_model
from resonaut.stats.windows import Bins

CLOSED = -1
"""Stands for a number of events that is not looked at."""

RUN_AWAY = 1e4
"""A background that is so many times more, or less, than all events that were fitted is no estimate."""

NOT_CHOSEN = -1
"""Stands for an order where no order's fit converged."""


@dataclass(frozen=True)
class BackgroundFits:
    """Arrays of axes (P, W, E, ...) as `hunt.spectra` says; `order` is None where none is chosen."""

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
    order: np.ndarray | None

    def datasets(self) -> dict[str, np.ndarray]:
        """Names and arrays."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in found.items() if values is not None}

    def closed(self) -> BackgroundFits:
        """The same without the events that are seen in signal regions; nothing else is made from them."""
        return replace(self, observed=np.full_like(self.observed, CLOSED))


@dataclass(frozen=True)
class Choice:
    """Functions to choose from.

    Attributes:
        functions: of bin edges, by their number of parameters, rising; a single one is not chosen but used.
        alpha: level of the F-test.
    """

    functions: Mapping[int, Function]
    alpha: float = 0.05


def fit_backgrounds(
    choice: Choice,
    bins: Bins,
    efficiencies: tuple[float, ...],
    counts: np.ndarray,
    total: np.ndarray,
    transfer: int,
) -> BackgroundFits:
    """Fit the background around each window.

    Args:
        choice: the background function, or its orders.
        bins: roles of the bins.
        efficiencies: (E) of the selections.
        counts: (P, W, E, B) selected events.
        total: (P, B) all events.
        transfer: terms of the ratio of selected to failing events; 0 fits the selected events alone.
    """
    shape = counts.shape[:3]
    result = BackgroundFits(
        expected=np.full(counts.shape, np.nan),
        parameters=np.empty(0),
        covariance=np.empty(0),
        observed=np.einsum("pweb,wb->pwe", counts, bins.inside.astype(np.int64)),
        background=np.full(shape, np.nan),
        background_log_error=np.full(shape, np.nan),
        deviance=np.full(shape, np.nan),
        goodness_of_fit=np.full(shape, np.nan),
        converged=np.zeros(shape, bool),
        degrees_of_freedom=np.zeros(shape, np.int64),
        order=np.full(shape, NOT_CHOSEN, np.int64) if len(choice.functions) > 1 else None,
    )
    found = {}
    for window, (inside, fitted) in enumerate(zip(bins.inside, bins.fitted, strict=True)):
        for number, efficiency in enumerate(efficiencies):
            terms = transfer_terms(transfer, efficiency)
            models = [
                window_model(function, bins.edges, inside, fitted, terms)
                for function in choice.functions.values()
            ]
            selected, at = counts[:, window, number], (window, number)
            seen = models[0].arrange(selected, total - selected)
            index, fits = _choose(models, seen[:, :-1], choice.alpha)
            index = _without_runaways(index, models, fits, selected @ fitted)
            found[at] = [
                _record(result, at, model, fit, rows, inside | fitted)
                for model, fit, rows in zip(models, fits, _rows(index, len(models)), strict=True)
            ]
            if result.order is not None:
                orders = np.array([*choice.functions, NOT_CHOSEN])
                result.order[:, *at] = orders[index]
    return _with_parameters(result, found)


def _choose(
    models: Sequence[WindowModel], seen: np.ndarray, alpha: float
) -> tuple[np.ndarray, list[poisson.Fits]]:
    """Which model each experiment takes, -1 for none, and the fits of all."""
    sidebands = [model.sidebands for model in models]
    fits = [poisson.fit(model, seen) for model in sidebands]
    if len(models) == 1:
        return np.where(fits[0].converged, 0, -1), fits
    deviance = np.stack([np.where(fit.converged, fit.deviance, np.nan) for fit in fits], axis=-1)
    sizes = np.array([order.free_parameters(model) for model in sidebands])
    filled = (seen > 0).sum(axis=-1)
    return order.choose(deviance, sizes, sidebands[0].n_bins, alpha, filled=filled).index, fits


def _without_runaways(
    index: np.ndarray, models: Sequence[WindowModel], fits: Sequence[poisson.Fits], n_fitted: np.ndarray
) -> np.ndarray:
    """`index`, -1 where the side bands leave the window open: all events in one bin, for example."""
    kept = np.full(len(index), NOT_CHOSEN)
    for number, rows in enumerate(_rows(index, len(models))):
        background = models[number].model.expected(fits[number].parameters[rows])[:, -1]
        size = np.maximum(n_fitted[rows], 1)
        near = (background > size / RUN_AWAY) & (background < size * RUN_AWAY)
        kept[rows[near]] = number
    return kept


def _rows(index: np.ndarray, n_models: int) -> list[np.ndarray]:
    return [np.flatnonzero(index == model) for model in range(n_models)]


_Parameters = tuple[np.ndarray, np.ndarray, np.ndarray]


def _record(
    result: BackgroundFits,
    at: tuple[int, int],
    model: WindowModel,
    fits: poisson.Fits,
    good: np.ndarray,
    shown: np.ndarray,
) -> _Parameters:
    """Write the experiments `good` of one window and efficiency; return them, parameters and covariance."""
    parameters, covariance = fits.parameters[good], fits.covariance[good]
    rows = (good, *at)
    result.converged[rows] = True
    result.expected[rows] = np.where(shown, model.selected.expected(parameters), np.nan)
    result.background[rows] = model.model.expected(parameters)[:, -1]
    result.background_log_error[rows] = model.model.log_error(parameters, covariance, -1)
    result.deviance[rows] = fits.deviance[good]
    freedom = max(model.sidebands.n_bins - order.free_parameters(model.model), 0)
    result.degrees_of_freedom[rows] = freedom
    result.goodness_of_fit[rows] = chi2_p_value(fits.deviance[good], freedom)
    return good, parameters, covariance


def _with_parameters(
    result: BackgroundFits, found: Mapping[tuple[int, int], Sequence[_Parameters]]
) -> BackgroundFits:
    """Add the parameters of all fits, padded with NaN to the largest number of them."""
    shape = result.converged.shape
    n = max(parameters.shape[1] for parts in found.values() for _, parameters, _ in parts)
    every, errors = np.full((*shape, n), np.nan), np.full((*shape, n, n), np.nan)
    for at, parts in found.items():
        for good, parameters, covariance in parts:
            used = slice(parameters.shape[1])
            every[(good, *at, used)] = parameters
            errors[(good, *at, used, used)] = covariance
    return replace(result, parameters=every, covariance=errors)
