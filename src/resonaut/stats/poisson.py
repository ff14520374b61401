"""Maximum-likelihood fits of log-linear spectra to Poisson counts, many at once (`stats.scoring`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resonaut.stats.composite import Composite, Template, deviance
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.scoring import minimise

__all__ = ["Fits", "deviance", "fit"]

LARGEST_BLOCK = 4_000_000
"""Numbers in the derivatives of the fits that are done together: bounds the memory."""

_SMALLEST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Fits:
    """Results of a batch of fits. Where one did not converge its numbers are NaN.

    Attributes:
        parameters: (..., n_parameters).
        signal: (...) fitted signal events, 0 where none is fitted.
        expected: (..., n_bins), signal and offset included.
        covariance: (..., k, k) inverse Fisher information; k = n_parameters, one more (last) with a signal.
        deviance: (...) 2 sum(mu - n + n ln(n / mu)), plus the model's penalty if it has one.
        converged: (...) boolean.
    """

    parameters: np.ndarray
    signal: np.ndarray
    expected: np.ndarray
    covariance: np.ndarray
    deviance: np.ndarray
    converged: np.ndarray


def fit(
    model: LogLinear,
    counts: np.ndarray,
    *,
    template: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
    centre: np.ndarray | None = None,
) -> Fits:
    """Fit a log-linear spectrum, and a signal if there is a template, to Poisson counts.

    mu_b = sum_q w_bq exp(x_q . theta) + offset_b + s t_b; s may become negative as long as mu stays positive.

    Args:
        model: the spectrum.
        counts: (..., n_bins), not negative; fractions (Asimov data) are allowed.
        template: (n_bins,) signal events per unit of the signal parameter s; no signal is fitted if absent.
        offset: (..., n_bins) known events on top.
        start: (..., n_parameters) where to begin, for example the result of a similar fit.
        centre: (..., n_parameters) parameters where the model's penalty is 0; 0 if absent.

    Returns:
        The fits. Where `converged` is False the numbers are NaN; the caller decides what that means.
    """
    counts = np.asarray(counts, float)
    shape, n = counts.shape[:-1], model.n_parameters
    flat = counts.reshape(-1, model.n_bins)
    known = np.zeros(model.n_bins) if offset is None else np.asarray(offset, float)
    known = np.broadcast_to(known, counts.shape).reshape(flat.shape)
    warm, around = (
        None if given is None else np.broadcast_to(given, (*shape, n)).reshape(-1, n)
        for given in (start, centre)
    )
    signal = None if template is None else Template(template)
    n_free = n + (signal is not None)
    size = max(1, LARGEST_BLOCK // (model.n_bins * n_free))
    blocks = [
        _fit_block(
            Composite(
                model, flat[rows], known[rows], signal, centre=None if around is None else around[rows]
            ),
            None if warm is None else warm[rows],
        )
        for rows in (slice(first, first + size) for first in range(0, max(len(flat), 1), size))
    ]
    values, covariance, expected, total, converged = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    return Fits(
        parameters=values[:, :n].reshape(*shape, n),
        signal=(values[:, n] if signal is not None else np.where(converged, 0.0, np.nan)).reshape(shape),
        expected=expected.reshape(counts.shape),
        covariance=covariance.reshape(*shape, n_free, n_free),
        deviance=total.reshape(shape),
        converged=converged.reshape(shape),
    )


def _fit_block(problem: Composite, warm: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Values, covariance, expectation, objective and converged flags of some fits."""

    def starts() -> Iterator[np.ndarray]:
        if warm is not None:
            begin = np.zeros((len(warm), problem.n_values))
            begin[:, : problem.n_background] = warm @ problem.to_basis.T
            yield begin
        yield from problem.starts()

    values, converged = minimise(problem, starts())
    values[~converged] = np.nan
    expected = problem.expected(values)
    back = np.eye(problem.n_values)
    back[: problem.n_background, : problem.n_background] = np.linalg.inv(problem.to_basis)
    return (
        values @ back.T,
        back @ covariance(problem, values, expected) @ back.T,
        expected,
        np.where(converged, problem.objective(values, expected), np.nan),
        converged,
    )


def covariance(problem: Composite, values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(n, k, k) inverse Fisher information of the free values, NaN where the values are."""
    # A bin whose expectation vanishes is known exactly; more than this would drown what the others say.
    _, information = problem.information(values, np.maximum(expected, _SMALLEST_VARIANCE))
    known = np.isfinite(information).all(axis=(-1, -2))
    information[~known] = np.eye(information.shape[-1])
    scale = np.sqrt(np.maximum(np.einsum("...ii->...i", information), 1e-300))
    product = scale[..., None] * scale[..., None, :]
    result = np.linalg.pinv(information / product, hermitian=True) / product
    result[~known] = np.nan
    return result
