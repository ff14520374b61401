"""CWoLa hunting: a classifier of signal region against side bands (arXiv:1708.02949, 1805.02664, 1902.02634).

For each window, networks learn to tell events in the signal region from events in its side bands; where the
features do not follow the mass, the best such classifier is the best classifier of signal against background
(arXiv:1708.02949, theorem 1). The events of fold f are scored by networks that saw nothing of fold f: each is
trained on the other folds but one, which validates it, and that one rotates with the restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, field_validator

from resonaut.detect.interface import Context, Data, Needs, Scores
from resonaut.detect.settings import DetectorSettings
from resonaut.errors import EmptyWindowError
from resonaut.nn.settings import TrainingSettings
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.nn.ensemble import Member, Sample


class Settings(DetectorSettings):
    """CWoLa hunting."""

    features: tuple[str, ...] = Field(
        min_length=1, description="Columns of the features files; none may follow the mass."
    )
    n_folds: Count = Field(
        5, ge=3, description="Folds; one is scored, one validates, the others train, in all rotations."
    )
    n_restarts: Count = Field(4, ge=1, description="Networks per window and fold; their mean is the score.")
    hidden: tuple[Count, ...] = Field((64, 64, 64), min_length=1, description="Sizes of the hidden layers.")
    keep: Literal["average", "best"] = Field(
        "average",
        description="Weights that are kept: a running average over all epochs (training.patience is not "
        "used), or those of the epoch with the best validation loss.",
    )
    min_events: Count = Field(
        50, ge=1, description="Fewest events in a signal region, and in its side bands together."
    )
    training: TrainingSettings = TrainingSettings(epochs=40, batch_size=512, learning_rate=2e-3, patience=10)

    @field_validator("features")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a feature is named twice")
        return value


@dataclass(frozen=True)
class Cwola:
    """The detector."""

    settings: Settings
    needs: Needs

    def score(self, data: Data, context: Context) -> Scores:
        """See `Detector.score`."""
        import torch

        from resonaut.detect import folds
        from resonaut.nn import ensemble, stacked
        from resonaut.nn.device import choose

        settings = self.settings
        folds.check_windows(data, context, settings.min_events)
        features = folds.feature_matrix(data, settings.features, context)
        fold = folds.folds(data, context, settings.n_folds)
        table = torch.from_numpy(features).to(choose(settings.training.device))
        samples, members, scored_by = _plan(data, fold, settings, context)
        trained = ensemble.train(
            table,
            samples,
            members,
            settings.hidden,
            "cross_entropy",
            settings.training,
            average=settings.keep == "average",
            networks_per_batch=settings.networks_per_batch,
            what=context.where,
        )
        score = np.empty(data.regions.shape, np.float32)
        for number in range(settings.n_folds):
            rows = np.flatnonzero(fold == number)
            each = trained.scores(table, scored_by[:, number].ravel(), rows)
            score[:, rows] = each.reshape(len(score), settings.n_restarts, len(rows)).mean(1)
        return Scores(
            score=score,
            fold=fold.astype(np.int32),
            history=trained.history,
            n_networks=len(members),
            n_parameters=stacked.n_parameters(trained.sizes),
        )


def build(settings: Settings) -> Cwola:
    """The detector of these settings."""
    return Cwola(settings, Needs(features=settings.features))


def _plan(
    data: Data, fold: np.ndarray, settings: Settings, context: Context
) -> tuple[list[Sample], list[Member], np.ndarray]:
    """Samples, networks, and which networks score a fold, (n_windows, n_folds, n_restarts)."""
    from resonaut.nn.ensemble import Member

    samples: list[Sample] = []
    members: list[Member] = []
    for window, region in zip(context.windows, data.regions, strict=True):
        numbers: dict[tuple[bool, frozenset[int]], int] = {}
        for scored in range(settings.n_folds):
            for restart in range(settings.n_restarts):
                validates = (scored + 1 + restart % (settings.n_folds - 1)) % settings.n_folds
                pair = []
                for training in (True, False):
                    # Training without folds a and b is the same whether a is scored and b validates or not.
                    part = frozenset((scored, validates) if training else (validates,))
                    if (training, part) not in numbers:
                        chosen = (region >= 0) & (np.isin(fold, list(part)) != training)
                        numbers[training, part] = len(samples)
                        samples.append(_balanced(chosen, region, window.name, settings, context))
                    pair.append(numbers[training, part])
                names = ("detect", context.method, context.mixture, window.name)
                seed = integer_seed(context.seed, *names, f"fold {scored}", f"restart {restart}")
                members.append(Member(seed, *pair))
    return samples, members, np.arange(len(members)).reshape(-1, settings.n_folds, settings.n_restarts)


def _balanced(
    chosen: np.ndarray, region: np.ndarray, window: str, settings: Settings, context: Context
) -> Sample:
    """Events as a sample in which signal region and side bands have the same sum of weights."""
    from resonaut.nn.ensemble import Sample

    rows = np.flatnonzero(chosen)
    counts = np.bincount(region[rows], minlength=2)
    if not counts.all():
        raise EmptyWindowError(
            f"scan.windows ({window} GeV): {counts[1]} events of the signal region and {counts[0]} of the "
            f"side bands are in one part of the {settings.n_folds} folds, at least 1 of each is needed; "
            f"lower {context.where}.n_folds, move or widen the window, or add events."
        )
    return Sample(rows, 1.0 / counts[region[rows]], region[rows])
