"""Distance to the k nearest events (Ramaswamy, Rastogi, Shim, doi:10.1145/335191.335437): a plain baseline.

Far from all others is rare. Features are standardised with the events of the other folds, among which the
neighbours are sought; an event's own fold is never one of its neighbours. Masses and side bands are not used,
so all windows have the same score. For many neighbours, the distance to the k-th is a density estimate:
p(x) ~ k / (n V r_k^d) with V the volume of the unit sphere (Loftsgaarden, Quesenberry,
doi:10.1214/aoms/1177700079), so this is also the crudest `density` detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from resonaut.detect.baseline import BaselineSettings, FittedBaseline
from resonaut.detect.interface import Context, Data, Needs
from resonaut.errors import TrainingError
from resonaut.seeds import integer_seed, mix64
from resonaut.settings import Count


class Settings(BaselineSettings):
    """Distance to nearest neighbours."""

    k: Count = Field(20, ge=1, description="Neighbours.")
    distance: Literal["kth", "mean"] = Field(
        "kth", description="The score: the distance to the k-th neighbour, or the mean over the first k."
    )
    n_reference_max: Count = Field(
        50_000, ge=1, description="Events of the other folds among which neighbours are sought, at most."
    )


@dataclass(frozen=True)
class NearestNeighbours:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedBaseline:
        """See `Detector.fit`.

        Raises:
            TrainingError: fewer than k events are left beside a fold.
        """
        from scipy.spatial import cKDTree

        from resonaut.detect import folds

        settings = self.settings
        folds.check_windows(data, context, settings.min_events)
        values = folds.feature_matrix(data, settings.features, context)
        fold = folds.folds(data, context, settings.n_folds)
        key = np.uint64(integer_seed(context.seed, "detect", context.method, "order"))
        order = np.argsort(mix64(data.split_hash ^ key), kind="stable")
        references = []
        for number in range(settings.n_folds):
            others = values[order[fold[order] != number][: settings.n_reference_max]].astype(np.float64)
            if len(others) < settings.k:
                raise TrainingError(
                    f"{context.where}: {len(others)} events of mixture '{context.mixture}' are left beside "
                    f"fold {number}, at least {settings.k} are needed ({context.where}.k); lower k or "
                    "n_folds, or add events."
                )
            width = others.std(axis=0)
            shift, scale = others.mean(axis=0), np.where(width > 0, width, 1.0)
            references.append(_Reference(settings, shift, scale, cKDTree((others - shift) / scale)))
        return FittedBaseline(settings, context, tuple(references))


@dataclass(frozen=True)
class _Reference:
    """Standardised events of the other folds."""

    settings: Settings
    shift: np.ndarray
    scale: np.ndarray
    tree: Any

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(n,) distance of the (n, n_features) values to their k-th neighbour, or the mean over k of them."""
        near = np.arange(1, self.settings.k + 1)
        distances = self.tree.query((values - self.shift) / self.scale, k=near)[0]
        return distances[:, -1] if self.settings.distance == "kth" else distances.mean(axis=1)


def build(settings: Settings) -> NearestNeighbours:
    """The detector of these settings."""
    return NearestNeighbours(settings, Needs(features=settings.features, side_bands=False))
