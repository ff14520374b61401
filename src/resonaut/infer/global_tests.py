"""All tests of one mixture (methods, windows, selections), to be made again of other counts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonaut.errors import InputError, MismatchError
from resonaut.infer import spectra as spectra_file
from resonaut.infer import templates
from resonaut.infer.settings import SignalSettings
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.templates import Masses
from resonaut.logs import progress
from resonaut.scan import Window
from resonaut.stats import bootstrap
from resonaut.stats.bootstrap import Cells
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.scan_toys import MassScan
from resonaut.store import open_h5

SLICE = 500
"""Replicas or toys that are fitted at once."""


@dataclass(frozen=True)
class LocalTest:
    """One test, for any counts.

    Attributes:
        method: which found the selection.
        window: signal region; `number` its index in the scan.
        efficiency: of the selection; `selection` its index.
        model: backgrounds and the counts of the data.
        row: of the data in `model`.
        scan: the signal's shape over bins one by one; None for a counting experiment.
    """

    method: str
    window: Window
    number: int
    efficiency: float
    selection: int
    model: WindowTest
    row: int
    scan: MassScan | None

    def z(self, selected: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Signed local significances (n) of selected and of all events (n, B); NaN where a fit failed."""
        found = [
            self._z(selected[begin : begin + SLICE], total[begin : begin + SLICE])
            for begin in range(0, len(selected), SLICE)
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def _z(self, selected: np.ndarray, total: np.ndarray) -> np.ndarray:
        counts = self.model.window.arrange(selected, total - selected)
        if self.scan is None:
            return ProfileLikelihood(self.model.window.model, counts).discovery().z_signed
        shown = np.concatenate([counts[:, : self.model.n_failing], selected[:, self.model.shown]], axis=1)
        return self.scan.tests(shown).z[:, 0]

    @property
    def selected(self) -> np.ndarray:
        """(B,) selected events of the data."""
        return self.model.selected[self.row]


@dataclass(frozen=True)
class Searches:
    """All tests of a mixture.

    Attributes:
        mixture: its name.
        blind: whether signal regions are closed; nothing is then tested.
        spectra: of each method.
        tests: method by method, window by window, the loosest selection first.
        index: the pseudo-experiment that is the data.
    """

    mixture: str
    blind: bool
    spectra: Mapping[str, Spectra]
    tests: list[LocalTest]
    index: int = 0

    def z(self) -> np.ndarray:
        """(J,) signed local significances of the data."""
        return np.array(
            [
                test.z(test.selected[None], self.spectra[test.method].total[[self.index]].astype(float))[0]
                for test in self.tests
            ]
        )

    def backgrounds(self) -> np.ndarray:
        """(J,) expected events in the signal regions, from the side bands."""
        found = []
        for test in self.tests:
            likelihood = ProfileLikelihood(test.model.window.model, test.model.counts[[test.row]])
            found.append(likelihood.background[0])
        return np.array(found)

    def replicas(self, cells: Cells, n_replicas: int, rng: np.random.Generator) -> np.ndarray:
        """Significances (n_replicas, J) of replicas of the events, all tests of the same events."""
        found = np.full((n_replicas, len(self.tests)), np.nan)
        step = min(SLICE, cells.at_once)
        for begin in progress(range(0, n_replicas, step), f"slices of {step} replicas of the events"):
            numbers = cells.replicas(min(step, n_replicas - begin), rng)
            total = cells.spectra(numbers)
            for index, test in enumerate(self.tests):
                found[begin : begin + len(numbers), index] = test.z(cells.spectra(numbers, index), total)
        return found


def read(
    paths: Mapping[str, str | os.PathLike],
    signal: SignalSettings | None = None,
    masses: Masses | None = None,
    index: int = 0,
) -> Searches:
    """Read the spectra of all methods of one mixture.

    Args:
        paths: spectra of hunt by method.
        signal: shape of the signal; a counting experiment if absent.
        masses: of the signal's dataset, where it is one.
        index: the pseudo-experiment that is tested.

    Raises:
        InputError: a file is not usable, or has no such pseudo-experiment.
        MismatchError: files are of different mixtures, or bins, or a path is that of another method.
    """
    spectra = {method: spectra_file.read(path) for method, path in paths.items()}
    first = next(iter(spectra.values()))
    for (method, path), found in zip(paths.items(), spectra.values(), strict=True):
        if (found.mixture, found.method) != (first.mixture, method):
            raise MismatchError(
                f"{path}: spectra of mixture '{found.mixture}' and method '{found.method}', "
                f"'{first.mixture}' and '{method}' are expected. Give METHOD=HDF5 of one mixture."
            )
        if not np.array_equal(found.edges, first.edges) or found.blind != first.blind:
            raise MismatchError(
                f"{path}: other bins than those of {next(iter(paths.values()))}, or only one of them is "
                "blind. Run `hunt spectra` again for all methods."
            )
        if not index < len(found.counts):
            raise InputError(
                f"{path}: {len(found.counts)} pseudo-experiments, number {index} is asked for. "
                "Run `hunt spectra` again."
            )
    tests = []
    if not first.blind:
        for found in spectra.values():
            tests += _tests(found, signal, masses, index)
    return Searches(first.mixture, first.blind, spectra, tests, index)


def _tests(
    found: Spectra, signal: SignalSettings | None, masses: Masses | None, index: int
) -> list[LocalTest]:
    result = []
    for number, selection in np.ndindex(len(found.windows), len(found.efficiencies)):
        for model in found.tests(number, selection):
            row = np.flatnonzero(model.rows == index)
            if not len(row):
                continue
            window = found.windows[number]
            scan = None
            if signal is not None and signal.shape != "window":
                shape = templates.make(signal, masses, window, found.edges, 0.0).nominal
                scan = MassScan(model.shaped(), model.shaped_signal(shape)[None])
            result.append(
                LocalTest(
                    method=found.method,
                    window=window,
                    number=number,
                    efficiency=float(found.efficiencies[selection]),
                    selection=selection,
                    model=model,
                    row=int(row[0]),
                    scan=scan,
                )
            )
    return result


def event_cells(
    searches: Searches, paths: Mapping[str, str | os.PathLike], scores: str | os.PathLike
) -> Cells:
    """Events of the mixture by what selects them.

    Args:
        searches: tests; the order of the columns.
        paths: spectra of hunt by method, which hold the selected events.
        scores: HDF5 of detect of any of the methods, which holds the events' masses.

    Raises:
        MismatchError: the events are not those of the spectra.
    """
    with open_h5(scores) as file:
        mass, fold = file["events/mass"][searches.index], file["events/fold"][searches.index]
    edges = next(iter(searches.spectra.values())).edges
    place = np.searchsorted(edges, mass, side="right") - 1
    place[(fold < 0) | (place >= len(edges) - 1)] = -1
    passes = np.zeros((len(searches.tests), len(place)), bool)
    for method, path in paths.items():
        with open_h5(path) as file:
            if file["selected"].shape[-1] != len(place):
                raise MismatchError(
                    f"{path}: selections of {file['selected'].shape[-1]} events, {scores} holds "
                    f"{len(place)}. Give files of one mixture."
                )
            for row, test in enumerate(searches.tests):
                if test.method == method:
                    passes[row] = file["selected"][searches.index, test.number, test.selection]
    found = bootstrap.cells(place, passes, len(edges) - 1)
    for row, test in enumerate(searches.tests):
        if not np.array_equal(found.spectra(found.n_events[None], row)[0], test.selected):
            raise MismatchError(
                f"{scores}: the events that {paths[test.method]} selects in the window {test.window.name} "
                "GeV do not give its spectrum. Run `hunt spectra` again."
            )
    return found
