"""Conformal counts that hunt wrote: local and global significances of a search without a fit."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np

from resonaut.errors import InputError, MissingBranchError
from resonaut.stats.conformal import BetaNull, count_test
from resonaut.stats.scan_bound import bound, overlap
from resonaut.store import open_h5

GROUP = "conformal"
_DATASETS = ("events", "counts", "alpha", "beta")


@dataclass(frozen=True)
class ConformalCounts:
    """Group `conformal` of spectra.

    Attributes:
        variants: (V) names.
        efficiencies: (E,).
        events: (P, W) in the signal regions, -1 where blind.
        counts: (P, W, V, E) with p <= efficiency, -1 where not known.
        null: (P, W, V, E).
        inside: (W, B) bins of the signal regions.
        total: (P, B) all events, -1 where closed.
        mass_terms: of the density ratio.
    """

    variants: tuple[str, ...]
    efficiencies: np.ndarray
    events: np.ndarray
    counts: np.ndarray
    null: BetaNull
    inside: np.ndarray
    total: np.ndarray
    mass_terms: int

    def z(self) -> np.ndarray:
        """Signed local significances (P, W, V, E), NaN where not known and where all events are kept."""
        found = count_test(self.counts, self.events[:, :, None, None], self.null).z_signed
        return np.where(self.efficiencies < 1, found, np.nan)

    def global_p_values(self) -> np.ndarray:
        """(P, V) of the largest significance of all windows and efficiencies.

        Of each efficiency by the up-crossings of neighbouring windows (`stats.scan_bound`), times the number
        of efficiencies, whose correlation is not used: an upper bound. NaN where a test is missing.
        """
        tested = np.flatnonzero(self.efficiencies < 1)
        z = self.z()[..., tested]
        largest = z.max(axis=1)
        result = np.full(largest.shape[:2], np.nan)
        for index, total in enumerate(self.total):
            shared = overlap(self.inside, np.maximum(total, 0))
            result[index] = len(tested) * bound(largest[index], shared).min(axis=-1, initial=np.inf)
        return np.minimum(result, 1.0)


def read(path: str | os.PathLike) -> ConformalCounts | None:
    """Read the conformal counts of spectra; None where the hunt made none.

    Raises:
        MissingFileError, CorruptFileError, InputError: absent, broken or incomplete.
    """
    with open_h5(path) as file:
        if GROUP not in file:
            return None
        for name in (*(f"{GROUP}/{name}" for name in _DATASETS), "inside", "total", "efficiencies"):
            if name not in file:
                raise MissingBranchError(f"{path}: no dataset '{name}'. Run `hunt` again.")
        group = file[GROUP]
        arrays = {name: group[name][:] for name in _DATASETS}
        variants, terms = tuple(json.loads(group.attrs["variants"])), int(group.attrs["mass_terms"])
        efficiencies, inside, total = (file[name][:] for name in ("efficiencies", "inside", "total"))
    wanted = (len(total), len(inside), len(variants), len(efficiencies))
    if arrays["counts"].shape != wanted:
        raise InputError(
            f"{path}: {GROUP}/counts has shape {arrays['counts'].shape}, {wanted} is expected "
            "(pseudo-experiments, windows, variants, efficiencies). Run `hunt` again."
        )
    null = BetaNull(arrays["alpha"], arrays["beta"])
    return ConformalCounts(
        variants, efficiencies, arrays["events"], arrays["counts"], null, inside, total, terms
    )
