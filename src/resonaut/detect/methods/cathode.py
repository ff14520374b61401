"""CATHODE: data of a signal region against a template from a flow of its side bands (arXiv:2109.00546).

A conditional density p(x | m) is fitted to the side bands; features are drawn from it at masses of the
signal region, several times as many as there are data, and a classifier learns to tell data from template.
Where the flow is right, the best such classifier grows with p_data(x) / p_background(x), whether or not the
features follow the mass: this is what plain CWoLa hunting lacks.

Side-band events are scored by the same classifier, at their features as they are. Where features do not
follow the mass, thresholds set on the side bands hold in the signal region; where they do, the classifier
is used away from where it was trained, and a selection may shape the mass spectrum (arXiv:2210.14924): use
`lacathode` then.

The paper's flow has 15 blocks of 128 hidden units and 100 epochs; its classifiers train for 100 epochs on
batches of 128, and the template is about 4 times the data, as here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.detect.interface import Context, Data, Events, Needs, Scores
from resonaut.detect.templates import FittedTemplates, TemplateSettings


class Settings(TemplateSettings):
    """CATHODE."""


@dataclass(frozen=True)
class Fitted(FittedTemplates):
    """Classifiers of features."""

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        features, fold = self.read(events)
        return Scores(self.classifiers.score(features, fold), fold.astype(np.int32))


@dataclass(frozen=True)
class Cathode:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `interface.Detector.fit`."""
        from resonaut.detect import templates
        from resonaut.detect.background import fit_background, seed_of, task_names
        from resonaut.detect.classify import fit_classifiers

        settings = self.settings
        features, fold = templates.start(data, settings, context)
        background = fit_background(features, data, fold, settings, context)
        table = templates.Table()
        own = table.add(features)
        for task in task_names(context, settings.n_folds):
            draws = templates.draw(data, fold, task, settings, context)
            made = background.sample(task, draws.mass, seed_of(context, task, "features"))
            template = (table.add(made), draws.part)
            table.add_task(task, (own[draws.parents], fold[draws.parents]), template)
        classifiers = fit_classifiers(table.rows, table.tasks, settings, context, classes=templates.CLASSES)
        return Fitted(settings, context, background, classifiers)


def build(settings: Settings) -> Cathode:
    """The detector of these settings."""
    return Cathode(settings, Needs(features=settings.features))
