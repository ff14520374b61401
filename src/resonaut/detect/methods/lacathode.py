"""LaCATHODE: CATHODE in the latent space of the flow, against sculpting (arXiv:2210.14924).

A flow of the side bands takes features x at mass m to latent variables z, which are standard normal for the
background at any mass. The classifier tells the z of the data in the signal region from draws of N(0, 1).
All events are scored at their z, those of the side bands at the masses that they have: the background's
scores then follow one distribution at all masses, a threshold set on the side bands holds in the signal
region, and a selection does not shape the mass spectrum, even where the features follow the mass.

Beyond the side bands of its window, an event's mass is moved to their edge, where the flow was trained. The
draws are `oversampling` times as many as the data; the paper takes flow and classifier from
arXiv:2109.00546.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.detect.interface import Context, Data, Events, Needs, Scores
from resonaut.detect.templates import FittedTemplates, TemplateSettings


class Settings(TemplateSettings):
    """LaCATHODE."""


@dataclass(frozen=True)
class Fitted(FittedTemplates):
    """Flows, and classifiers of their latent variables."""

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        from resonaut.detect.background import task_names

        features, fold = self.read(events)
        score = np.empty((len(self.context.windows), len(events)), np.float32)
        for task in task_names(self.context, self.settings.n_folds):
            rows = np.flatnonzero(fold == task.fold)
            latent = self.background.latent(task, features[rows], events.mass[rows])
            score[task.window, rows] = self.classifiers.score_by(task.name, task.fold, latent)
        return Scores(score, fold.astype(np.int32))


@dataclass(frozen=True)
class Lacathode:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `interface.Detector.fit`."""
        from resonaut.detect import templates
        from resonaut.detect.background import fit_background, seed_of, task_names
        from resonaut.detect.classify import fit_classifiers
        from resonaut.detect.masses import normals

        settings = self.settings
        features, fold = templates.start(data, settings, context)
        background = fit_background(features, data, fold, settings, context)
        table, n_features = templates.Table(), features.shape[1]
        for task in task_names(context, settings.n_folds):
            draws = templates.draw(data, fold, task, settings, context)
            own = background.latent(task, features[draws.parents], data.mass[draws.parents])
            numbers = normals(
                data.split_hash[draws.parents],
                settings.oversampling * n_features,
                seed_of(context, task, "latent"),
            )
            template = table.add(numbers.reshape(-1, n_features).astype(np.float32))
            table.add_task(task, (table.add(own), fold[draws.parents]), (template, draws.part))
        classifiers = fit_classifiers(table.rows, table.tasks, settings, context, classes=templates.CLASSES)
        return Fitted(settings, context, background, classifiers)


def build(settings: Settings) -> Lacathode:
    """The detector of these settings."""
    return Lacathode(settings, Needs(features=settings.features))
