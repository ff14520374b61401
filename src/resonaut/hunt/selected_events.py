"""Read which events hunt selected."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np

from resonaut.errors import InputError, MismatchError, MissingBranchError
from resonaut.scan import ScanSettings
from resonaut.store import open_h5

KIND = "spectra"
_DATASETS = ("edges", "inside", "fitted", "closed", "efficiencies", "selected")


@dataclass(frozen=True)
class SelectedEvents:
    """Selections of the first pseudo-experiment.

    Attributes:
        mixture, method: what was searched, and with what.
        edges: (B + 1,) GeV.
        inside, fitted: (W, B) boolean, bins of the signal region, and those that the background is fitted to.
        closed: (B,) boolean, bins that are not looked at.
        efficiencies: (E,).
        selected: (W, E, n) boolean; False where the selection is not told.
        blind: signal regions are not opened.
    """

    mixture: str
    method: str
    edges: np.ndarray
    inside: np.ndarray
    fitted: np.ndarray
    closed: np.ndarray
    efficiencies: np.ndarray
    selected: np.ndarray
    blind: bool


def read(path: str | os.PathLike, scan: ScanSettings) -> SelectedEvents:
    """Read spectra of hunt.

    Raises:
        MissingFileError, CorruptFileError, InputError: absent, broken, of another kind or incomplete.
        MismatchError: of other windows.
    """
    with open_h5(path) as file:
        if file.attrs.get("kind") != KIND:
            raise InputError(
                f"{path}: a file of kind '{KIND}' is expected, got '{file.attrs.get('kind')}'. "
                "Give the spectra of `hunt spectra`."
            )
        for name in _DATASETS:
            if name not in file:
                raise MissingBranchError(f"{path}: no dataset '{name}'. Run `hunt spectra` again.")
        found = [(entry["low"], entry["high"]) for entry in json.loads(file.attrs["windows"])]
        expected = [(window.low, window.high) for window in scan.windows]
        if found != expected:
            raise MismatchError(
                f"{path}: it holds spectra of the windows {found}, scan.windows are {expected}. "
                "Run `hunt spectra` again."
            )
        return SelectedEvents(
            mixture=str(file.attrs["mixture"]),
            method=str(file.attrs["method"]),
            **{name: file[name][:] for name in _DATASETS[:-1]},
            selected=file["selected"][0] == 1,
            # A file that does not say that it is open is taken for blind.
            blind=bool(file.attrs.get("blind", True)),
        )
