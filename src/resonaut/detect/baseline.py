"""What detectors share that learn from the events of the other folds, but train no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.detect.interface import Context, Events, Scores
from resonaut.detect.settings import FeatureSettings, FoldedSettings
from resonaut.nn.settings import TrainingSettings

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History

_SLICE = 1 << 14


class BaselineSettings(FeatureSettings, FoldedSettings):
    """A plain score of features."""

    @property
    def training(self) -> TrainingSettings:
        """No network is trained, and no device is needed."""
        return TrainingSettings(device="cpu")


@dataclass(frozen=True)
class FittedBaseline:
    """One scorer per fold, the same for all windows; see `interface.Fitted`.

    Attributes:
        settings, context: of the detector.
        scorers: for each fold a function of (n, n_features) float32 features, which gives (n,) scores.
    """

    settings: BaselineSettings
    context: Context
    scorers: tuple[Callable[[np.ndarray], np.ndarray], ...]
    n_networks: int = 0
    n_parameters: int = 0

    @property
    def history(self) -> History:
        """No network was trained."""
        from resonaut.nn.ensemble import History

        none = np.zeros((0, 0), np.float32)
        return History(none, none, np.zeros(0, np.int64))

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        from resonaut.detect import folds

        values = folds.feature_matrix(events, self.settings.features, self.context)
        fold = folds.folds(events, self.context, self.settings.n_folds)
        score = np.empty(len(values), np.float32)
        for number, scorer in enumerate(self.scorers):
            rows = np.flatnonzero(fold == number)
            for start in range(0, len(rows), _SLICE):
                part = rows[start : start + _SLICE]
                score[part] = scorer(values[part])
        return Scores(np.repeat(score[None], len(self.context.windows), axis=0), fold.astype(np.int32))
