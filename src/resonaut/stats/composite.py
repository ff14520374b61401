"""A background, a signal with nuisance parameters, and what is measured beside the counts.

mu_b = sum_q w_bq exp(x_q . theta) + offset_b + s S_b(alpha) + C_b alpha. The objective is the deviance plus
(alpha - a)^2 for auxiliary measurements a of unit error, plus the background's own penalty around its centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from resonaut.stats.loglinear import LogLinear

_FLOOR = 1e-300


class SignalPart(Protocol):
    """What a signal adds to the expected events, as a function of s and of nuisance parameters.

    Attributes:
        n_nuisances: number of nuisance parameters.
        nominal: (n_bins,) events per unit of s with all nuisance parameters at 0.
        shapes: numbers of the nuisance parameters that move the template.
    """

    n_nuisances: int
    nominal: np.ndarray
    shapes: Sequence[int]

    def expected(self, values: np.ndarray) -> np.ndarray:
        """(n, n_bins) events for (n, 1 + n_nuisances) values of s and the nuisance parameters."""

    def jacobian(self, values: np.ndarray) -> np.ndarray:
        """(n, n_bins, 1 + n_nuisances) derivatives of `expected`."""


class Template:
    """A signal without nuisance parameters, `nominal` (n_bins,) events per unit of s."""

    n_nuisances = 0
    shapes: Sequence[int] = ()

    def __init__(self, nominal: np.ndarray) -> None:
        self.nominal = np.asarray(nominal, float)

    def expected(self, values: np.ndarray) -> np.ndarray:
        return values * self.nominal

    def jacobian(self, values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.nominal[:, None], (len(values), len(self.nominal), 1))


def deviance(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Poisson deviance against the saturated model (McCullagh and Nelder, doi:10.1007/978-1-4899-3242-6).

    Args:
        counts, expected: (..., n_bins).

    Returns:
        (...), summed over the bins; infinite where something was seen and nothing is expected.
    """
    valid = expected > 0
    safe = np.where(valid, expected, 1.0)
    # Of expectations that nearly vanish the ratio overflows: the deviance is infinite there too.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.where(counts > 0, counts, safe) / safe
        terms = 2 * (safe - counts + counts * np.log(ratio))
    return np.where(valid, terms, np.where((counts == 0) & (expected == 0), 0.0, np.inf)).sum(axis=-1)


class Composite:
    """n fits of one model, in values (theta in an orthonormal basis, s, nuisance parameters).

    Args:
        model: the background.
        counts: (n, n_bins).
        offset: (n, n_bins) known events on top.
        signal: what a signal adds, or None.
        auxiliary: (n, n_nuisances) what the nuisance parameters were measured to be; 0 if None.
        centre: (n, n_parameters) of the background's penalty; 0 if None.
        fixed: columns of the values that are not fitted (of s and nuisance parameters).
    """

    def __init__(
        self,
        model: LogLinear,
        counts: np.ndarray,
        offset: np.ndarray,
        signal: SignalPart | None = None,
        *,
        auxiliary: np.ndarray | None = None,
        centre: np.ndarray | None = None,
        fixed: tuple[int, ...] = (),
    ) -> None:
        self.model, self.to_basis = model.orthonormal()
        self.counts, self.offset, self.signal = counts, offset, signal
        self.n_background = model.n_parameters
        self.n_values = self.n_background + (0 if signal is None else 1 + signal.n_nuisances)
        self.free = np.setdiff1d(np.arange(self.n_values), fixed)
        self.penalty, self.centre = self._constraints(auxiliary, centre)
        self.reachable = self.model.weights.any(axis=1) | (offset > 0).any(axis=0)
        if signal is not None and self.n_background in self.free:
            self.reachable |= signal.nominal > 0

    def _constraints(
        self, auxiliary: np.ndarray | None, centre: np.ndarray | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Precision (n_values, n_values) and centre (n, n_values) of the Gaussian terms."""
        n = self.n_background
        n_nuisances = 0 if self.signal is None else self.signal.n_nuisances
        if not n_nuisances and self.model.penalty is None:
            return None, None
        precision = np.zeros((self.n_values, self.n_values))
        around = np.zeros((len(self.counts), self.n_values))
        if self.model.penalty is not None:
            precision[:n, :n] = self.model.penalty
            if centre is not None:
                around[:, :n] = centre @ self.to_basis.T
        if n_nuisances:
            precision[n + 1 :, n + 1 :] = np.eye(n_nuisances)
            if auxiliary is not None:
                around[:, n + 1 :] = auxiliary
        return precision, around

    def take(self, rows: np.ndarray) -> Composite:
        """The same for some of the fits."""
        part = object.__new__(Composite)
        part.__dict__.update(self.__dict__)
        part.counts, part.offset = self.counts[rows], self.offset[rows]
        part.centre = None if self.centre is None else self.centre[rows]
        return part

    def expected(self, values: np.ndarray) -> np.ndarray:
        """(n, n_bins) for `values` (n, n_values)."""
        n = self.n_background
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.model.expected(values[:, :n]) + self.offset
            return total if self.signal is None else total + self.signal.expected(values[:, n:])

    def possible(self, expected: np.ndarray) -> np.ndarray:
        """(n) whether something is expected in every bin where that can be."""
        return ((expected > 0) | ~self.reachable).all(axis=-1)

    def objective(self, values: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """(n) deviance and constraints."""
        total = deviance(self.counts, expected)
        if self.penalty is None:
            return total
        distance = values - self.centre
        return total + np.einsum("ni,ij,nj->n", distance, self.penalty, distance)

    def information(self, values: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (n, k) and Fisher information (n, k, k) of the k free values."""
        n = self.n_background
        jacobian = self.model.jacobian(values[:, :n])
        if self.signal is not None:
            jacobian = np.concatenate([jacobian, self.signal.jacobian(values[:, n:])], axis=-1)
        if len(self.free) < self.n_values:
            jacobian = jacobian[..., self.free]
        mu = np.maximum(expected, _FLOOR)
        transposed = jacobian.swapaxes(-1, -2)
        with np.errstate(over="ignore", invalid="ignore"):
            score = (transposed @ ((self.counts - mu) / mu)[..., None])[..., 0]
            information = (transposed / mu[:, None, :]) @ jacobian
        if self.penalty is not None:
            score -= ((values - self.centre) @ self.penalty)[:, self.free]
            information = information + self.penalty[np.ix_(self.free, self.free)]
        return score, information

    def node_score(self, values: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """(n, n_nodes) derivatives of the log-likelihood by the logarithm of the spectrum at each node."""
        density = np.exp(values[:, : self.n_background] @ self.model.nodes.T)
        return density * (((self.counts - expected) / np.maximum(expected, _FLOOR)) @ self.model.weights)

    def log_step(self, step: np.ndarray) -> np.ndarray:
        """(n) the largest change of a node's logarithm, or of a nuisance parameter, by a step (n, k)."""
        n = self.n_background
        largest = np.abs(step[:, :n] @ self.model.nodes.T).max(axis=-1)
        nuisances = np.abs(step[:, self.free > n])
        return np.maximum(largest, nuisances.max(axis=-1)) if nuisances.shape[1] else largest

    def starts(self, values: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Starting values (n, n_values): a line through the logarithms of the counts, then smoother ones.

        Args:
            values: (n, n_values) whose signal and nuisance parameters are kept; 0 if None.
        """
        n = self.n_background
        begin = np.zeros((len(self.counts), self.n_values)) if values is None else values.copy()
        if self.centre is not None and values is None:
            begin[:, n:] = self.centre[:, n:]
        known = self.offset
        if self.signal is not None:
            known = known + self.signal.expected(begin[:, n:])
        width = self.model.weights.sum(axis=1)
        used = width > 0
        centre = self.model.weights[used] @ self.model.nodes / width[used, None]
        background = (np.maximum(self.counts - known, 0) + 0.5)[:, used]
        for n_terms in dict.fromkeys((n, min(n, 2), 1)):
            terms = centre[:, :n_terms]
            normal = (terms.T * background[:, None, :]) @ terms
            normal += 1e-10 * np.trace(normal, axis1=-2, axis2=-1)[:, None, None] * np.eye(n_terms)
            target = (np.log(background / width[used]) * background) @ terms
            begin[:, :n] = 0
            begin[:, :n_terms] = np.linalg.solve(normal, target[..., None])[..., 0]
            yield begin.copy()
