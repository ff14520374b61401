"""Local significances of pseudo-experiments from the fits, and of toys of each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.window_likelihood import Model
from resonaut.logs import progress
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.scan_toys import draw
from resonaut.stats.signal_fits import Data

ROWS = 20_000
"""Toys that are fitted at once."""


@dataclass(frozen=True)
class Fitted:
    """A window and efficiency: its test and the fits of all its bins without signal.

    Attributes:
        model: of n experiments.
        expected: (n, n_bins) without signal, in the bins of the likelihood.
        auxiliary: (n, n_nuisances) of the same fits.
        z: (n,) signed local significances; NaN where a fit failed.
    """

    model: Model
    expected: np.ndarray
    auxiliary: np.ndarray
    z: np.ndarray

    @property
    def test(self) -> WindowTest:
        """The experiments."""
        return self.model.test

    def toys_z(self, counts: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
        """z of toys; a measured spurious signal stays that of the experiment.

        Args:
            counts: (..., n_bins).
            auxiliary: (..., n_nuisances) what the nuisance parameters were measured to be.
        """
        likelihood = self.model.likelihood
        if isinstance(likelihood, ProfileLikelihood):
            return ProfileLikelihood(likelihood.model, counts).discovery().z_signed
        flat = Data(counts.reshape(-1, counts.shape[-1]), auxiliary.reshape(-1, auxiliary.shape[-1]))
        return likelihood.resampled(flat).discovery().z_signed.reshape(counts.shape[:-1])

    def replicas_z(self, selected: np.ndarray, total: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """z of selected and of all events (n, B) in the bins of the scan.

        Nuisance parameters are measured anew in each, in every test independently: where tests share them the
        largest z is too large, and the p-value on the safe side.
        """
        counts = self.test.window.arrange(selected, total - selected)
        if self.model.shaped:
            counts = np.concatenate([counts[:, : self.test.n_failing], selected[:, self.test.shown]], axis=1)
        n_nuisances = self.auxiliary.shape[1]
        drawn = rng.normal(size=(len(counts), n_nuisances)) if n_nuisances else np.zeros((len(counts), 0))
        return self.toys_z(counts, drawn)


def fitted(found: Spectra, statistic: Statistic | None = None) -> dict[tuple[int, int], list[Fitted]]:
    """Fits of every window and efficiency, by their indices; those of counting without `statistic`."""
    return {
        at: [_fitted(model) for model in models]
        for at, models in (statistic or Statistic()).models(found).items()
    }


def _fitted(model: Model) -> Fitted:
    likelihood, n = model.likelihood, len(model.test.rows)
    z = likelihood.discovery().z_signed
    if isinstance(likelihood, ProfileLikelihood):
        return Fitted(model, likelihood.null.expected, np.zeros((n, 0)), z)
    null = likelihood.hypothesis(np.zeros(n), np.arange(n))
    return Fitted(model, null.counts, null.auxiliary, z)


def local_z(found: Spectra, fits: dict[tuple[int, int], list[Fitted]]) -> np.ndarray:
    """Signed local significances (P, W, E); NaN where a fit failed."""
    z = np.full((len(found.counts), len(found.windows), len(found.efficiencies)), np.nan)
    for at, group in fits.items():
        for each in group:
            z[(each.test.rows, *at)] = each.z
    return z


def toys_z(
    found: Spectra,
    fits: dict[tuple[int, int], list[Fitted]],
    rows: np.ndarray,
    n_toys: int,
    generator: Callable[[int, int], np.random.Generator],
) -> np.ndarray:
    """Significances (n_rows, n_toys, W, E) of toys of the background-only fits to pseudo-experiments.

    Toys of one window are nested in the efficiencies. Those of two windows are independent, as selections by
    networks of their own nearly are: where windows share selected events the largest z of a toy is too large,
    and the p-value on the safe side.

    Args:
        rows: which pseudo-experiments.
        n_toys: of each.
        generator: random numbers of a row and window.
    """
    n_windows, n_efficiencies = len(found.windows), len(found.efficiencies)
    z = np.full((len(rows), n_toys, n_windows, n_efficiencies), np.nan)
    for window in progress(range(n_windows), f"windows of {len(rows)} x {n_toys} toys"):
        groups = [fits[window, number] for number in range(n_efficiencies)]
        for start in range(0, len(rows), max(1, ROWS // n_toys)):
            part = slice(start, start + max(1, ROWS // n_toys))
            rngs = [generator(int(row), window) for row in rows[part]]
            nested = np.stack(
                [
                    draw(_expected(groups, int(row)), n_toys, rng)
                    for row, rng in zip(rows[part], rngs, strict=True)
                ]
            )
            for number, group in enumerate(groups):
                z[part, :, window, number] = _tested(group, rows[part], nested[:, :, number], rngs)
    return z


def member(group: list[Fitted], row: int) -> tuple[Fitted, int] | None:
    """The fits that hold a pseudo-experiment, and its place among them."""
    for each in group:
        place = np.flatnonzero(each.test.rows == row)
        if len(place):
            return each, int(place[0])
    return None


def _converged(group: list[Fitted], row: int) -> tuple[Fitted, int] | None:
    """The same, if its fits converged."""
    found = member(group, row)
    return None if found is None or np.isnan(found[0].z[found[1]]) else found


def _expected(groups: list[list[Fitted]], row: int) -> np.ndarray:
    """(E, n) selected events expected at each efficiency in the bins of the likelihood."""
    expected = []
    for group in groups:
        found = _converged(group, row)
        if found is None:
            expected.append(None)
            continue
        each, place = found
        expected.append(each.expected[place, each.test.n_failing :])
    known = [values for values in expected if values is not None]
    size = len(known[0]) if known else 1
    return np.stack([np.zeros(size) if values is None else values for values in expected])


def _tested(
    group: list[Fitted], rows: np.ndarray, nested: np.ndarray, rngs: list[np.random.Generator]
) -> np.ndarray:
    """z (n_rows, n_toys) of toys (n_rows, n_toys, n) of one window and efficiency."""
    z = np.full(nested.shape[:2], np.nan)
    members = [_converged(group, int(row)) for row in rows]
    for each in group:
        mine = [k for k, found in enumerate(members) if found is not None and found[0] is each]
        if not mine:
            continue
        counts, auxiliary = [], []
        for k in mine:
            place = members[k][1]
            failing = each.expected[place, : each.test.n_failing]
            drawn = rngs[k].poisson(failing, (nested.shape[1], len(failing)))
            counts.append(np.concatenate([drawn, nested[k]], axis=-1))
            true = each.auxiliary[place]
            auxiliary.append(rngs[k].normal(true, size=(nested.shape[1], len(true))))
        z[mine] = each.toys_z(np.stack(counts), np.stack(auxiliary))
    return z
