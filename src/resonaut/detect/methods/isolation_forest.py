"""An isolation forest of features (Liu, Ting, Zhou, doi:10.1109/ICDM.2008.17): a plain baseline.

Trees cut the features at random until an event stands alone; few cuts mean a rare event. The score of
section 2 there, 2^(-E[h(x)] / c(n)), is between 0 and 1. It sees points that are unlike all others; an
over-density of ordinary events, which a resonance may be, is invisible to it. Nothing depends on masses
or side bands, so one forest per fold serves all windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from resonaut.detect.interface import Context, Data, Events, Needs, Scores
from resonaut.detect.settings import FeatureDetectorSettings
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History


class Settings(FeatureDetectorSettings):
    """Isolation forest."""

    n_trees: Count = Field(100, ge=1, description="Trees per fold.")
    sample_size: Count = Field(256, ge=2, description="Events that grow one tree, drawn without replacement.")


@dataclass(frozen=True)
class IsolationForest:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        from sklearn import ensemble

        from resonaut.detect import folds

        settings = self.settings
        folds.check_windows(data, context, settings.min_events)
        values = folds.feature_matrix(data, settings.features, context)
        fold = folds.folds(data, context, settings.n_folds)
        forests = []
        for number in range(settings.n_folds):
            others = values[fold != number]
            names = ("detect", context.method, context.mixture, f"fold {number}")
            forest = ensemble.IsolationForest(
                n_estimators=settings.n_trees,
                max_samples=min(settings.sample_size, len(others)),
                random_state=integer_seed(context.seed, *names, bits=32),
            )
            forests.append(forest.fit(others))
        return Fitted(settings, context, tuple(forests))


@dataclass(frozen=True)
class Fitted:
    """One forest per fold."""

    settings: Settings
    context: Context
    forests: tuple[Any, ...]
    n_networks: int = 0
    n_parameters: int = 0

    @property
    def history(self) -> History:
        """No network was trained."""
        from resonaut.nn.ensemble import History

        none = np.zeros((0, 0), np.float32)
        return History(none, none, np.zeros(0, np.int64))

    def score(self, events: Events) -> Scores:
        """See `Fitted.score`."""
        from resonaut.detect import folds

        values = folds.feature_matrix(events, self.settings.features, self.context)
        fold = folds.folds(events, self.context, self.settings.n_folds)
        score = np.empty(len(values), np.float32)
        for number, forest in enumerate(self.forests):
            rows = np.flatnonzero(fold == number)
            if len(rows):
                score[rows] = -forest.score_samples(values[rows])
        return Scores(np.repeat(score[None], len(self.context.windows), axis=0), fold.astype(np.int32))


def build(settings: Settings) -> IsolationForest:
    """The detector of these settings."""
    return IsolationForest(settings, Needs(features=settings.features, side_bands=False))
