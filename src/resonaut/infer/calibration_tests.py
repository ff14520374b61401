"""Local tests of pseudo-experiments: every window and selection of every one, from the spectra of hunt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonaut.errors import EmptyFileError, InputError, MismatchError
from resonaut.infer import spectra as spectra_file
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.scan import Window
from resonaut.store import open_h5


@dataclass(frozen=True)
class Local:
    """Local tests of one method.

    Attributes:
        windows: (W) of the scan.
        efficiencies: (E,).
        index: (P,) of the pseudo-experiments, rising; 0 for data.
        p_value: (P, W, E) of the signed z: 1 - Phi(z), uniform under the null; NaN where a fit failed.
    """

    windows: tuple[Window, ...]
    efficiencies: tuple[float, ...]
    index: np.ndarray
    p_value: np.ndarray

    @property
    def smallest(self) -> np.ndarray:
        """(P,) smallest p-value over windows and efficiencies, NaN where no fit converged."""
        flat = self.p_value.reshape(len(self.p_value), -1)
        return np.fmin.reduce(flat, axis=1) if flat.shape[1] else np.full(len(flat), np.nan)

    def place(self, row: int) -> tuple[Window, float]:
        """Window and efficiency of the smallest p-value."""
        window, number = np.unravel_index(np.nanargmin(self.p_value[row]), self.p_value.shape[1:])
        return self.windows[window], self.efficiencies[number]


def local_p_values(found: spectra_file.Spectra, statistic: Statistic | None = None) -> np.ndarray:
    """p-values (P, W, E) of the profile likelihood (arXiv:1007.1727), with the sign of the excess.

    Asymptotic, for any number of events. Of a blind search those of the expectation.

    Args:
        found: spectra of pseudo-experiments.
        statistic: the local test; that of counting if absent.
    """
    from scipy.special import ndtr

    return ndtr(-(statistic or Statistic()).z(found))


def read(paths: Iterable[Path], statistic: Statistic | None = None) -> dict[str, Local]:
    """Local tests by method, of the files of all parts; `statistic` as of `local_p_values`.

    Raises:
        InputError: a file is of another kind, or two hold the same pseudo-experiment.
        MismatchError: two files are of different searches.
    """
    parts: dict[str, list[tuple[int, Path, spectra_file.Spectra]]] = {}
    for path in paths:
        found = spectra_file.read(path)
        with open_h5(path) as file:
            first = int(file.attrs.get("first_experiment", 0))
        parts.setdefault(found.method, []).append((first, path, found))
    statistic = statistic or Statistic()
    return {
        method: _joined(sorted(own, key=lambda part: part[0]), statistic)
        for method, own in sorted(parts.items())
    }


def _joined(parts: Sequence[tuple[int, Path, spectra_file.Spectra]], statistic: Statistic) -> Local:
    _, path, one = parts[0]
    end = 0
    for first, other, found in parts:
        if found.windows != one.windows or not np.array_equal(found.efficiencies, one.efficiencies):
            raise MismatchError(f"{other}: windows or efficiencies are not those of {path}. Run hunt again.")
        if len(found.counts) and first < end:
            raise InputError(
                f"{other}: pseudo-experiment {first} stands in another file too. Give each part once, all "
                "made with the same pseudo_experiments.per_job."
            )
        end = max(end, first + len(found.counts))
    index = [first + np.arange(len(found.counts)) for first, _, found in parts]
    return Local(
        one.windows,
        tuple(map(float, one.efficiencies)),
        np.concatenate(index).astype(int),
        np.concatenate([local_p_values(found, statistic) for _, _, found in parts]),
    )


def require_alike(data: Mapping[str, Local], pseudo: Mapping[str, Local]) -> None:
    """Pseudo-experiments and data must be of the same methods, windows and selections.

    Raises:
        MismatchError: they are not.
        EmptyFileError: there is no pseudo-experiment.
    """
    if set(data) != set(pseudo):
        raise MismatchError(
            f"--data: spectra of {', '.join(data) or 'none'}, --pseudo: of {', '.join(pseudo) or 'none'}; "
            "the same methods are expected."
        )
    first = next(iter(pseudo.values()))
    for method, own in pseudo.items():
        if own.windows != data[method].windows or own.efficiencies != data[method].efficiencies:
            raise MismatchError(
                f"{method}: windows or efficiencies of data and pseudo-experiments differ. Run hunt again."
            )
        if not np.array_equal(own.index, first.index):
            raise MismatchError(
                f"--pseudo: {method} has {len(own.index)} pseudo-experiments, {next(iter(pseudo))} has "
                f"{len(first.index)}, or others. Give the same parts of all methods."
            )
    if not len(first.index):
        raise EmptyFileError("--pseudo: no pseudo-experiments. Give the spectra of at least one part.")


def joint(tests: Mapping[str, Local]) -> np.ndarray:
    """(P,) smallest p-value over all methods too."""
    return np.fmin.reduce([own.smallest for own in tests.values()])
