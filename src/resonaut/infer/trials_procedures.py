"""Ways to the global p-value of each pseudo-experiment from the spectra of one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonaut.infer import conformal, trials_fits
from resonaut.infer import spectra as spectra_file
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.trials_settings import TrialsTableSettings
from resonaut.logs import log
from resonaut.seeds import generator
from resonaut.stats.bootstrap import cells, trials
from resonaut.stats.scan_bound import bound, overlap
from resonaut.stats.scan_toys import largest
from resonaut.stats.tails import counted
from resonaut.store import open_h5

BIN = "bin"
Fits = dict[tuple[int, int], list[trials_fits.Fitted]]
"""By window and efficiency."""

NOTES = {
    "local": (
        "smallest local p",
        "as it is: what the number of tests alone makes of it.",
    ),
    "gross_vitells": (
        "Gross-Vitells",
        "up-crossings between neighbouring windows, times the number of selections: trials of the scan, none "
        "of the training.",
    ),
    "scan_toys": (
        "toys of the scan",
        "toys of the fitted background, every one refitted: as before, without asymptotic formulas.",
    ),
    "bootstrap": (
        "bootstrap of events",
        "replicas of the events, every one refitted, with the correlation of all tests; the training is as "
        "it was.",
    ),
    "pseudo_experiments": (
        "pseudo-experiments",
        "each against the others, which went through training, scan and fit: for the null uniform by "
        "construction, so that only its power says something here.",
    ),
    "conformal_split": (
        "split conformal",
        "ranks among the side bands' scores, and Gross-Vitells: wrong where the score follows the mass.",
    ),
    "conformal_weighted": (
        "weighted conformal",
        "the same, with a log-linear ratio of densities in score and mass as weights.",
    ),
    "conformal_mondrian": (
        "Mondrian conformal",
        "ranks in each side band, interpolated to the mass of the event, and Gross-Vitells.",
    ),
}
"""Label and meaning of each procedure, in the order of the table."""


@dataclass(frozen=True)
class Part:
    """Results of one file.

    Attributes:
        index: (P,) which pseudo-experiments.
        largest_z: (P,) of all windows and efficiencies; NaN where no fit converged.
        p_values: (P,) by procedure; NaN where there is none.
    """

    index: np.ndarray
    largest_z: np.ndarray
    p_values: dict[str, np.ndarray]


def evaluate(
    path: Path, settings: TrialsTableSettings, seed: int, family: str, statistic: Statistic | None = None
) -> Part:
    """Global p-values of the pseudo-experiments of one file, except those that need the other files.

    Args:
        path: spectra of hunt.
        settings: numbers of toys and replicas.
        seed: of the study.
        family: `<mixture>:<name>`; with the index of a pseudo-experiment it names its random numbers.
        statistic: the local test; that of counting if absent.

    Raises:
        InputError: the spectra cannot be used.
    """
    from scipy.special import ndtr

    found = spectra_file.read(path)
    with open_h5(path) as file:
        first = int(file.attrs.get("first_experiment", 0))
    index = first + np.arange(len(found.counts))
    if not len(index):
        return Part(index, np.zeros(0), {})
    fits = trials_fits.fitted(found, statistic)
    z = trials_fits.local_z(found, fits)
    best = largest(z, 2)
    p_values = {"local": ndtr(-best), "gross_vitells": _bounded(found, z)}
    names = (seed, "infer", "trials", family, found.method)
    if settings.n_toys:
        p_values["scan_toys"] = _by_toys(found, fits, best, index, settings, names)
    if settings.n_bootstrap:
        p_values["bootstrap"] = _by_bootstrap(path, found, fits, z, index, settings, names)
    ranks = conformal.read(path)
    if ranks is not None:
        values = ranks.global_p_values()
        p_values |= {f"conformal_{name}": values[:, k] for k, name in enumerate(ranks.variants)}
    return Part(index, best, p_values)


def _bounded(found: spectra_file.Spectra, z: np.ndarray) -> np.ndarray:
    """Up-crossings of each efficiency, times the number of efficiencies; (P,)."""
    result = np.full(len(z), np.nan)
    for row, values in enumerate(z):
        shared = overlap(found.inside, np.maximum(found.total[row], 0))
        each = bound(largest(values.T), shared)
        if np.isfinite(each).any():
            result[row] = min(1.0, np.isfinite(each).sum() * np.nanmin(each))
    return result


def _chosen(index: np.ndarray, settings: TrialsTableSettings) -> np.ndarray:
    return np.flatnonzero(index < settings.experiments_max)


def _by_toys(
    found: spectra_file.Spectra,
    fits: Fits,
    best: np.ndarray,
    index: np.ndarray,
    settings: TrialsTableSettings,
    names: tuple[object, ...],
) -> np.ndarray:
    result, rows = np.full(len(index), np.nan), _chosen(index, settings)

    def rng(row: int, window: int) -> np.random.Generator:
        return generator(*names, "toys", int(index[row]), found.windows[window].name)

    toys = trials_fits.toys_z(found, fits, rows, settings.n_toys, rng)
    for row, values in zip(rows, toys, strict=True):
        result[row] = counted(largest(values, 2), float(best[row])).p_value
    return result


def _by_bootstrap(
    path: Path,
    found: spectra_file.Spectra,
    fits: Fits,
    z: np.ndarray,
    index: np.ndarray,
    settings: TrialsTableSettings,
    names: tuple[object, ...],
) -> np.ndarray:
    result = np.full(len(index), np.nan)
    with open_h5(path) as file:
        if BIN not in file:
            log.warning("%s: no dataset '%s': no bootstrap. Run `hunt` again.", path, BIN)
            return result
        for row in _chosen(index, settings):
            passes = file["selected"][row].reshape(-1, file["selected"].shape[-1])
            packed = cells(file[BIN][row].astype(np.int64), passes, len(found.edges) - 1)
            rng = generator(*names, "bootstrap", int(index[row]))
            numbers = packed.replicas(settings.n_bootstrap, rng)
            total = packed.spectra(numbers)
            replicas = np.stack(
                [
                    _tested(found, fits, row, test, packed.spectra(numbers, test), total, rng)
                    for test in range(passes.shape[0])
                ],
                axis=1,
            )
            result[row] = trials(z[row].ravel(), replicas, rng).tail.p_value
    return result


def _tested(
    found: spectra_file.Spectra,
    fits: Fits,
    row: int,
    test: int,
    selected: np.ndarray,
    total: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """z (T,) of replicas of one window and efficiency, with the background that the search chose."""
    member = trials_fits.member(fits[divmod(test, len(found.efficiencies))], row)
    if member is None:
        return np.full(len(selected), np.nan)
    return member[0].replicas_z(selected, total, rng)


def joined(parts: Iterator[Part] | list[Part]) -> Part:
    """All parts of a set, by the index of the pseudo-experiments; a procedure that one lacks is NaN there."""
    parts = list(parts)
    index = np.concatenate([part.index for part in parts])
    order = np.argsort(index, kind="stable")
    names = [name for name in NOTES if any(name in part.p_values for part in parts)]
    missing = [np.full(len(part.index), np.nan) for part in parts]
    values = {
        name: np.concatenate(
            [part.p_values.get(name, nothing) for part, nothing in zip(parts, missing, strict=True)]
        )[order]
        for name in names
    }
    return Part(index[order], np.concatenate([part.largest_z for part in parts])[order], values)
