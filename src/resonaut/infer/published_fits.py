"""Fits of all orders of the background functions to a histogram, and the order that the F-test chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import registry, seeds
from resonaut.errors import ConfigError, FitError
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.stats import families, goodness, order, poisson
from resonaut.stats.loglinear import LogLinear

ORDERS = (2, 3, 4, 5, 6)
DEFAULT_SQRT_S = 13_000.0


@dataclass(frozen=True)
class Fitted:
    """One function with all its orders.

    Attributes:
        name: of the function.
        models: (n_orders) by their number of parameters.
        fits: of each model to the spectrum.
        order: result of the F-test; None where the function has no orders.
        chosen: index of the model that is used.
    """

    name: str
    models: tuple[LogLinear, ...]
    fits: tuple[poisson.Fits, ...]
    order: order.Order | None
    chosen: int

    @property
    def model(self) -> LogLinear:
        """The model that is used."""
        return self.models[self.chosen]

    @property
    def fit(self) -> poisson.Fits:
        """Its fit."""
        return self.fits[self.chosen]


def orders_of(name: str, asked: list[int] | None, n_bins: int) -> list[int | None]:
    """Numbers of parameters that a function is fitted with; [None] where there is no choice.

    Raises:
        ConfigError: the function has no such order, or there are too few bins.
    """
    known = registry.load("stats", name, "functions").Settings.model_fields
    if "n_parameters" not in known:
        return [None]
    bounds = {type(item).__name__: item for item in known["n_parameters"].metadata}
    low, high = int(bounds["Ge"].ge), int(bounds["Le"].le)
    if asked is None:
        usable = [n for n in ORDERS if low <= n <= high and n < n_bins]
        if usable:
            return list(usable)
        raise ConfigError(
            f"functions: {name} needs more than {max(low, ORDERS[0])} bins, the spectrum has {n_bins}. "
            "Widen the range with --mass-min and --mass-max, or choose a function with fewer parameters."
        )
    for n in asked:
        if not low <= n <= high:
            raise ConfigError(f"orders: {name} has {low} to {high} parameters, got {n}. Leave it out.")
        if n >= n_bins:
            raise ConfigError(
                f"orders: {n} parameters of {name} need more than {n} bins, the spectrum has {n_bins}. Use "
                "fewer parameters, or a wider range."
            )
    return sorted(set(asked))


def fit_function(
    name: str, edges: np.ndarray, counts: np.ndarray, sqrt_s: float, given: SpectrumSettings
) -> Fitted:
    """Fit all orders of a function and choose one.

    Args:
        name: of the function.
        edges: (n_bins + 1,) GeV.
        counts: (n_bins,).
        sqrt_s: GeV.

    Raises:
        ConfigError: no such function or order.
        FitError: the fits of no order converge, or that of the order that is asked for.
    """
    asked = orders_of(name, given.orders, len(counts))
    primary = name == given.functions[0]
    if primary and given.n_parameters is not None and given.n_parameters not in asked:
        raise ConfigError(f"n_parameters: {given.n_parameters} is not among the orders {asked} of {name}.")
    models = tuple(
        registry.build("stats", name, families.settings_of(name, n, sqrt_s, where="functions"))(edges)
        for n in asked
    )
    fits = tuple(poisson.fit(model, counts) for model in models)
    test = None if asked == [None] else order.f_test(models, counts, given.alpha)
    chosen = 0 if test is None else int(test.index)
    if primary and given.n_parameters is not None:
        chosen = asked.index(given.n_parameters)
    if chosen < 0 or not bool(fits[chosen].converged):
        raise FitError(
            f"{name}: no fit with {', '.join(map(str, asked))} parameters converged to {counts.sum():g} "
            f"events in {len(counts)} bins. Narrow the range with --mass-min and --mass-max, or choose "
            f"another of {', '.join(registry.names('stats'))}."
        )
    return Fitted(name, models, fits, test, chosen)


def described(fitted: Fitted, counts: np.ndarray, given: SpectrumSettings) -> list[dict[str, Any]]:
    """Entries of `fits` in the result: numbers that mean nothing are null."""
    entries = []
    for model, fit in zip(fitted.models, fitted.fits, strict=True):
        n = order.free_parameters(model)
        converged = bool(fit.converged)
        p, error = None, None
        if converged and given.toys:
            rng = seeds.generator(given.seed, "infer", "spectrum", "goodness", fitted.name, n)
            found = goodness.by_toys(model, counts, given.toys, rng)
            p, error = float(found.p_deviance), float(found.p_deviance_error)
        entries.append(
            {
                "function": fitted.name,
                "n_parameters": n,
                "deviance": float(fit.deviance) if converged else None,
                "degrees_of_freedom": model.n_bins - n,
                "p_goodness": p,
                "p_goodness_error": error,
                "parameters": fit.parameters.tolist() if converged else None,
                "covariance": fit.covariance.tolist() if converged else None,
                "converged": converged,
            }
        )
    return entries


def choice(fitted: Fitted, given: SpectrumSettings) -> dict[str, Any]:
    """The chosen order and the F-tests that led to it."""
    entry: dict[str, Any] = {
        "function": fitted.name,
        "n_parameters": order.free_parameters(fitted.model),
        "alpha": given.alpha,
        "by": "n_parameters" if given.n_parameters is not None else "F-test",
        "f_tests": [],
    }
    if fitted.order is not None:
        n = fitted.order.n_parameters
        for i, j in zip(*np.nonzero(np.isfinite(fitted.order.p)), strict=True):
            entry["f_tests"].append(
                {
                    "from": int(n[i]),
                    "to": int(n[j]),
                    "f": float(fitted.order.f[i, j]),
                    "p": float(fitted.order.p[i, j]),
                }
            )
    return entry
