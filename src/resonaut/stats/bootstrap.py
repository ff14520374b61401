"""Trials of many tests of the same events, from a bootstrap of the events.

Windows, selections and methods look at the same events, so their significances are correlated in a way that
no formula gives. Every event gets a Poisson(1) weight (Chamandy et al., "Estimating uncertainty for massive
data streams", 2012), the same in all tests; backgrounds are fitted again, and the fluctuations of each test's
z about its mean are those of the null: p = P(max_j (z*_j - <z*_j>) / s_j >= max_j z_j), where z* are the
significances of a replica and s_j their standard deviation (Westfall and Young, 1993, section 2.2: the
recentred bootstrap of the maximum).

It holds where about 10 background events or more are expected in each window: below, the fluctuations of the
observed number are not those of the expected one. The selection is kept as it is: trials of a training that
saw the events which it selects are not in it; only pseudo-experiments through the whole chain have them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.stats.tails import Tail, counted

MOST_NUMBERS = 20_000_000
"""Numbers of events of replicas that are held at once."""
MIN_BACKGROUND = 10.0
"""Expected events in a window from which on the bootstrap holds."""


@dataclass(frozen=True)
class Cells:
    """Events that are in the same bin and pass the same tests: in every replica only their number matters.

    Attributes:
        n_events: (C,) events of each cell.
        place: (C,) bin, rising.
        passes: (C, J) boolean, which tests select them.
        n_bins: bins of the spectrum.
    """

    n_events: np.ndarray
    place: np.ndarray
    passes: np.ndarray
    n_bins: int

    @property
    def at_once(self) -> int:
        """Replicas that fit into the memory together."""
        return max(1, MOST_NUMBERS // max(1, len(self.n_events)))

    def replicas(self, n_replicas: int, rng: np.random.Generator) -> np.ndarray:
        """(n_replicas, C) numbers of events: a sum of Poisson(1) weights is a Poisson number."""
        return rng.poisson(self.n_events, (n_replicas, len(self.n_events)))

    def spectra(self, numbers: np.ndarray, test: int | None = None) -> np.ndarray:
        """Spectra of one test, or of all events.

        Args:
            numbers: (n_replicas, C) events of each cell.
            test: its index.

        Returns:
            (n_replicas, B).
        """
        rows = slice(None) if test is None else np.flatnonzero(self.passes[:, test])
        filled, first = np.unique(self.place[rows], return_index=True)
        found = np.zeros((len(numbers), self.n_bins))
        if len(filled):
            found[:, filled] = np.add.reduceat(numbers[:, rows], first, axis=1)
        return found


def cells(place: np.ndarray, passes: np.ndarray, n_bins: int) -> Cells:
    """Put events together that no test tells apart.

    Args:
        place: (n_events,) bin of each event; negative for an event outside of the spectrum.
        passes: (J, n_events) boolean, which events each test selects.
        n_bins: bins of the spectrum.
    """
    inside = np.flatnonzero(place >= 0)
    bits = np.packbits(passes[:, inside], axis=0)
    key = np.concatenate([place[inside].astype(">u4").view(np.uint8).reshape(-1, 4), bits.T], axis=1)
    packed = np.ascontiguousarray(key).view(np.dtype((np.void, key.shape[1])))[:, 0]
    _, first, n_events = np.unique(packed, return_index=True, return_counts=True)
    rows = inside[first]
    return Cells(n_events, place[rows].astype(np.int64), passes[:, rows].T.copy(), n_bins)


@dataclass(frozen=True)
class Trials:
    """The largest of many correlated tests.

    Attributes:
        best: index of the test with the largest z.
        z_max: its z.
        tail: global p-value counted in replicas.
        gaussian: the same with normal fluctuations of the replicas' correlation, which reaches p-values far
            below 1 / n_replicas; `gaussian_error` of its integration.
        effective: number of independent tests whose largest z is as probable.
        maxima: (n_replicas,) largest standardised fluctuation of each replica.
        fluctuations: (n_replicas, J) of all tests; NaN where one failed.
    """

    best: int
    z_max: float
    tail: Tail
    gaussian: float
    gaussian_error: float
    effective: float
    maxima: np.ndarray
    fluctuations: np.ndarray


def standardised(z: np.ndarray) -> np.ndarray:
    """Fluctuations (T, J) of replicas about the mean of each test, in units of its standard deviation.

    Replicas with a fit that failed (NaN) are left out of that test's mean and keep NaN.
    """
    spread = np.nanstd(z, axis=0, ddof=1)
    return (z - np.nanmean(z, axis=0)) / np.where(spread > 0, spread, np.nan)


def correlation(fluctuations: np.ndarray) -> np.ndarray:
    """(J, J) correlation of fluctuations (T, J); NaN counts as no fluctuation. Positive semi-definite."""
    filled = np.nan_to_num(fluctuations)
    norm = np.sqrt((filled**2).sum(axis=0))
    scaled = filled / np.where(norm > 0, norm, 1)
    result = scaled.T @ scaled
    np.fill_diagonal(result, 1.0)
    return result


def trials(
    z: np.ndarray, replicas: np.ndarray, rng: np.random.Generator, n_integration: int = 20_000
) -> Trials:
    """Global p-value of the largest of the tests.

    Args:
        z: (J,) signed local significances of the data; NaN where a test failed.
        replicas: (T, J) of the replicas, not recentred.
        n_integration: random numbers for the tail of the normal distribution.
    """
    usable = np.flatnonzero(~np.isnan(z) & (np.isfinite(replicas).sum(axis=0) > 1))
    everything = np.full(replicas.shape, np.nan)
    if not len(usable):
        return Trials(-1, np.nan, Tail(np.nan, np.nan, 0), *[np.nan] * 3, np.zeros(0), everything)
    fluctuations = everything[:, usable] = standardised(replicas[:, usable])
    maxima = np.nanmax(np.where(np.isnan(fluctuations), -np.inf, fluctuations), axis=1)
    maxima[np.isinf(maxima)] = np.nan
    best = int(usable[np.argmax(z[usable])])
    value, error = tail_of_maximum(correlation(fluctuations), float(z[best]), rng, n_integration)
    return Trials(
        best,
        float(z[best]),
        counted(maxima, float(z[best])),
        value,
        error,
        _effective(value, float(z[best])),
        maxima,
        everything,
    )


def level_of_maximum(matrix: np.ndarray, p_value: float, rng: np.random.Generator) -> float:
    """Local significance whose `tail_of_maximum` is `p_value`, to about 0.01."""
    from scipy.optimize import brentq
    from scipy.special import ndtri

    seed = int(rng.integers(2**63))

    def excess(level: float) -> float:
        # The same random numbers at each level: the tail then falls smoothly.
        tail, _ = tail_of_maximum(matrix, level, np.random.default_rng(seed), 4000)
        return float(np.log(tail / p_value))

    highest = -float(ndtri(p_value / len(matrix))) + 0.1
    lowest = -float(ndtri(min(p_value, 0.999)))
    return float(brentq(excess, lowest - 0.5, highest, xtol=1e-3))


def tail_of_maximum(
    matrix: np.ndarray, level: float, rng: np.random.Generator, n: int = 20_000
) -> tuple[float, float]:
    """P(max_j X_j >= level) for normal X with this correlation, and the error of its estimate.

    Importance sampling of a union of half-spaces (Owen, Maximov, Chertkov, arXiv:1710.06965): one test is
    chosen, drawn beyond the level, and the others follow from it; J P(X_1 >= level) / (tests beyond the
    level) is the estimate. Its error relative to the result does not grow with the level.

    Args:
        matrix: (J, J) correlation.
        level: in standard deviations.
        n: random numbers.
    """
    from scipy.special import ndtr, ndtri

    size = len(matrix)
    single = float(ndtr(-level))
    if size == 1 or single == 0:
        return size * single, 0.0
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.maximum(values, 0))
    chosen = rng.integers(size, size=n)
    beyond = -ndtri(single * rng.uniform(size=n))
    free = rng.normal(size=(n, size)) @ root.T
    own = np.take_along_axis(free, chosen[:, None], axis=1)[:, 0]
    drawn = free + matrix[chosen] * (beyond - own)[:, None]
    drawn[np.arange(n), chosen] = beyond
    estimates = size * single / np.maximum((drawn >= level).sum(axis=1), 1)
    return float(estimates.mean()), float(estimates.std(ddof=1) / np.sqrt(n))


def _effective(p_global: float, z: float) -> float:
    """n of 1 - (1 - p)^n = p_global; NaN where that is 0 or 1 to the computer."""
    from scipy.special import log_ndtr

    if not 0 < p_global < 1:
        return np.nan
    return float(np.log1p(-p_global) / log_ndtr(z))
