"""What variations of the simulated signal change in the scores of a search, window by window.

The events beside the signal are those of the window's side bands, which are data to the search: no variation
moves them. Networks of folds have scales of their own, so a score is what it is worth there: -log10 of the
fraction of side-band events of its fold that reach it. The numbers are those of `tag response`
(`stats.response`), with windows in the place of taggers: change of the AUC, of the rejection of side-band
events at equal signal efficiency, of the signal efficiency at the nominal threshold, and of the shape of the
score; errors are of a bootstrap of the events, which are the same before and after.

Events of a signal in the side bands count as background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from resonaut.hunt.scores import Experiment
from resonaut.scan import ScanSettings
from resonaut.seeds import mix64
from resonaut.stats import response_summary as summary
from resonaut.stats.response import Classes, Sample, bin_edges, measure

EFFICIENCIES = (0.3, 0.5)
N_REPLICAS = 100
N_BINS = 12
NOMINAL = "nominal"


def respond(
    experiment: Experiment,
    scan: ScanSettings,
    varied: h5py.File,
    sources: Mapping[str, Mapping[str, float]],
    seed: int,
) -> dict[str, Any]:
    """The response of the scores of all windows.

    Args:
        experiment: scores of the mixture.
        scan: windows.
        varied: scores of `detect.varied`.
        sources: variations of each source, and the standard deviations that they stand for.
        seed: of the bootstrap.
    """
    sigma = {name: value for members in sources.values() for name, value in members.items()}
    of_sources = {source: sorted(of, key=lambda name: -of[name]) for source, of in sources.items()}
    regions = scan.regions(experiment.mass)
    found = {}
    for number, window in enumerate(scan.windows):
        chosen = (regions[number] == 0) & (experiment.fold >= 0)
        reference = _Sidebands(experiment.score[number][chosen], experiment.fold[chosen])
        names = [NOMINAL, *sorted(sigma)]
        classes = {name: reference.classes(varied[name], number) for name in names}
        found[window.name] = _of_window(classes, of_sources, sigma, seed)
    return {
        "efficiencies": list(EFFICIENCIES),
        "n_bootstrap": N_REPLICAS,
        "variations": {name: {"sigma": value} for name, value in sigma.items()},
        "sources": of_sources,
        "taggers": found,
    }


class _Sidebands:
    """Scores of side-band events (n,) and their folds."""

    def __init__(self, score: np.ndarray, fold: np.ndarray) -> None:
        self._sorted = {number: np.sort(score[fold == number]) for number in np.unique(fold)}
        level = self.level(score, fold)
        key = mix64(np.arange(len(level), dtype=np.uint64))
        self._background = Sample(level, key, np.ones(len(level)))

    def level(self, score: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """-log10 of the fraction of side-band events of the same fold that reach scores (n,)."""
        level = np.full(len(score), np.nan)
        for number, known in self._sorted.items():
            rows = np.flatnonzero(fold == number)
            reached = len(known) - np.searchsorted(known, score[rows], side="left")
            # One more than there are: no score is worth infinitely much.
            level[rows] = -np.log10((reached + 1) / (len(known) + 1))
        return level

    def classes(self, group: h5py.Group, window: int) -> Classes:
        """The signal of a variation, and the side bands."""
        fold = group["fold"][:]
        level = self.level(group["score"][window], fold)
        scored = np.isfinite(level)
        signal = Sample(level[scored], group["event"][:][scored], group["weight"][:][scored])
        return Classes(signal, self._background)


def _of_window(
    classes: dict[str, Classes], sources: Mapping[str, Sequence[str]], sigma: Mapping[str, float], seed: int
) -> dict[str, Any]:
    nominal = classes.pop(NOMINAL)
    edges = bin_edges(nominal, N_BINS)
    measured = measure(nominal, classes, EFFICIENCIES, N_REPLICAS, seed, edges)
    reference = measured[NOMINAL]
    n_background = len(nominal.background.score)
    return {
        "n_rows": {"signal": len(nominal.signal.score), "background": n_background},
        "nominal": summary.of_nominal(reference, EFFICIENCIES, n_background),
        "varied": {
            name: {
                "n_rows": {"signal": len(of.signal.score), "background": n_background},
                **summary.of_variation(reference, measured[name], EFFICIENCIES),
            }
            for name, of in classes.items()
        },
        "total": summary.total(measured, sources, sigma, EFFICIENCIES),
        "histograms": {
            "edges": edges.tolist(),
            "share": {name: shape[0].tolist() for name, shape in reference.shape.items()},
        },
    }
