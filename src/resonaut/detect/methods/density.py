"""Density alone: an event is as anomalous as its features are rare at its mass.

The score is -log p(x | m), p being a normalising flow (arXiv:1705.07057) fitted to events of other folds: to
those of the window's side bands, or to all events. It finds what is far from everything and is blind to an
over-density of ordinary events; and it is not invariant: other coordinates of the same features give another
order of events (arXiv:2209.14903), which likelihood ratios as ANODE's do not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from resonaut.detect.flow_regions import FlowDetectorSettings, RegionFlows, fit_region
from resonaut.detect.interface import Context, Data, Events, Needs, Scores

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History


class Settings(FlowDetectorSettings):
    """Density alone."""

    train_on: Literal["side_bands", "all"] = Field(
        "side_bands",
        description="Events that the density is learnt from: the side bands of each window, or all events, "
        "signal regions included (one flow per fold for all windows).",
    )


@dataclass(frozen=True)
class Density:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        from resonaut.detect import folds

        settings = self.settings
        folds.check_windows(data, context, settings.min_events)
        values = folds.feature_matrix(data, settings.features, context)
        if settings.train_on == "all":
            names, chosen = ["all"], np.ones((1, len(data)), bool)
        else:
            names, chosen = [window.name for window in context.windows], data.regions == 0
        return Fitted(
            fit_region(values, data, chosen, names, settings.train_on, settings, context), settings, context
        )


@dataclass(frozen=True)
class Fitted:
    """The density of each window."""

    density: RegionFlows
    settings: Settings
    context: Context

    @property
    def history(self) -> History:
        """Losses of the flows."""
        return self.density.flows.history

    @property
    def n_networks(self) -> int:
        """Flows."""
        return self.density.numbers.size

    @property
    def n_parameters(self) -> int:
        """Parameters of one flow."""
        return self.density.flows.n_parameters

    def score(self, events: Events) -> Scores:
        """See `Fitted.score`."""
        from resonaut.detect.folds import feature_matrix, folds

        values = feature_matrix(events, self.settings.features, self.context)
        fold = folds(events, self.context, self.settings.n_folds)
        score = np.empty((len(self.density.numbers), len(values)), np.float32)
        for number in range(self.settings.n_folds):
            rows = np.flatnonzero(fold == number)
            for window in range(len(score)):
                score[window, rows] = -self.density.log_density(
                    window, number, values[rows], events.mass[rows]
                )
        if len(score) < len(self.context.windows):
            score = np.repeat(score, len(self.context.windows), axis=0)
        return Scores(score, fold.astype(np.int32))


def build(settings: Settings) -> Density:
    """The detector of these settings."""
    return Density(settings, Needs(features=settings.features, side_bands=settings.train_on == "side_bands"))
