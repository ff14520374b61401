"""CWoLa hunting: a classifier of signal region against side bands (arXiv:1708.02949, 1805.02664, 1902.02634).

For each window, classifiers learn to tell events in the signal region from events in its side bands; where
the features do not follow the mass, the best such classifier is the best classifier of signal against
background (arXiv:1708.02949, theorem 1). The events of fold f are scored by classifiers that saw nothing of
fold f: each is trained on the other folds but one, which validates it, and that one rotates with the restart.

Where features do follow the mass, two remedies: planing, weights that make the mass flat (arXiv:1908.08959),
and DisCo, a term of the loss that grows with the distance correlation of score and mass (arXiv:2001.05310;
here over all training events, for those of the background are not known).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.detect.classify import ClassifierSettings, FittedClassifiers, Task, fit_classifiers
from resonaut.detect.folds import check_windows, feature_matrix, folds
from resonaut.detect.interface import Context, Data, Needs
from resonaut.detect.weights import planing
from resonaut.settings import Count


class Decorrelation(base.Settings):
    """Terms of the loss against sculpting."""

    disco: float = Field(
        0.0,
        ge=0,
        description="Strength of the distance correlation of score and mass in the loss; 0: none "
        "(arXiv:2001.05310).",
    )


class Settings(ClassifierSettings):
    """CWoLa hunting."""

    planing: bool = Field(
        False,
        description="Weight the training events so that the mass is flat in the signal region and in the "
        "side bands (arXiv:1908.08959).",
    )
    planing_bins: Count = Field(
        10, ge=1, description="Bins of the mass in the signal region and in each side band, for planing."
    )
    decorrelation: Decorrelation = Decorrelation()

    @model_validator(mode="after")
    def _trees_have_no_gradient(self) -> Settings:
        if self.decorrelation.disco and self.classifier == "trees":
            raise ValueError(
                "decorrelation.disco: it is a term of the loss of networks; set classifier: network, or use "
                "planing: true with trees"
            )
        return self


@dataclass(frozen=True)
class Cwola:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedClassifiers:
        """See `Detector.fit`."""
        settings = self.settings
        check_windows(data, context, settings.min_events)
        table = feature_matrix(data, settings.features, context)
        fold = folds(data, context, settings.n_folds)
        fitted = fit_classifiers(
            table, tasks(data, fold, settings, context), settings, context, penalty=_penalty(data, settings)
        )
        return FittedClassifiers(fitted, settings, context)


def build(settings: Settings) -> Cwola:
    """The detector of these settings."""
    return Cwola(settings, Needs(features=settings.features))


def tasks(data: Data, fold: np.ndarray, settings: Settings, context: Context) -> list[Task]:
    """Signal region against side bands, for each window and fold; each of the other folds is a part.

    Args:
        data: the events.
        fold: (n,) fold of each.
        settings: folds and planing.
        context: the windows.
    """
    found = []
    for window, region in zip(context.windows, data.regions, strict=True):
        for scored in range(settings.n_folds):
            rows = np.flatnonzero((region >= 0) & (fold != scored))
            weight = np.ones(len(rows))
            if settings.planing:
                weight = planing(data.mass[rows], region[rows], window, settings.planing_bins)
            part = (fold[rows] - scored - 1) % settings.n_folds
            found.append(Task(window.name, scored, rows, region[rows], weight, part))
    return found


def _penalty(data: Data, settings: Settings) -> object:
    """DisCo, if it is asked for."""
    if not settings.decorrelation.disco:
        return None
    import torch

    from resonaut.nn.device import choose
    from resonaut.nn.disco import DistanceCorrelation

    # In TeV: in single precision distances keep more digits.
    mass = torch.from_numpy((data.mass / 1e3).astype(np.float32)).to(choose(settings.training.device))
    return DistanceCorrelation(mass, settings.decorrelation.disco)
