"""The local test that `infer test` makes, for all pseudo-experiments of a file at once.

It is the likelihood of `infer.signal`, `infer.uncertainties` and `infer.envelope` (`window_likelihood`), one
batch per window, selection and order of the background, so that what is calibrated is what the data are
tested with. Its p-values are asymptotic (arXiv:1007.1727) for any number of events, also where `infer test`
goes over to toys: against those of pseudo-experiments of the same size it does not matter whether a local
p-value is right, only that it is made in the same way for the data and for them.

A measured spurious signal is that of each pseudo-experiment, measured in it as in the data; each is then
fitted on its own. (`infer test` of a file of several takes the first one's for all.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut.errors import ConfigError
from resonaut.infer import window_likelihood
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.templates import Masses
from resonaut.infer.window_likelihood import Model
from resonaut.logs import log

At = tuple[int, int]
"""Indices of a window and an efficiency."""


class Statistic:
    """Local tests as the settings of the inference ask for them; those of counting without settings.

    Args:
        given: of which `signal`, `uncertainties` and `envelope` count.
        masses: of the dataset whose shape the signal has, where it is one (`templates.read`).
    """

    def __init__(self, given: InferSettings | None = None, masses: Masses | None = None) -> None:
        self.given, self.masses = given or InferSettings(), masses
        self._said: set[str] = set()

    @property
    def counting(self) -> bool:
        """Whether events in the window are counted, and nothing is uncertain."""
        given = self.given
        return given.signal.shape == "window" and not (given.envelope or given.uncertainties.any)

    def described(self) -> dict[str, Any]:
        """What the files of results say: shape of the signal, its uncertainties, further backgrounds."""
        uncertainties = self.given.uncertainties.model_dump(mode="json")
        return {
            "signal": self.given.signal.shape,
            "uncertainties": {name: value for name, value in uncertainties.items() if value},
            "envelope": [family.function for family in self.given.envelope],
        }

    def models(self, found: Spectra) -> dict[At, list[Model]]:
        """Likelihoods of each window and efficiency; a pseudo-experiment without background is in none.

        A window that cannot be tested has none, and the log says why.
        """
        events = self._measured(found)
        return {
            at: [
                model
                for test in found.tests(*at)
                if len(test.rows)
                for model in self._models(found, at, test, None if events is None else events[:, *at])
            ]
            for at in np.ndindex(len(found.windows), len(found.efficiencies))
        }

    def _models(self, found: Spectra, at: At, test: WindowTest, events: np.ndarray | None) -> list[Model]:
        """The batch of a test; one batch each where each has its own spurious signal, `events` (P)."""
        if not self.counting:
            test = test.take(np.flatnonzero(~test.failed))
        try:
            if events is None:
                return [window_likelihood.build(found, self.given, at, test, self.masses)]
            return [
                window_likelihood.build(
                    found, self.given, at, test.take(np.array([place])), self.masses, float(events[row])
                )
                for place, row in enumerate(test.rows)
                if np.isfinite(events[row])
            ]
        except ConfigError as error:
            self._warn(f"{found.method}, window {found.windows[at[0]].name} GeV: {error}")
            return []

    def z(self, found: Spectra) -> np.ndarray:
        """Signed local significances (P, W, E); NaN where a fit failed.

        Of a blind search those of the expectation.
        """
        return local_z(found, self.models(found))

    def _measured(self, found: Spectra) -> np.ndarray | None:
        """(P, W, E) spurious signal of each pseudo-experiment, events; None where none is measured."""
        if self.given.uncertainties.spurious_signal != "measured":
            return None
        n_windows, n_efficiencies = len(found.windows), len(found.efficiencies)
        events = np.full((len(found.counts), n_windows, n_efficiencies), np.nan)
        for number in range(n_efficiencies):
            windows = [found.tests(window, number) for window in range(n_windows)]
            for row in range(len(events)):
                tests = [_of_row(groups, row) for groups in windows]
                events[row, :, number] = window_likelihood.measure_spurious(
                    found, self.given, number, tests, self.masses
                )
        if np.isnan(events).any():
            n_missing = int(np.isnan(events).sum())
            self._warn(
                f"{found.method}: {n_missing} of {events.size} tests have no spurious signal, so no p-value: "
                "no fit of infer.envelope converged there, or the signal's shape is outside."
            )
        return events

    def _warn(self, text: str) -> None:
        # All parts of the pseudo-experiments fail in the same way.
        if text not in self._said:
            self._said.add(text)
            log.warning("%s", text)


def local_z(found: Spectra, models: dict[At, list[Model]]) -> np.ndarray:
    """Signed local significances (P, W, E) of `Statistic.models`; NaN where there is none."""
    z = np.full((len(found.counts), len(found.windows), len(found.efficiencies)), np.nan)
    for at, batches in models.items():
        for model in batches:
            z[(model.test.rows, *at)] = model.likelihood.discovery().z_signed
    return z


def _of_row(groups: Sequence[WindowTest], row: int) -> WindowTest | None:
    """The test of one pseudo-experiment; None where it has no background."""
    for test in groups:
        chosen = np.flatnonzero((test.rows == row) & ~test.failed)
        if len(chosen):
            return test.take(chosen)
    return None
