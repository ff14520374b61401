"""One search as its evaluation sees it: scores, selections and truth along the events of the mixture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from resonaut import mixtures, truth
from resonaut.errors import MismatchError
from resonaut.hunt import sculpting, selected_events
from resonaut.hunt.evaluation_settings import Slice
from resonaut.hunt.scores import Experiment, ScoresFile
from resonaut.hunt.selected_events import SelectedEvents
from resonaut.mixtures import Mixture
from resonaut.seeds import generator
from resonaut.store import open_h5


@dataclass(frozen=True)
class Inputs:
    """Files of one search.

    Attributes:
        scores: HDF5 of detect.
        spectra: HDF5 of hunt.
        mixture: HDF5 of represent.
        features: features manifest of each dataset of the mixture, for histograms; may be left out.
        metrics: JSON of detect, for importances; may be left out.
    """

    scores: Path
    spectra: Path
    mixture: Path
    features: Mapping[str, Path] = field(default_factory=dict)
    metrics: Path | None = None

    def paths(self) -> list[Path]:
        """All files."""
        more = [] if self.metrics is None else [self.metrics]
        return [self.scores, self.spectra, self.mixture, *self.features.values(), *more]


@dataclass(frozen=True)
class Search:
    """What the evaluation looks at; arrays along the events of the mixture.

    Attributes:
        given: settings.
        mixture: the events that have a score.
        experiment: masses, folds and scores.
        events: selections.
        regions: (W, n) 1 signal region, 0 side band, -1 neither.
        fine: (n,) fine bins of the mass.
        is_signal: (n,) boolean; None where the truth is not known.
        blind: nothing is said of signal regions.
        used: features that the detector used, with the multiple of the mass that it added.
    """

    given: Slice
    mixture: Mixture
    experiment: Experiment
    events: SelectedEvents
    regions: np.ndarray
    fine: np.ndarray
    is_signal: np.ndarray | None
    blind: bool
    used: dict[str, float]

    @property
    def open(self) -> np.ndarray:
        """(n,) boolean, events that may be looked at: where blind those in no signal region."""
        return ~((self.regions == 1).any(0) & self.blind)

    def random(self, window: int, purpose: str) -> np.random.Generator:
        """Random numbers of one window."""
        names = (self.events.mixture, self.events.method, self.given.scan.windows[window].name, purpose)
        return generator(self.given.seed, "hunt", "evaluate", *names)


def read(given: Slice, inputs: Inputs) -> Search:
    """Read the files of one search, its first pseudo-experiment.

    Raises:
        InputError: a file cannot be used.
        MismatchError: they are of different searches.
    """
    mixture = mixtures.read(inputs.mixture)
    with ScoresFile(inputs.scores, given.scan) as file:
        experiment = file.read(0)
        names = file.attribute("mixture"), file.attribute("method")
    events = selected_events.read(inputs.spectra, given.scan)
    if names != (events.mixture, events.method) or names[0] != mixture.name:
        raise MismatchError(
            f"{inputs.scores} is of mixture '{names[0]}' and method '{names[1]}', {inputs.spectra} of "
            f"'{events.mixture}' and '{events.method}', {inputs.mixture} is '{mixture.name}'. Give files of "
            "one search."
        )
    n_events = int(np.isfinite(experiment.mass).sum())
    if n_events != len(mixture) or events.selected.shape[-1] < n_events:
        raise MismatchError(
            f"{inputs.scores}: {n_events} events, {inputs.mixture} holds {len(mixture)} and {inputs.spectra} "
            f"{events.selected.shape[-1]}. Run `detect` and `hunt spectra` again."
        )
    rows = np.flatnonzero(experiment.fold >= 0)
    experiment = Experiment(experiment.mass[rows], experiment.fold[rows], experiment.score[:, rows])
    events = replace(events, selected=events.selected[..., rows])
    is_signal = truth.truth(mixture)
    return Search(
        given=given,
        mixture=mixture.take(rows),
        experiment=experiment,
        events=events,
        regions=given.scan.regions(experiment.mass),
        fine=sculpting.fine_bins(experiment.mass, events.edges),
        is_signal=None if is_signal is None else is_signal[rows],
        blind=is_signal is None and events.blind,
        used=_features_used(inputs.scores),
    )


def _features_used(scores: Path) -> dict[str, float]:
    """Features of the detector and the factor of the mass that it added to each."""
    with open_h5(scores) as file:
        made_from = json.loads(file.attrs.get("provenance", "{}"))
    settings = made_from.get("settings", {}).get("settings", {})
    shifts = settings.get("mass_shift") or {}
    return {name: float(shifts.get(name, 0.0)) for name in settings.get("features") or ()}
