"""SALAD: simulated background, reweighted to the data of the side bands (arXiv:2001.05001).

A first set of classifiers tells data from simulation in the side bands, given features and mass; their odds
p / (1 - p) are the ratio of the two densities (equation 2.3 there), which the networks carry over into the
signal region by its mass. A second set tells data in the signal region from simulation there with these
weights. For the events of fold f both saw nothing of fold f, of the mixture or of the simulation, and events
of the simulation that the mixture holds are not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.detect.classify import (
    Classifiers,
    ClassifierSettings,
    ClassifierTraining,
    FittedClassifiers,
    Task,
    fit_classifiers,
)
from resonaut.detect.classify_pool import Pool, outside_the_mixture, pool
from resonaut.detect.interface import Context, Data, Needs
from resonaut.settings import Count

_CLASSES = ("simulation", "data")


class ReweightingSettings(base.Settings):
    """The networks that tell data from simulation in the side bands."""

    n_restarts: Count = Field(2, ge=1, description="Networks per window and fold; their mean is used.")
    hidden: tuple[Count, ...] = Field((64, 64, 64), min_length=1, description="Sizes of the hidden layers.")
    max_weight: float = Field(
        20.0,
        gt=1,
        description="Largest weight of a simulated event, and one over the smallest: where there is hardly "
        "any simulation a ratio of densities has no bound.",
    )
    training: ClassifierTraining = ClassifierTraining()


class Settings(ClassifierSettings):
    """Simulation reweighted to the data of the side bands."""

    simulation: tuple[str, ...] = Field(
        min_length=1,
        description="Simulated datasets of the background; their events that the mixture does not hold are "
        "used.",
    )
    reweighting: ReweightingSettings = ReweightingSettings()

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return list(self.simulation)


@dataclass(frozen=True)
class Salad:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedClassifiers:
        """See `Detector.fit`."""
        settings = self.settings
        sources = [data, *outside_the_mixture(data, settings.simulation)]
        events = pool(sources, settings.features, context, settings.n_folds)
        simulated = f"{', '.join(settings.simulation)} outside mixture '{context.mixture}'"
        of_data = events.source == 0
        for chosen, what in ((of_data, f"mixture '{context.mixture}'"), (~of_data, simulated)):
            for region in (1, 0):
                events.require(chosen, what, context, settings.min_events, region)
        ratio = fit_ratio(events, settings, context)
        inside = tasks(events, 1, ratio, settings, context)
        fitted = fit_classifiers(events.table, inside, settings, context, classes=_CLASSES)
        return FittedClassifiers(fitted, settings, context, (ratio,))


def build(settings: Settings) -> Salad:
    """The detector of these settings."""
    return Salad(settings, Needs(settings.features, samples=settings.simulation))


def fit_ratio(events: Pool, settings: Settings, context: Context) -> Classifiers:
    """Classifiers of data against simulation in the side bands, of the features and the mass."""
    first = settings.model_copy(
        update={
            "classifier": "network",
            "n_restarts": settings.reweighting.n_restarts,
            "hidden": settings.reweighting.hidden,
            "training": settings.reweighting.training,
        }
    )
    outside = tasks(events, 0, None, settings, context)
    table = _with_mass(events, np.arange(len(events.mass)))
    return fit_classifiers(table, outside, first, context, stage="reweighting", classes=_CLASSES)


def weights(ratio: Classifiers, table: np.ndarray, name: str, scored: int, largest: float) -> np.ndarray:
    """Ratio of the densities of data and simulation for each event, by the networks of a window and fold.

    Args:
        ratio: what `fit_ratio` returned.
        table: (n, n_features + 1) features and mass.
        name: of the window.
        scored: the fold that the networks did not see.
        largest: the largest weight; one over it is the smallest.

    Returns:
        (n,) float64.
    """
    probability = ratio.score_by(name, scored, table).astype(np.float64)
    probability = np.clip(probability, 1 / (1 + largest), largest / (1 + largest))
    return probability / (1 - probability)


def _with_mass(events: Pool, rows: np.ndarray) -> np.ndarray:
    return np.column_stack([events.table[rows], events.mass[rows].astype(np.float32)])


def tasks(
    events: Pool, value: int, ratio: Classifiers | None, settings: Settings, context: Context
) -> list[Task]:
    """Data against simulation in one region of each window, for each fold.

    Args:
        events: all of them; source 0 is the data.
        value: 1 for the signal regions, 0 for the side bands.
        ratio: what weights the simulation; None: nothing.
        settings: folds, and the largest weight.
        context: the windows.
    """
    found = []
    largest = settings.reweighting.max_weight
    for window, region in zip(context.windows, events.regions, strict=True):
        for scored in range(settings.n_folds):
            rows = np.flatnonzero((region == value) & (events.fold != scored))
            of_data = events.source[rows] == 0
            weight = np.ones(len(rows))
            if ratio is not None:
                simulated = weights(ratio, _with_mass(events, rows[~of_data]), window.name, scored, largest)
                weight[~of_data] = simulated
            part = events.part(rows, scored, settings.n_folds)
            found.append(Task(window.name, scored, rows, of_data.astype(np.int8), weight, part))
    return found
