"""Maximum-likelihood fits of log-linear spectra to Poisson counts, many at once.

Fisher scoring for the composite link (Thompson and Baker, doi:10.2307/2346381), in float64, over any leading
axes. A step is shortened where it would raise the deviance; fits that do not converge start again elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resonaut.stats.loglinear import LogLinear

MAX_ITERATIONS = 100
MAX_HALVINGS = 12
LARGEST_LOG_STEP = 3.0
TOLERANCE = 1e-16
_FLOOR = 1e-300


@dataclass(frozen=True)
class Fits:
    """Results of a batch of fits.

    Attributes:
        parameters: (..., n_parameters).
        signal: (...) fitted signal events, 0 where none is fitted.
        expected: (..., n_bins), signal and offset included.
        covariance: (..., k, k) inverse Fisher information; k = n_parameters, one more (last) with a signal.
        deviance: (...) 2 sum(mu - n + n ln(n / mu)).
        converged: (...) boolean.
    """

    parameters: np.ndarray
    signal: np.ndarray
    expected: np.ndarray
    covariance: np.ndarray
    deviance: np.ndarray
    converged: np.ndarray


def deviance(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Poisson deviance against the saturated model (McCullagh and Nelder, doi:10.1007/978-1-4899-3242-6).

    Args:
        counts, expected: (..., n_bins).

    Returns:
        (...), summed over the bins; infinite where something was seen and nothing is expected.
    """
    valid = expected > 0
    safe = np.where(valid, expected, 1.0)
    ratio = np.where(counts > 0, counts, safe) / safe
    terms = 2 * (safe - counts + counts * np.log(ratio))
    return np.where(valid, terms, np.where((counts == 0) & (expected == 0), 0.0, np.inf)).sum(axis=-1)


class _Problem:
    """One batch, flattened to (n_fits, ...), in a basis where the nodes' columns are orthonormal."""

    def __init__(
        self, model: LogLinear, counts: np.ndarray, template: np.ndarray | None, offset: np.ndarray
    ) -> None:
        basis, self.to_basis = np.linalg.qr(model.nodes)
        scale = np.sqrt(len(basis))
        self.to_basis /= scale
        self.model = LogLinear(basis * scale, model.weights)
        self.counts, self.template, self.offset = counts, template, offset

    def take(self, rows: np.ndarray) -> _Problem:
        part = object.__new__(_Problem)
        part.to_basis, part.model, part.template = self.to_basis, self.model, self.template
        part.counts, part.offset = self.counts[rows], self.offset[rows]
        return part

    def expected(self, values: np.ndarray) -> np.ndarray:
        n = self.model.n_parameters
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.model.expected(values[:, :n]) + self.offset
            return total if self.template is None else total + values[:, n:] * self.template

    def information(self, values: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (n_fits, k) and Fisher information (n_fits, k, k)."""
        jacobian = self.model.jacobian(values[:, : self.model.n_parameters])
        if self.template is not None:
            column = np.broadcast_to(self.template[None, :, None], (*jacobian.shape[:2], 1))
            jacobian = np.concatenate([jacobian, column], axis=-1)
        mu = np.maximum(expected, _FLOOR)
        transposed = jacobian.swapaxes(-1, -2)
        score = (transposed @ ((self.counts - mu) / mu)[..., None])[..., 0]
        return score, (transposed / mu[:, None, :]) @ jacobian

    def starts(self, warm: np.ndarray | None) -> Iterator[np.ndarray]:
        """Starting values (n_fits, n_parameters): given ones, a line through log counts, smoother ones."""
        if warm is not None:
            yield warm @ self.to_basis.T
        width = self.model.weights.sum(axis=1)
        centre = self.model.weights @ self.model.nodes / width[:, None]
        background = np.maximum(self.counts - self.offset, 0) + 0.5
        for n_terms in (self.model.n_parameters, 2, 1):
            weighted = centre[:, :n_terms] * np.sqrt(background)[..., None]
            target = np.log(background / width) * np.sqrt(background)
            solution = np.linalg.pinv(weighted) @ target[..., None]
            start = np.zeros((len(self.counts), self.model.n_parameters))
            start[:, :n_terms] = solution[..., 0]
            yield start


def _solve(information: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Solve after scaling to unit diagonal; a small ridge keeps flat directions finite."""
    scale = np.sqrt(np.maximum(np.einsum("...ii->...i", information), _FLOOR))
    scaled = information / (scale[..., None] * scale[..., None, :])
    scaled = scaled + 1e-12 * np.eye(scaled.shape[-1])
    return np.linalg.solve(scaled, (score / scale)[..., None])[..., 0] / scale


def _descend(problem: _Problem, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fisher scoring from `values` (n_fits, k). Returns the values and the converged flags."""
    values = values.copy()
    converged = np.zeros(len(values), bool)
    active = np.arange(len(values))
    slack = 1e-13 * problem.counts.sum(axis=-1) + 1e-11
    n = problem.model.n_parameters
    for _ in range(MAX_ITERATIONS):
        part, here = problem.take(active), values[active]
        expected = part.expected(here)
        now = deviance(part.counts, expected)
        score, information = part.information(here, expected)
        usable = np.isfinite(now) & np.isfinite(information).all(axis=(-1, -2))
        information[~usable] = np.eye(information.shape[-1])
        score[~usable] = 0
        step = _solve(information, score)
        # The Newton decrement estimates twice the distance in log-likelihood.
        done = usable & (np.abs((step * score).sum(axis=-1)) < TOLERANCE * (1 + now))
        log_step = np.abs(step[:, :n] @ part.model.nodes.T).max(axis=-1)
        step *= np.minimum(1, LARGEST_LOG_STEP / np.maximum(log_step, _FLOOR))[:, None]
        moved, better = _halve(part, here, step, now + slack[active])
        values[active[better]] = moved[better]
        converged[active[done]] = True
        active = active[usable & ~done & better]
        if not len(active):
            break
    return values, converged


def _halve(
    problem: _Problem, values: np.ndarray, step: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shorten steps until the deviance is at most `limit`. Returns new values and where this worked."""
    moved = values + step
    better = np.zeros(len(values), bool)
    rest = np.arange(len(values))
    for halving in range(MAX_HALVINGS):
        moved[rest] = values[rest] + step[rest] * 0.5**halving
        part = problem.take(rest)
        expected = part.expected(moved[rest])
        positive = (expected > 0).all(axis=-1)
        with np.errstate(invalid="ignore"):
            fine = positive & (deviance(part.counts, expected) <= limit[rest])
        better[rest[fine]] = True
        rest = rest[~fine]
        if not len(rest):
            break
    return moved, better


def fit(
    model: LogLinear,
    counts: np.ndarray,
    *,
    template: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> Fits:
    """Fit a log-linear spectrum, and a signal if there is a template, to Poisson counts.

    mu_b = sum_q w_bq exp(x_q . theta) + offset_b + s t_b; s may become negative as long as mu stays positive.

    Args:
        model: the spectrum.
        counts: (..., n_bins), not negative; fractions (Asimov data) are allowed.
        template: (n_bins,) signal events per unit of the signal parameter s; no signal is fitted if absent.
        offset: (..., n_bins) known events on top.
        start: (..., n_parameters) where to begin, for example the result of a similar fit.

    Returns:
        The fits. Where `converged` is False the numbers mean nothing; the caller decides what that means.
    """
    counts = np.asarray(counts, float)
    shape, n_bins, n = counts.shape[:-1], model.n_bins, model.n_parameters
    flat = counts.reshape(-1, n_bins)
    known = np.zeros(n_bins) if offset is None else np.asarray(offset, float)
    problem = _Problem(model, flat, template, np.broadcast_to(known, counts.shape).reshape(-1, n_bins))
    warm = None if start is None else np.broadcast_to(start, (*shape, n)).reshape(-1, n)
    n_free = n + (template is not None)
    values = np.zeros((len(flat), n_free))
    converged = np.zeros(len(flat), bool)
    waiting = np.arange(len(flat))
    for first in problem.starts(warm):
        begin = np.zeros((len(waiting), n_free))
        begin[:, :n] = first[waiting]
        values[waiting], converged[waiting] = _descend(problem.take(waiting), begin)
        waiting = waiting[~converged[waiting]]
        if not len(waiting):
            break
    expected = problem.expected(values)
    _, information = problem.information(values, expected)
    back = np.eye(n_free)
    back[:n, :n] = np.linalg.inv(problem.to_basis)
    information[~np.isfinite(information).all(axis=(-1, -2))] = np.eye(n_free)
    covariance = back @ np.linalg.pinv(information, hermitian=True) @ back.T
    parameters = values @ back.T
    return Fits(
        parameters=parameters[:, :n].reshape(*shape, n),
        signal=(parameters[:, n] if template is not None else np.zeros(len(flat))).reshape(shape),
        expected=expected.reshape(counts.shape),
        covariance=covariance.reshape(*shape, n_free, n_free),
        deviance=deviance(flat, expected).reshape(shape),
        converged=converged.reshape(shape),
    )
