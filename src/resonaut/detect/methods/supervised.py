"""Fully supervised classifiers: signal against background by their labels, the best that can be had.

The reference of arXiv:2109.00546 (section 4.2) and of the LHC Olympics (arXiv:2101.08320). Labels are those
of datasets that the settings name, and of simulation therefore; all their events are learnt from, those of
the mixture too, out of fold like everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from resonaut.detect.classify import ClassifierSettings, FittedClassifiers, Task, fit_classifiers
from resonaut.detect.classify_pool import Pool, pool
from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Data, Needs

_EVERYWHERE = "all windows"


class Settings(ClassifierSettings):
    """Fully supervised classifiers."""

    signal: tuple[str, ...] = Field(min_length=1, description="Datasets of signal.")
    background: tuple[str, ...] = Field(min_length=1, description="Datasets of background.")
    in_window: bool = Field(
        False,
        description="Train one set of classifiers per window, on the events of its signal region only; "
        "otherwise one set serves all windows.",
    )

    @model_validator(mode="after")
    def _signal_is_not_background(self) -> Settings:
        both = sorted(set(self.signal) & set(self.background))
        if both:
            raise ValueError(f"'{both[0]}' is named as signal and as background; name it once")
        return self

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return [*self.signal, *self.background]


@dataclass(frozen=True)
class Supervised:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedClassifiers:
        """See `Detector.fit`."""
        settings = self.settings
        feature_matrix(data, settings.features, context)
        sources = [data.samples[name] for name in settings.samples_used()]
        events = pool(sources, settings.features, context, settings.n_folds)
        is_signal = events.source < len(settings.signal)
        region = 1 if settings.in_window else None
        for chosen, names in ((is_signal, settings.signal), (~is_signal, settings.background)):
            events.require(chosen, ", ".join(names), context, settings.min_events, region)
        fitted = fit_classifiers(
            events.table,
            tasks(events, is_signal, settings, context),
            settings,
            context,
            classes=("background", "signal"),
        )
        return FittedClassifiers(fitted, settings, context)


def build(settings: Settings) -> Supervised:
    """The detector of these settings."""
    return Supervised(
        settings, Needs(settings.features, samples=tuple(settings.samples_used()), side_bands=False)
    )


def tasks(events: Pool, is_signal: np.ndarray, settings: Settings, context: Context) -> list[Task]:
    """Signal against background for each fold, at any mass or in each window."""
    places = [(_EVERYWHERE, np.ones(len(is_signal), bool))]
    if settings.in_window:
        names = [window.name for window in context.windows]
        places = list(zip(names, events.regions == 1, strict=True))
    found = []
    for name, inside in places:
        for scored in range(settings.n_folds):
            rows = np.flatnonzero(inside & (events.fold != scored))
            part = events.part(rows, scored, settings.n_folds)
            target = is_signal[rows].astype(np.int8)
            found.append(Task(name, scored, rows, target, np.ones(len(rows)), part))
    return found
