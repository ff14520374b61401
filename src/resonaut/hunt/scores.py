"""Read the scores that detect wrote, one pseudo-experiment at a time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from resonaut.errors import BadValueError, EmptyFileError, InputError, MissingBranchError
from resonaut.scan import ScanSettings
from resonaut.store import open_h5

KIND = "scores"
_SHAPES = {"events/mass": 2, "events/fold": 2, "score": 3}


@dataclass(frozen=True)
class Experiment:
    """One pseudo-experiment.

    Attributes:
        mass: (n,) GeV; NaN in padding.
        fold: (n,) fold whose network scored the event; -1 in padding and where an event is not scored.
        score: (n_windows, n) larger is more like signal.
    """

    mass: np.ndarray
    fold: np.ndarray
    score: np.ndarray


class ScoresFile:
    """A file of scores, open for reading; a context manager.

    Args:
        path: the file.
        scan: the windows that it must hold.

    Raises:
        MissingFileError, CorruptFileError, InputError: absent, broken, of another kind, or for other windows.
        EmptyFileError: it holds no events.
    """

    def __init__(self, path: str | os.PathLike, scan: ScanSettings) -> None:
        self.path = str(path)
        self._file = open_h5(path)
        try:
            self._check(scan)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ScoresFile:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._file["events/mass"].shape[0]

    @property
    def n_events(self) -> int:
        """Events of a pseudo-experiment, padding included."""
        return self._file["events/mass"].shape[1]

    @property
    def first(self) -> int | None:
        """Index of the first pseudo-experiment among all of its name; None for data."""
        return int(self._file.attrs["first_experiment"]) if "first_experiment" in self._file.attrs else None

    def attribute(self, name: str) -> str:
        """A text attribute, empty if absent."""
        return str(self._file.attrs.get(name, ""))

    @property
    def labelled(self) -> bool:
        """Whether all events have a truth label; a file that does not say so is taken for data."""
        return bool(self._file.attrs.get("labelled", False))

    def _check(self, scan: ScanSettings) -> None:
        kind = self._file.attrs.get("kind")
        if kind != KIND:
            raise InputError(
                f"{self.path}: a file of kind '{KIND}' is expected, got '{kind}'. Give detect's output."
            )
        for name, n_axes in _SHAPES.items():
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise MissingBranchError(f"{self.path}: no dataset '{name}'. Run `detect` again.")
            if self._file[name].ndim != n_axes:
                raise InputError(
                    f"{self.path}: {name} has shape {self._file[name].shape}, {n_axes} axes are expected."
                )
        mass, fold, score = (self._file[name].shape for name in _SHAPES)
        wanted = (mass[0], len(scan.windows), mass[1])
        if fold != mass or score != wanted:
            raise InputError(
                f"{self.path}: score has shape {score} and events/fold {fold}; {wanted} and {mass} are "
                "expected (pseudo-experiments, windows of the scan, events). Run `detect` again."
            )
        found = [(entry["low"], entry["high"]) for entry in json.loads(self._file.attrs["windows"])]
        expected = [(window.low, window.high) for window in scan.windows]
        if found != expected:
            raise InputError(
                f"{self.path}: it holds scores of the windows {found}, scan.windows are {expected}. "
                "Run `detect` again."
            )
        # A part of pseudo-experiments that were stopped early holds none.
        if 0 in mass and not (mass[0] == 0 and self.first is not None):
            raise EmptyFileError(f"{self.path}: no events.")

    def n_folds(self) -> int:
        """Number of folds, over all pseudo-experiments."""
        last = (int(self._file["events/fold"][index].max()) for index in range(len(self)))
        return 1 + max(last, default=0)

    def read(self, index: int) -> Experiment:
        """Read one pseudo-experiment.

        Raises:
            BadValueError: outside of padding, a mass is not positive and finite, or a score is NaN.
        """
        experiment = Experiment(
            self._file["events/mass"][index].astype(float),
            self._file["events/fold"][index],
            self._file["score"][index],
        )
        event = experiment.fold >= 0
        good = np.isfinite(experiment.mass) & (experiment.mass > 0)
        self._refuse(event & ~good, experiment.mass, "events/mass", "positive, finite masses")
        for window, score in enumerate(experiment.score):
            self._refuse(event & np.isnan(score), score, f"score[{index}, {window}]", "numbers")
        return experiment

    def _refuse(self, bad: np.ndarray, values: np.ndarray, name: str, expected: str) -> None:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise BadValueError(
                f"{self.path}: {name} is {values[row]} for event {row} ({int(bad.sum())} such events); "
                f"{expected} are expected. Correct the input of `detect`."
            )
