"""BumpHunter: the most significant local excess among windows of all widths (Choudalakis, arXiv:1101.0390).

The statistic is t = max -ln P(n >= n_seen | b) over all windows with an excess; its global p-value is
counted in toys. The background is given, or a smooth function that is fitted to the data and again to each
toy: without refit the toys of a fitted background fluctuate more than the data do, and the p-value is
conservative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.compiled import kernel
from resonaut.errors import ConfigError
from resonaut.logs import progress
from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.tails import Tail, counted

SLICE = 2000
"""Toys that are fitted at once."""
PRECISION = 1e-16
"""Relative size of the last term of the tail's series."""


@dataclass(frozen=True)
class Bumps:
    """The most significant window of each spectrum.

    Attributes:
        statistic: (...) t; 0 where no window has an excess.
        first, width: (...) first bin and number of bins; -1 and 0 where no window has an excess.
        n_windows: windows that were tested.
    """

    statistic: np.ndarray
    first: np.ndarray
    width: np.ndarray
    n_windows: int

    @property
    def p_value(self) -> np.ndarray:
        """(...) local p-value of the window, exp(-t)."""
        return np.exp(-self.statistic)


@dataclass(frozen=True)
class BumpHunt:
    """A bump hunt with its toys.

    Attributes:
        bump: of the data, without axes.
        expected: (B,) background of the data in the bins that are scanned.
        toys: (n_toys,) statistics of the toys; NaN where a fit failed.
        tail: global p-value.
    """

    bump: Bumps
    expected: np.ndarray
    toys: np.ndarray
    tail: Tail


@kernel()
def _log_tail(n: float, b: float) -> float:
    """ln P(N >= n | b) for n > b: the leading term, and a series of ratios b / (n + k)."""
    total = term = 1.0
    k = 1.0
    while term > PRECISION * total:
        term *= b / (n + k)
        total += term
        k += 1.0
    return n * math.log(b) - b - math.lgamma(n + 1.0) + math.log(total)


@kernel()
def _twice_log_ratio(n: float, b: float) -> float:
    """2 (n ln(n / b) - n + b), and 0 where n is not above b."""
    return 2.0 * (n * math.log(n / b) - n + b) if n > b else 0.0


@kernel()
def _scan(
    counts: np.ndarray,
    expected: np.ndarray,
    firsts: np.ndarray,
    widths: np.ndarray,
    statistic: np.ndarray,
    best: np.ndarray,
) -> None:
    """Fill the statistic and the best window of each spectrum.

    A window is summed exactly only if it can be the best: Phi(-sqrt(L(n))) < P(N >= n) < Phi(-sqrt(L(n - 1)))
    with the L of `_twice_log_ratio` (Short, doi:10.1155/2013/412958), and L(n) < (n - b)^2 / b.
    """
    n_bins = counts.shape[1]
    seen = np.zeros(n_bins + 1)
    mean = np.zeros(n_bins + 1)
    for row in range(counts.shape[0]):
        own = row if expected.shape[0] > 1 else 0
        for i in range(n_bins):
            seen[i + 1] = seen[i] + counts[row, i]
            mean[i + 1] = mean[i] + expected[own, i]
        reached = 0.0
        for window in range(firsts.shape[0]):
            low = firsts[window]
            high = low + widths[window]
            n = seen[high] - seen[low]
            b = mean[high] - mean[low]
            excess = math.ceil(n) - b
            if n <= b or b <= 0.0 or excess * excess <= reached * b:
                continue
            if _twice_log_ratio(math.ceil(n), b) <= reached:
                continue
            t = -_log_tail(n, b)
            if t > statistic[row]:
                statistic[row] = t
                best[row] = window
                reached = max(reached, _twice_log_ratio(math.floor(n) - 1.0, b))


def windows(n_bins: int, widths: Sequence[int], half_steps: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """First bins and widths of the windows of a scan.

    Args:
        n_bins: of the spectrum.
        widths: numbers of bins.
        half_steps: wide windows move by half their width and not by one bin.

    Raises:
        ConfigError: a width is not between 1 and `n_bins`, or there is none.
    """
    bad = [width for width in widths if not 1 <= width <= n_bins]
    if bad or not len(widths):
        raise ConfigError(
            f"widths of the bump hunt: {list(widths)}; at least one is needed, from 1 to the {n_bins} bins "
            "of the spectrum. Choose narrower windows or a finer binning."
        )
    steps = [max(1, width // 2) if half_steps else 1 for width in widths]
    firsts = [np.arange(0, n_bins - width + 1, step) for width, step in zip(widths, steps, strict=True)]
    return np.concatenate(firsts), np.repeat(widths, [len(first) for first in firsts])


def scan(counts: np.ndarray, expected: np.ndarray, widths: Sequence[int], half_steps: bool = False) -> Bumps:
    """Find the most significant excess of each spectrum.

    Args:
        counts: (..., B) events; fractions are taken as they are, by the incomplete gamma function.
        expected: (B,), or (..., B) for each spectrum its own; a window without expectation is not tested.
        widths: numbers of bins of the windows.
        half_steps: as in `windows`.

    Raises:
        ConfigError: a width does not fit.
    """
    counts = np.asarray(counts, float)
    shape, n_bins = counts.shape[:-1], counts.shape[-1]
    expected = np.asarray(expected, float)
    if expected.ndim > 1:
        expected = np.broadcast_to(expected, counts.shape)
    firsts, each = windows(n_bins, widths, half_steps)
    flat = np.ascontiguousarray(counts.reshape(-1, n_bins))
    statistic, best = np.zeros(len(flat)), np.full(len(flat), -1)
    _scan(flat, np.ascontiguousarray(expected.reshape(-1, n_bins)), firsts, each, statistic, best)
    found = best >= 0
    return Bumps(
        statistic.reshape(shape),
        np.where(found, firsts[best], -1).reshape(shape),
        np.where(found, each[best], 0).reshape(shape),
        len(firsts),
    )


def hunt(
    counts: np.ndarray,
    background: np.ndarray | LogLinear,
    widths: Sequence[int],
    n_toys: int,
    rng: np.random.Generator,
    half_steps: bool = False,
    skip: int = 0,
) -> BumpHunt:
    """Bump hunt of one spectrum with its global p-value.

    Args:
        counts: (B,).
        background: (B,) expected events, the same for all toys; or a smooth spectrum, which is fitted to the
            data and refitted to every toy.
        widths, half_steps: as in `scan`.
        n_toys: toys, drawn from the background of the data.
        skip: first bins, which help to fit the background and are not scanned.

    Raises:
        ConfigError: a width does not fit.
    """
    refit = isinstance(background, LogLinear)
    counts = np.asarray(counts, float)
    centre = poisson.fit(background, counts).parameters if refit and background.penalty is not None else None
    expected = _fitted(background, counts) if refit else np.asarray(background, float)
    bump = scan(counts[skip:], expected[skip:], widths, half_steps)
    toys = np.full(n_toys, np.nan)
    if np.isfinite(expected).all():
        for begin in progress(range(0, n_toys, SLICE), f"BumpHunter: slices of {SLICE} toys"):
            part = slice(begin, min(begin + SLICE, n_toys))
            drawn = rng.poisson(expected, (part.stop - part.start, len(expected))).astype(float)
            own = _fitted(background, drawn, centre) if refit else np.broadcast_to(expected, drawn.shape)
            good = np.isfinite(own).all(axis=-1)
            found = scan(drawn[:, skip:], np.nan_to_num(own[:, skip:]), widths, half_steps)
            toys[part] = np.where(good, found.statistic, np.nan)
    return BumpHunt(bump, expected[skip:], toys, counted(toys, float(bump.statistic)))


def _fitted(model: LogLinear, counts: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """(..., B) fitted background; NaN where the fit did not converge.

    Args:
        centre: where a penalty is 0; that of toys is where they were drawn.
    """
    fits = poisson.fit(model, counts, centre=centre)
    return np.where(fits.converged[..., None], fits.expected, np.nan)
