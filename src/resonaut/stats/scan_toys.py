"""Global significance of a scan over masses and nested selections, by toys that refit the background.

All bins are fitted together: a smooth background, and at each mass a signal of known shape on top. Selections
are nested (a tight one keeps a part of what a loose one keeps), so toys are drawn slice by slice: events of
each selection that the next tighter one does not keep are independent Poisson numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from resonaut.errors import ConfigError
from resonaut.logs import progress
from resonaut.stats import poisson
from resonaut.stats.gross_vitells import GlobalSignificance, UpCrossings, global_p, mean_upcrossings
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.poisson import Fits
from resonaut.stats.tails import Tail, counted

Statistic = Literal["likelihood", "score"]
SLICE = 500
"""Toys that are fitted at once."""
NEAR = 0.4
"""Masses of a toy whose quick significance is this near to its largest are fitted."""
_FLOOR = 1e-300


@dataclass(frozen=True)
class ScanTests:
    """Tests of each mass.

    Attributes:
        z: (..., M) signed local significances; NaN where a fit did not converge.
        signal: (..., M) fitted events; of the score test the first step towards them.
    """

    z: np.ndarray
    signal: np.ndarray


class MassScan:
    """Tests of a signal at each mass over a smooth background.

    Args:
        model: the background over all bins.
        templates: (M, B) signal per event at each mass.
        statistic: "likelihood" is the profile likelihood ratio, one fit per mass; "score" the score test at
            the background-only fit (Rao, doi:10.1017/S0305004100023987), one fit for all masses, the same for
            small signals and many events. Toys of "likelihood" are fitted at the masses that can hold the
            largest significance; elsewhere they have the quick one.
    """

    def __init__(self, model: LogLinear, templates: np.ndarray, statistic: Statistic = "likelihood") -> None:
        self.model, self.templates, self.statistic = model, np.atleast_2d(templates), statistic
        if self.templates.shape[1] != model.n_bins:
            raise ConfigError(
                f"signal templates have {self.templates.shape[1]} bins, the background has {model.n_bins}. "
                "Make them with the same edges."
            )

    def null(self, counts: np.ndarray, centre: np.ndarray | None = None) -> Fits:
        """Background-only fits of counts (..., B); `centre` as in `poisson.fit`."""
        return poisson.fit(self.model, counts, centre=centre)

    def tests(self, counts: np.ndarray, null: Fits | None = None) -> ScanTests:
        """Test every mass.

        Args:
            counts: (..., B).
            null: background-only fits to them, where they are at hand.
        """
        counts = np.asarray(counts, float)
        null = null or self.null(counts)
        if self.statistic == "score":
            score = self._score(counts, null)
            z, signal = score.z, score.value / score.variance
        else:
            found = [self._ratio(template, counts, null) for template in self.templates]
            z, signal = (np.stack(values, axis=-1) for values in zip(*found, strict=True))
        good = null.converged[..., None]
        return ScanTests(np.where(good, z, np.nan), np.where(good, signal, np.nan))

    def toys(self, counts: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
        """Signed local significances of toys.

        Args:
            counts: (n_toys, B).
            centre: (n_parameters,) the background that they were drawn from: there a penalty is 0.

        Returns:
            (n_toys, M); NaN where a fit did not converge.
        """
        centre = None if self.model.penalty is None else centre
        null = self.null(counts, centre)
        score = self._score(counts, null)
        z = score.z if self.statistic == "score" else self._quick(score)
        if self.statistic == "likelihood":
            near = (z >= z.max(axis=-1, keepdims=True) - NEAR) & null.converged[:, None]
            for mass, template in enumerate(self.templates):
                rows = np.flatnonzero(near[:, mass])
                z[rows, mass] = self._ratio(template, counts[rows], _taken(null, rows), centre)[0]
        return np.where(null.converged[:, None], z, np.nan)

    def _ratio(
        self, template: np.ndarray, counts: np.ndarray, null: Fits, centre: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed root of the likelihood ratio, and the fitted signal."""
        free = poisson.fit(self.model, counts, template=template, start=null.parameters, centre=centre)
        root = np.sqrt(np.maximum(null.deviance - free.deviance, 0))
        return (
            np.where(free.converged, np.sign(free.signal) * root, np.nan),
            np.where(free.converged, free.signal, np.nan),
        )

    def _score(self, counts: np.ndarray, null: Fits) -> _Score:
        mean = np.maximum(null.expected, _FLOOR)
        jacobian = self.model.jacobian(null.parameters)
        mixed = self.templates @ (jacobian / mean[..., None])
        direct = (1 / mean) @ (self.templates**2).T
        # A penalty of the model is part of its fit's information, and so of the covariance.
        profiled = np.einsum("...mi,...ij,...mj->...m", mixed, null.covariance, mixed, optimize=True)
        value = ((counts - mean) / mean) @ self.templates.T
        return _Score(value, np.maximum(direct - profiled, _FLOOR), direct)

    def _quick(self, score: _Score) -> np.ndarray:
        """Likelihood ratios as of a single bin.

        The sum of t / mu over the events is taken for a Poisson number times a constant, both from its mean
        and variance (Bohm and Zech, arXiv:1309.1287), and the background is profiled as in the score.
        """
        total = self.templates.sum(axis=1)
        mean = total**2 / score.direct
        seen = np.maximum((total + score.value) * total / score.direct, 0)
        ratio = 2 * (seen * np.log(np.where(seen > 0, seen, 1) / mean) - seen + mean)
        root = np.sqrt(np.maximum(ratio, 0) * score.direct / score.variance)
        return np.sign(score.value) * root


@dataclass(frozen=True)
class _Score:
    """Scores (..., M) of each signal at the background-only fit.

    Attributes:
        value: sum of t (n - mu) / mu.
        variance: of `value`, the background's parameters profiled.
        direct: of `value`, for a known background.
    """

    value: np.ndarray
    variance: np.ndarray
    direct: np.ndarray

    @property
    def z(self) -> np.ndarray:
        """(..., M) normal for many events."""
        return self.value / np.sqrt(self.variance)


def _taken(fits: Fits, rows: np.ndarray) -> Fits:
    """Some of a batch of fits."""
    return Fits(**{field.name: getattr(fits, field.name)[rows] for field in fields(fits)})


@dataclass(frozen=True)
class GlobalScan:
    """A scan with its toys.

    Attributes:
        z: (E, M) signed local significances of the data.
        z_max: the largest of them.
        toys: (n_toys,) largest of each toy.
        tail: global p-value by toys.
        crossings: of the toys, one entry per selection.
        gross_vitells: global p-value of the largest z of each selection, by `crossings`.
    """

    z: np.ndarray
    z_max: float
    toys: np.ndarray
    tail: Tail
    crossings: list[UpCrossings]
    gross_vitells: list[GlobalSignificance]


def slices_of(expected: np.ndarray) -> np.ndarray:
    """Expected events of each selection that the next tighter one does not keep.

    Args:
        expected: (E, ...) of nested selections, the loosest first. Where independent fits expect more of a
            tight selection than of a looser one the slice is empty.

    Returns:
        (E, ...) the tightest last, as it is.
    """
    return np.append(np.maximum(expected[:-1] - expected[1:], 0), expected[-1:], axis=0)


def draw(expected: np.ndarray, n_toys: int, rng: np.random.Generator) -> np.ndarray:
    """Toys of nested selections.

    Args:
        expected: (E, ...) of nested selections, the loosest first.

    Returns:
        (n_toys, E, ...) counts, nested too.
    """
    parts = rng.poisson(slices_of(expected), (n_toys, *expected.shape))
    return parts[:, ::-1].cumsum(axis=1)[:, ::-1]


def largest(z: np.ndarray, n_axes: int = 1) -> np.ndarray:
    """Largest of the last axes, NaN passed over; NaN where all are."""
    flat = z.reshape(*z.shape[: z.ndim - n_axes], -1)
    best = np.nanmax(np.where(np.isnan(flat), -np.inf, flat), axis=-1)
    return np.where(np.isinf(best), np.nan, best)


def run(
    scans: Sequence[MassScan],
    counts: np.ndarray,
    n_toys: int,
    rng: np.random.Generator,
    reference: float = 1.0,
) -> GlobalScan:
    """Scan the data and toys of the background that is fitted to them.

    Args:
        scans: one per selection, the loosest first.
        counts: (E, B) of the data, nested.
        n_toys: every toy is fitted again in every selection.
        reference: level of the up-crossings, standard deviations.
    """
    counts = np.asarray(counts, float)
    nulls = [scan.null(row) for scan, row in zip(scans, counts, strict=True)]
    z = np.stack([scan.tests(row, null).z for scan, row, null in zip(scans, counts, nulls, strict=True)])
    expected = np.stack([null.expected for null in nulls])
    toys = np.full((n_toys, *z.shape), np.nan)
    if all(null.converged for null in nulls):
        for begin in progress(range(0, n_toys, SLICE), f"scans of {SLICE} toys"):
            drawn = draw(expected, min(SLICE, n_toys - begin), rng)
            for number, scan in enumerate(scans):
                toys[begin : begin + len(drawn), number] = scan.toys(
                    drawn[:, number], nulls[number].parameters
                )
    z_max, maxima = float(largest(z, 2)), largest(toys, 2)
    crossings = [mean_upcrossings(toys[:, number], reference) for number in range(len(scans))]
    own = [global_p(float(best), found) for best, found in zip(largest(z), crossings, strict=True)]
    return GlobalScan(z, z_max, maxima, counted(maxima, z_max), crossings, own)
