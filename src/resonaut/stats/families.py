"""Families of background functions: what the files of `stats/methods/` share, and how a search asks for them.

A function is `edges (GeV) -> LogLinear`. Functions of x = m / sqrt(s) have absolute parameters; a Bernstein
polynomial, a straight line and a Gaussian process live on the range of the edges that they are given, so that
a window of a scan gets its own range (`on_range`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.stats.loglinear import LogLinear, integrate

Function = Callable[[np.ndarray], LogLinear]


def of_scaled_mass(features: Callable[[np.ndarray], np.ndarray], sqrt_s: float, name: str) -> Function:
    """The function whose logarithm is linear in `features` of x = m / sqrt(s).

    Args:
        features: of x (n,) the (n, n_parameters) terms of the logarithm of the density per GeV.
        sqrt_s: GeV.
        name: of the family, for the message.

    Returns:
        The function; it raises ConfigError where an edge is not between 0 and sqrt(s).
    """

    def spectrum(edges: np.ndarray) -> LogLinear:
        if edges[0] <= 0 or edges[-1] > sqrt_s:
            raise ConfigError(
                f"hunt.sqrt_s: the {name} function is defined for 0 < mass <= {sqrt_s:g} GeV, the "
                f"scan covers {edges[0]:g}-{edges[-1]:g} GeV. Correct sqrt_s or the scan."
            )
        return integrate(lambda mass: features(mass / sqrt_s), edges)

    return spectrum


def of_positive_terms(terms: Callable[[np.ndarray], np.ndarray], edges: np.ndarray) -> LogLinear:
    """The spectrum whose density is a sum of positive terms, sum_k exp(p_k) t_k(m).

    Args:
        terms: of masses (n,), GeV, the values (n, n_parameters) of t_k, not negative.
        edges: (n_bins + 1,) GeV.

    Returns:
        The spectrum; exp(p_k) in events per GeV. Each node is one term at one quadrature point.
    """
    values = integrate(terms, edges)
    n_nodes, n = values.nodes.shape
    weights = [values.weights * values.nodes[:, term] for term in range(n)]
    return LogLinear(
        np.repeat(np.eye(n), n_nodes, axis=0),
        np.concatenate(weights, axis=1),
        masses=np.tile(values.masses, n),
    )


def merged(model: LogLinear) -> LogLinear:
    """The same spectrum with equal nodes added up: faster, but the nodes no longer stand at masses."""
    nodes, place = np.unique(model.nodes, axis=0, return_inverse=True)
    if len(nodes) == len(model.nodes):
        return model
    weights = np.zeros((len(nodes), model.n_bins))
    np.add.at(weights, place.ravel(), model.weights.T)
    return replace(model, nodes=nodes, weights=weights.T, masses=None)


def settings_of(
    name: str,
    n_parameters: int | None = None,
    sqrt_s: float | None = None,
    more: Mapping[str, Any] | None = None,
    where: str = "hunt.background",
) -> dict[str, Any]:
    """Settings of a family: of the common ones those that it has, and its own.

    Args:
        name: a file of `stats/methods/`.
        n_parameters, sqrt_s: common settings; a family without them does not get them.
        more: its own settings.
        where: key that names the family, for messages.

    Raises:
        ConfigError: no such family.
    """
    known = registry.load("stats", name, where).Settings.model_fields
    common = {"n_parameters": n_parameters, "sqrt_s": sqrt_s}
    given = {key: value for key, value in common.items() if key in known and value is not None}
    return {**given, **(more or {})}


def has_orders(name: str) -> bool:
    """Whether a family has a number of parameters to choose."""
    return "n_parameters" in registry.load("stats", name).Settings.model_fields


def on_range(function: Function, edges: np.ndarray, used: np.ndarray) -> LogLinear:
    """A function over the range from the first to the last of the bins that are used; zero outside.

    Args:
        function: of bin edges.
        edges: (B + 1,) GeV.
        used: (B,) boolean.

    Returns:
        The spectrum in all B bins.
    """
    first, last = np.flatnonzero(used)[[0, -1]]
    part = function(edges[first : last + 2])
    weights = np.zeros((len(edges) - 1, part.weights.shape[1]))
    weights[first : last + 1] = part.weights
    return replace(part, weights=weights)
