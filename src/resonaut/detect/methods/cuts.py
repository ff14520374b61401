"""Rectangular cuts as a score, for example on tau21 (arXiv:1011.2268) and on the masses of jets.

The score is the smallest distance of an event to any edge, counted inwards and in units of the cut's scale.
It is 0 or more where all cuts are passed; a threshold above (below) 0 tightens (loosens) all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Data, Events, Needs
from resonaut.detect.settings import feature_names
from resonaut.detect.untrained import Untrained, UntrainedSettings


class Cut(base.Settings):
    """One feature between two edges, of which one may be missing."""

    feature: str = Field(description="Column of the features files.")
    low: float | None = Field(None, description="Lower edge, in the feature's unit; null: none.")
    high: float | None = Field(None, description="Upper edge, in the feature's unit; null: none.")
    scale: float | None = Field(
        None,
        gt=0,
        description="Unit of distances to the edges; null: half of the distance between two edges, or the "
        "size of the only edge (1 if that is 0).",
    )

    @model_validator(mode="after")
    def _has_edges(self) -> Cut:
        if self.low is None and self.high is None:
            raise ValueError(f"cut on '{self.feature}': give low, high, or both")
        if self.low is not None and self.high is not None and not self.high > self.low:
            raise ValueError(f"cut on '{self.feature}': high ({self.high:g}) must exceed low ({self.low:g})")
        return self

    @property
    def unit(self) -> float:
        """The unit of distances."""
        if self.scale is not None:
            return self.scale
        edges = [edge for edge in (self.low, self.high) if edge is not None]
        return (edges[1] - edges[0]) / 2 if len(edges) == 2 else abs(edges[0]) or 1.0

    def distance(self, values: np.ndarray) -> np.ndarray:
        """Distance to the nearest edge, above 0 inside."""
        below = np.inf if self.low is None else values - self.low
        above = np.inf if self.high is None else self.high - values
        return np.minimum(below, above) / self.unit


class Settings(UntrainedSettings):
    """Rectangular cuts as a score."""

    cuts: tuple[Cut, ...] = Field(min_length=1, description="Cuts; all must be passed.")

    @model_validator(mode="after")
    def _features(self) -> Settings:
        feature_names(self.features)
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """Features that are cut on."""
        return tuple(cut.feature for cut in self.cuts)


@dataclass(frozen=True)
class Cuts:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Untrained:
        """See `Detector.fit`.

        Raises:
            BadValueError: a feature is not finite or constant.
        """
        feature_matrix(data, self.settings.features, context)

        def score(events: Events) -> np.ndarray:
            values = [cut.distance(events.features[cut.feature]) for cut in self.settings.cuts]
            return np.min(values, axis=0)

        return Untrained(score, context)


def build(settings: Settings) -> Cuts:
    """The detector of these settings."""
    return Cuts(settings, Needs(features=settings.features, side_bands=False))
