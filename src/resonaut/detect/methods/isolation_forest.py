"""An isolation forest of features (Liu, Ting, Zhou, doi:10.1109/ICDM.2008.17): a plain baseline.

Trees cut the features at random until an event stands alone; few cuts mean a rare event. The score of
section 2 there, 2^(-E[h(x)] / c(n)), is between 0 and 1. It sees points that are unlike all others; an
over-density of ordinary events, which a resonance may be, is invisible to it. Nothing depends on masses
or side bands, so one forest per fold serves all windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from resonaut.detect.baseline import BaselineSettings, FittedBaseline
from resonaut.detect.interface import Context, Data, Needs
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


class Settings(BaselineSettings):
    """Isolation forest."""

    n_trees: Count = Field(100, ge=1, description="Trees per fold.")
    sample_size: Count = Field(256, ge=2, description="Events that grow one tree, drawn without replacement.")


@dataclass(frozen=True)
class IsolationForest:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedBaseline:
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
        return FittedBaseline(settings, context, tuple(map(_scorer, forests)))


def build(settings: Settings) -> IsolationForest:
    """The detector of these settings."""
    return IsolationForest(settings, Needs(features=settings.features, side_bands=False))


def _scorer(forest: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The score of a forest; scikit-learn's falls where an event is odd."""
    return lambda values: -forest.score_samples(values)
