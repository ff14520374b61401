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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from resonaut import settings as base
from resonaut.detect.classify import ClassifierSettings, FittedClassifiers, Problem, Task, fit_together
from resonaut.detect.folds import check_windows, feature_matrix, folds
from resonaut.detect.interface import Context, Data, Events, Needs
from resonaut.detect.weights import planing
from resonaut.logs import log
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
    split: Literal["folds", "half", "none"] = Field(
        "folds",
        description="folds: each event is scored by what was learnt from other folds. half: one half trains "
        "and the other is searched: calibrated, for the search knows nothing of its events, and weaker, for "
        "it sees half of them. none: events are scored by what was trained on them, which gives wrong "
        "p-values (arXiv:2512.13787); for studies of that only.",
    )

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
        return self.fit_many([data], [context])[0]

    def fit_many(self, datas: Sequence[Data], contexts: Sequence[Context]) -> list[FittedClassifiers]:
        """Fit several mixtures, the networks of all as one batched program; see `Detector.fit`."""
        settings = self.settings
        if settings.split == "none":
            log.warning(
                "%s.split is 'none': events are scored by what was trained on them. Its p-values are wrong; "
                "use 'folds' or 'half' for a search.",
                contexts[0].where,
            )
        problems = []
        for data, context in zip(datas, contexts, strict=True):
            check_windows(data, context, settings.min_events)
            table = feature_matrix(data, settings.features, context)
            fold = scored_fold(data, context, settings)
            problems.append(Problem(table, tasks(data, fold, settings, context), context))
        fitted = fit_together(problems, settings, penalty=_penalty(datas, settings))
        return [
            FittedClassifiers(
                each, settings, context, folding=partial(scored_fold, context=context, settings=settings)
            )
            for each, context in zip(fitted, contexts, strict=True)
        ]


def build(settings: Settings) -> Cwola:
    """The detector of these settings."""
    return Cwola(settings, Needs(features=settings.features))


def scored_fold(events: Events, context: Context, settings: Settings) -> np.ndarray:
    """Fold of each event, (n,); -1 where it is learnt from and not scored."""
    if settings.split == "folds":
        return folds(events, context, settings.n_folds)
    if settings.split == "half":
        return folds(events, context, 2, "half") - 1
    return np.zeros(len(events), np.int64)


def tasks(data: Data, fold: np.ndarray, settings: Settings, context: Context) -> list[Task]:
    """Signal region against side bands, for each window and fold; each of the other folds is a part.

    Where one half or nothing is left out, there is one fold, and parts are drawn by a hash of their own.

    Args:
        data: the events.
        fold: (n,) fold of each, see `scored_fold`.
        settings: folds and planing.
        context: the windows.
    """
    found = []
    in_folds = settings.split == "folds"
    parts = fold if in_folds else folds(data, context, settings.n_folds, "part")
    for window, region in zip(context.windows, data.regions, strict=True):
        for scored in range(settings.n_folds if in_folds else 1):
            learnt = fold != scored if settings.split != "none" else np.ones(len(fold), bool)
            rows = np.flatnonzero((region >= 0) & learnt)
            weight = np.ones(len(rows))
            if settings.planing:
                weight = planing(data.mass[rows], region[rows], window, settings.planing_bins)
            part = (parts[rows] - scored - 1) % settings.n_folds
            found.append(Task(window.name, scored, rows, region[rows], weight, part))
    return found


def _penalty(datas: Sequence[Data], settings: Settings) -> object:
    """DisCo, if it is asked for."""
    if not settings.decorrelation.disco:
        return None
    import torch

    from resonaut.nn.device import choose
    from resonaut.nn.disco import DistanceCorrelation

    # In TeV: in single precision distances keep more digits.
    mass = np.concatenate([data.mass / 1e3 for data in datas]).astype(np.float32)
    mass = torch.from_numpy(mass).to(choose(settings.training.device))
    return DistanceCorrelation(mass, settings.decorrelation.disco)
