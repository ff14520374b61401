"""An autoencoder of jet images (arXiv:1808.08979, 1808.08992): what it cannot draw again is anomalous.

Dense networks learn the images of the mixture's own jets, each fold's from the other folds; a jet's score is
its mean squared error, an event's the sum or the largest over its jets. Masses and side bands are not used,
so one set of networks serves all windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from resonaut.detect.interface import Context, Data, Needs, Scores
from resonaut.detect.settings import DetectorSettings
from resonaut.errors import BadValueError, TrainingError
from resonaut.nn.settings import TrainingSettings
from resonaut.seeds import integer_seed, mix64
from resonaut.settings import Count

_MIN_JETS = 10


class Settings(DetectorSettings):
    """Autoencoder of jet images."""

    n_folds: Count = Field(2, ge=2, description="Folds; each is scored by networks trained on the others.")
    n_restarts: Count = Field(1, ge=1, description="Networks per fold; their mean is the score.")
    hidden: tuple[Count, ...] = Field((128, 32), min_length=1, description="Layers before the bottleneck.")
    bottleneck: Count = Field(6, ge=1, description="Size of the latent space.")
    combine: Literal["sum", "max"] = Field("sum", description="An event's score from those of its jets.")
    n_jets_max: Count = Field(20_000, ge=_MIN_JETS, description="Jets that train one network, at most.")
    validation_parts: Count = Field(
        5, ge=2, description="One of so many parts of the training events validates; another one per restart."
    )
    training: TrainingSettings = TrainingSettings(epochs=15, batch_size=256, learning_rate=1e-3, patience=3)

    def representations(self) -> list[str]:
        """Kinds of representation that this detector reads."""
        return ["images"]


@dataclass(frozen=True)
class Autoencoder:
    """The detector."""

    settings: Settings
    needs: Needs

    def score(self, data: Data, context: Context) -> Scores:
        """See `Detector.score`."""
        import torch

        from resonaut.detect.folds import folds
        from resonaut.nn import ensemble, stacked
        from resonaut.nn.device import choose

        settings = self.settings
        images = _jets(data, context)
        n_jets = len(images) // len(data)
        fold = folds(data, context, settings.n_folds)
        part = folds(data, context, settings.validation_parts, "validation")
        order = mix64(
            data.split_hash ^ np.uint64(integer_seed(context.seed, "detect", context.method, "order"))
        )
        samples, members = [], []
        for number in range(settings.n_folds):
            for restart in range(settings.n_restarts):
                validates = part == restart % settings.validation_parts
                limits = (
                    settings.n_jets_max,
                    max(_MIN_JETS, settings.n_jets_max // settings.validation_parts),
                )
                for events, limit in zip((~validates, validates), limits, strict=True):
                    rows = _jets_of((fold != number) & events, order, n_jets, limit)
                    if len(rows) < _MIN_JETS:
                        raise TrainingError(
                            f"{context.where}: {len(rows)} jets of mixture '{context.mixture}' are left to "
                            f"train or validate one network, at least {_MIN_JETS} are needed; lower n_folds "
                            "or add events."
                        )
                    samples.append(ensemble.Sample(rows, np.ones(len(rows))))
                names = ("detect", context.method, context.mixture, f"fold {number}", f"restart {restart}")
                seed = integer_seed(context.seed, *names)
                members.append(ensemble.Member(seed, len(samples) - 2, len(samples) - 1))
        table = torch.from_numpy(images).to(choose(settings.training.device))
        trained = ensemble.train(
            table,
            samples,
            members,
            (*settings.hidden, settings.bottleneck, *settings.hidden[::-1]),
            "reconstruction",
            settings.training,
            networks_per_batch=settings.networks_per_batch,
            what=context.where,
        )
        loss = np.empty((len(data), n_jets), np.float32)
        for number in range(settings.n_folds):
            events = np.flatnonzero(fold == number)
            rows = (events[:, None] * n_jets + np.arange(n_jets)).ravel()
            of_fold = number * settings.n_restarts + np.arange(settings.n_restarts)
            loss[events] = trained.scores(table, of_fold, rows).mean(0).reshape(-1, n_jets)
        event_score = loss.sum(1) if settings.combine == "sum" else loss.max(1)
        return Scores(
            score=np.repeat(event_score[None], len(context.windows), axis=0),
            fold=fold.astype(np.int32),
            history=trained.history,
            n_networks=len(members),
            n_parameters=stacked.n_parameters(trained.sizes),
        )


def build(settings: Settings) -> Autoencoder:
    """The detector of these settings."""
    return Autoencoder(settings, Needs(images=True, side_bands=False))


def _jets(data: Data, context: Context) -> np.ndarray:
    """One row of pixels per jet: (n_events * n_jets, P * P)."""
    images = data.images
    bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
    if len(bad):
        raise BadValueError(
            f"{context.where}: {len(bad)} of {len(data)} events of mixture '{context.mixture}' have pixels "
            "that are not finite; make the images again."
        )
    return images.reshape(images.shape[0] * images.shape[1], -1)


def _jets_of(events: np.ndarray, order: np.ndarray, n_jets: int, limit: int) -> np.ndarray:
    """Rows of the jets of the chosen events: whole events by their hash, at most `limit` rows."""
    chosen = np.flatnonzero(events)
    chosen = np.sort(chosen[np.argsort(order[chosen], kind="stable")][: max(1, limit // n_jets)])
    return (chosen[:, None] * n_jets + np.arange(n_jets)).ravel()
