"""CURTAINs-like transport: side-band events are carried to masses of the signal region (arXiv:2203.09470).

With z = F(x; m) the conditional flow of both side bands, an event of the side bands at mass m is moved to

    x' = F^-1(F(x; m); m'),

m' being a mass of the signal region, from a kernel density estimate of those of the data. The map is the
identity for m' = m, its inverse is the map from m' to m, and it takes p(x | m) to p(x | m') as far as the
flow is right. A classifier learns to tell data of the signal region from the events so moved: a template
made of events, not of random numbers.

The paper's map is one invertible network that is conditioned on both masses and trained by optimal
transport, later by maximum likelihood with a second flow as the base density (arXiv:2211.02487,
2305.04646). Here the map is composed of one flow and its inverse, which needs no second training and is
exact in the same limit.

An event outside the signal region is scored where it is carried to, at one mass of the signal region that a
hash of the event picks: its score is then distributed as that of a background event in the signal region,
and a threshold set on the side bands holds there, even where features follow the mass. Beyond the side
bands of its window an event's own mass is first moved to their edge, where the flow was trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from resonaut.detect.interface import Context, Data, Events, Needs, Scores
from resonaut.detect.templates import FittedTemplates, TemplateSettings
from resonaut.settings import Count


class Settings(TemplateSettings):
    """CURTAINs-like transport."""

    oversampling: Count = Field(
        2, ge=1, description="Masses of the signal region that each side-band event is carried to."
    )


@dataclass(frozen=True)
class Fitted(FittedTemplates):
    """Flows, classifiers of features, and the masses to carry events to.

    Attributes:
        pools: GeV, of the signal region's events of the other folds, one array per window and fold.
    """

    pools: tuple[np.ndarray, ...]

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        from resonaut.detect.background import seed_of, task_names
        from resonaut.detect.masses import picked_masses

        features, fold = self.read(events)
        score = np.empty((len(self.context.windows), len(events)), np.float32)
        for task, pool in zip(task_names(self.context, self.settings.n_folds), self.pools, strict=True):
            rows = np.flatnonzero(fold == task.fold)
            window = self.context.windows[task.window]
            target = picked_masses(
                pool,
                events.split_hash[rows],
                1,
                window,
                self.settings.kde_bandwidth,
                seed_of(self.context, task, "scored masses"),
            )[:, 0]
            # All events are carried and some of that thrown away: shapes, and so last digits, then do not
            # depend on which event is in which region.
            moved = self.background.transport(task, features[rows], events.mass[rows], target)
            inside = events.regions[task.window, rows] == 1
            values = np.where(inside[:, None], features[rows], moved)
            score[task.window, rows] = self.classifiers.score_by(task.name, task.fold, values)
        return Scores(score, fold.astype(np.int32))


@dataclass(frozen=True)
class Curtains:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `interface.Detector.fit`.

        Raises:
            EmptyWindowError: a fold has no event in a signal region.
        """
        from resonaut.detect import templates
        from resonaut.detect.background import fit_background, task_names
        from resonaut.detect.classify import fit_classifiers

        settings = self.settings
        features, fold = templates.start(data, settings, context)
        background = fit_background(features, data, fold, settings, context)
        table, pools = templates.Table(), []
        own = table.add(features)
        for task in task_names(context, settings.n_folds):
            region = data.regions[task.window]
            inside = np.flatnonzero((region == 1) & (fold != task.fold))
            outside = np.flatnonzero((region == 0) & (fold != task.fold))
            target = templates.target_masses(data, fold, task, inside, outside, settings, context)
            source = np.repeat(outside, settings.oversampling)
            moved = background.transport(task, features[source], data.mass[source], target.ravel())
            table.add_task(task, (own[inside], fold[inside]), (table.add(moved), fold[source]))
            pools.append(data.mass[inside])
        classifiers = fit_classifiers(table.rows, table.tasks, settings, context, classes=templates.CLASSES)
        return Fitted(settings, context, background, classifiers, tuple(pools))


def build(settings: Settings) -> Curtains:
    """The detector of these settings."""
    return Curtains(settings, Needs(features=settings.features))
