"""Fits of a background, a signal and its nuisance parameters to counts and auxiliary measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from resonaut.stats.composite import Composite, SignalPart
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.poisson import LARGEST_BLOCK, covariance
from resonaut.stats.scoring import minimise

_SHIFTS = (-1.0, 1.0)
"""Standard deviations where nuisance parameters of shapes begin, besides where a fit would."""
_BETTER = 1e-6
"""Of a deviance, above what the fits leave."""


@dataclass(frozen=True)
class Data:
    """What n experiments measured.

    Attributes:
        counts: (n, n_bins).
        auxiliary: (n, n_nuisances) of the nuisance parameters, with unit error.
        centre: (n, n_parameters) of the background's penalty, or None where it is 0.
    """

    counts: np.ndarray
    auxiliary: np.ndarray
    centre: np.ndarray | None = None

    def take(self, rows: np.ndarray | slice) -> Data:
        """Some of the experiments."""
        return Data(
            self.counts[rows], self.auxiliary[rows], None if self.centre is None else self.centre[rows]
        )


@dataclass(frozen=True)
class SignalFits:
    """Results of n fits, NaN where one did not converge.

    Attributes:
        parameters: (n, n_parameters) of the background.
        signal: (n) signal events.
        nuisances: (n, n_nuisances).
        expected: (n, n_bins), signal included.
        background: (n, n_bins), signal not included.
        covariance: (n, k, k) inverse Fisher information of the background's parameters, the signal and the
            nuisance parameters; what was fixed has no variance.
        deviance: (n) with the constraint terms.
        converged: (n) boolean.
    """

    parameters: np.ndarray
    signal: np.ndarray
    nuisances: np.ndarray
    expected: np.ndarray
    background: np.ndarray
    covariance: np.ndarray
    deviance: np.ndarray
    converged: np.ndarray

    def take(self, rows: np.ndarray) -> SignalFits:
        """Some of the fits."""
        return SignalFits(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def values(self) -> np.ndarray:
        """(n, n_parameters + 1 + n_nuisances) all parameters."""
        return np.concatenate([self.parameters, self.signal[:, None], self.nuisances], axis=-1)


def fit_signal(
    model: LogLinear,
    part: SignalPart,
    data: Data,
    *,
    signal: np.ndarray | None = None,
    start: np.ndarray | None = None,
    fixed_nuisance: tuple[int, np.ndarray] | None = None,
) -> SignalFits:
    """Fit.

    Args:
        model: the background.
        part: the signal and its nuisance parameters.
        data: of n experiments.
        signal: (n) signal events, fixed; free if None.
        start: (n, n_parameters + 1 + n_nuisances) where to begin; rows of NaN begin elsewhere.
        fixed_nuisance: the index of a nuisance parameter that is fixed, and its values (n).
    """
    size = max(1, LARGEST_BLOCK // (model.n_bins * (model.n_parameters + 1 + part.n_nuisances)))
    blocks = []
    for first in range(0, max(len(data.counts), 1), size):
        rows = slice(first, first + size)
        held = {} if signal is None else {0: signal[rows]}
        if fixed_nuisance is not None:
            held[1 + fixed_nuisance[0]] = fixed_nuisance[1][rows]
        own = data.take(rows)
        fits = _fit_block(model, part, own, held, None if start is None else start[rows])
        blocks.append(_of_several(model, part, own, held, fits))
    return SignalFits(
        *(np.concatenate([getattr(b, field.name) for b in blocks]) for field in fields(SignalFits))
    )


def _of_several(
    model: LogLinear, part: SignalPart, data: Data, held: dict[int, np.ndarray], fits: SignalFits
) -> SignalFits:
    """The best of these fits and of those that begin with shapes moved to either side.

    A peak that moves by more than its width can be laid on one fluctuation or on another: there are several
    minima.
    """
    moved = [column for column in part.shapes if 1 + column not in held]
    rows = np.flatnonzero(fits.converged & (held[0] != 0 if 0 in held else True))
    if not moved or not len(rows):
        return fits
    for shift in _SHIFTS:
        start = fits.values[rows]
        start[:, [model.n_parameters + 1 + column for column in moved]] = shift
        own = {column: values[rows] for column, values in held.items()}
        other = _fit_block(model, part, data.take(rows), own, start)
        better = other.converged & (other.deviance < fits.deviance[rows] - _BETTER)
        for field in fields(SignalFits):
            getattr(fits, field.name)[rows[better]] = getattr(other, field.name)[better]
    return fits


def _fit_block(
    model: LogLinear,
    part: SignalPart,
    data: Data,
    held: dict[int, np.ndarray],
    start: np.ndarray | None,
) -> SignalFits:
    """Fit some experiments; `held` maps columns of (signal, nuisance parameters) to values."""
    n = model.n_parameters
    problem = Composite(
        model,
        data.counts,
        np.zeros_like(data.counts),
        part,
        auxiliary=data.auxiliary,
        centre=data.centre,
        fixed=tuple(n + column for column in held),
    )
    values, converged = minimise(problem, _starts(problem, held, start))
    values[~converged] = np.nan
    expected = problem.expected(values)
    total = np.zeros((len(values), problem.n_values, problem.n_values))
    total[np.ix_(np.arange(len(values)), problem.free, problem.free)] = covariance(problem, values, expected)
    back = np.eye(problem.n_values)
    back[:n, :n] = np.linalg.inv(problem.to_basis)
    return SignalFits(
        parameters=values[:, :n] @ back[:n, :n].T,
        signal=values[:, n],
        nuisances=values[:, n + 1 :],
        expected=expected,
        background=problem.model.expected(values[:, :n]),
        covariance=back @ total @ back.T,
        deviance=np.where(converged, problem.objective(values, expected), np.nan),
        converged=converged,
    )


def _starts(
    problem: Composite, held: dict[int, np.ndarray], start: np.ndarray | None
) -> Iterator[np.ndarray]:
    """Where to begin: the given values, then from the counts without signal, then with what they suggest."""
    n = problem.n_background
    begin = np.zeros((len(problem.counts), problem.n_values))
    if problem.centre is not None:
        begin[:, n + 1 :] = problem.centre[:, n + 1 :]
    for column, values in held.items():
        begin[:, n + column] = values
    if start is not None:
        warm = start.copy()
        warm[:, :n] = start[:, :n] @ problem.to_basis.T
        for column, values in held.items():
            warm[:, n + column] = values
        yield warm
    yield from problem.starts(begin)
    if 0 not in held:
        # A template that stands where nothing else is expected needs a signal from the start.
        per_event = problem.signal.nominal
        core = per_event >= per_event.max() / 2
        begin[:, n] = np.maximum(problem.counts[:, core].sum(axis=-1), 1) / (2 * per_event[core].sum())
        yield from problem.starts(begin)
