"""Local significances of pseudo-experiments from the fits, and of toys of each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.stats.poisson import Fits
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.scan_toys import draw

ROWS = 20_000
"""Toys that are fitted at once."""


@dataclass(frozen=True)
class Fitted:
    """A window and efficiency: its test and the fits of all its bins without signal."""

    test: WindowTest
    null: Fits
    z: np.ndarray

    def toys_z(self, counts: np.ndarray) -> np.ndarray:
        """z of toys (..., n_bins)."""
        return ProfileLikelihood(self.test.window.model, counts).discovery().z_signed


def fitted(found: Spectra) -> dict[tuple[int, int], list[Fitted]]:
    """Fits of every window and efficiency, by their indices."""
    result: dict[tuple[int, int], list[Fitted]] = {}
    for at in np.ndindex(len(found.windows), len(found.efficiencies)):
        result[at] = []
        for test in found.tests(*at):
            if len(test.rows):
                likelihood = test.counting()
                result[at].append(Fitted(test, likelihood.null, likelihood.discovery().z_signed))
    return result


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
    for window in range(n_windows):
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


def _member(group: list[Fitted], row: int) -> tuple[Fitted, int] | None:
    """The fits that hold a pseudo-experiment, and its place among them."""
    for each in group:
        place = np.flatnonzero(each.test.rows == row)
        if len(place) and not np.isnan(each.z[place[0]]):
            return each, int(place[0])
    return None


def _expected(groups: list[list[Fitted]], row: int) -> np.ndarray:
    """(E, n) selected events expected at each efficiency in the side-band bins and the signal region."""
    expected = []
    for group in groups:
        member = _member(group, row)
        if member is None:
            expected.append(None)
            continue
        each, place = member
        expected.append(each.null.expected[place, each.test.n_failing :])
    known = [values for values in expected if values is not None]
    size = len(known[0]) if known else 1
    return np.stack([np.zeros(size) if values is None else values for values in expected])


def _tested(
    group: list[Fitted], rows: np.ndarray, nested: np.ndarray, rngs: list[np.random.Generator]
) -> np.ndarray:
    """z (n_rows, n_toys) of toys (n_rows, n_toys, n) of one window and efficiency."""
    z = np.full(nested.shape[:2], np.nan)
    members = [_member(group, int(row)) for row in rows]
    for each in group:
        mine = [k for k, member in enumerate(members) if member is not None and member[0] is each]
        if not mine:
            continue
        counts = []
        for k in mine:
            failing = each.null.expected[members[k][1], : each.test.n_failing]
            drawn = rngs[k].poisson(failing, (nested.shape[1], len(failing)))
            counts.append(np.concatenate([drawn, nested[k]], axis=-1))
        z[mine] = each.toys_z(np.stack(counts))
    return z
