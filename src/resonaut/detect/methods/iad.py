"""Idealised anomaly detector: data against true background (arXiv:2109.00546, section 4.2).

In each window, classifiers learn to tell the data of the signal region from events of the background there
that the mixture does not hold. No method that has to estimate the background can be better than this in the
mean: it is the line that they are measured against. A reference on simulation, never a search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from resonaut.detect.classify import ClassifierSettings, FittedClassifiers, Task, fit_classifiers
from resonaut.detect.classify_pool import Pool, outside_the_mixture, pool
from resonaut.detect.interface import Context, Data, Needs


class Settings(ClassifierSettings):
    """Idealised anomaly detector."""

    background: tuple[str, ...] = Field(
        min_length=1,
        description="Simulated datasets of background only; their events that the mixture does not hold are "
        "used, so the mixture must not hold all of them.",
    )

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return list(self.background)


@dataclass(frozen=True)
class Idealised:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedClassifiers:
        """See `Detector.fit`."""
        settings = self.settings
        sources = [data, *outside_the_mixture(data, settings.background)]
        events = pool(sources, settings.features, context, settings.n_folds)
        named = f"{', '.join(settings.background)} outside mixture '{context.mixture}'"
        of_data = events.source == 0
        for chosen, what in ((of_data, f"mixture '{context.mixture}'"), (~of_data, named)):
            events.require(chosen, what, context, settings.min_events, region=1)
        fitted = fit_classifiers(
            events.table,
            tasks(events, settings, context),
            settings,
            context,
            classes=("background outside the mixture", "signal region"),
        )
        return FittedClassifiers(fitted, settings, context)


def build(settings: Settings) -> Idealised:
    """The detector of these settings."""
    return Idealised(settings, Needs(settings.features, samples=settings.background, side_bands=False))


def tasks(events: Pool, settings: Settings, context: Context) -> list[Task]:
    """Data (source 0) against the other sources, in each signal region, for each fold."""
    found = []
    for window, region in zip(context.windows, events.regions, strict=True):
        for scored in range(settings.n_folds):
            rows = np.flatnonzero((region == 1) & (events.fold != scored))
            part = events.part(rows, scored, settings.n_folds)
            target = (events.source[rows] == 0).astype(np.int8)
            found.append(Task(window.name, scored, rows, target, np.ones(len(rows)), part))
    return found
