"""Background templates: events as they would be in a signal region without a signal.

Features come from `background`; the masses at which it is evaluated from a kernel density estimate of the
masses in the signal region (arXiv:2109.00546), so that features which follow the mass are distributed as in
the data. A classifier then tells data from template.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from resonaut.detect.background import Background, TaskName, seed_of
from resonaut.detect.classify import ClassifierSettings, Task
from resonaut.detect.folds import check_windows, feature_matrix, folds
from resonaut.detect.interface import Context, Data, Events
from resonaut.detect.masses import kernel_masses, normals, picked_masses
from resonaut.errors import EmptyWindowError
from resonaut.nn.flows import FlowSettings
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.detect.classify import Classifiers
    from resonaut.nn.ensemble import History


CLASSES = ("the template", "the signal region")
"""What events of target 0 and 1 are, for messages."""


class TemplateSettings(ClassifierSettings):
    """A flow of the side bands, and a classifier of data against its template."""

    flow: FlowSettings = FlowSettings()
    oversampling: Count = Field(
        4,
        ge=1,
        description="Events of the template per event of the signal region; their weights are balanced.",
    )
    kde_bandwidth: float = Field(
        0.01,
        ge=0,
        description="Width of the Gaussian kernel around each mass of the signal region, in the logit of its "
        "position between the edges.",
    )


def start(data: Data, settings: TemplateSettings, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, n_features) and fold (n,) of the events to learn from, after all checks.

    Raises:
        EmptyWindowError: a window has too few events.
        BadValueError: a feature is not finite or constant.
    """
    check_windows(data, context, settings.min_events)
    return feature_matrix(data, settings.features, context), folds(data, context, settings.n_folds)


@dataclass(frozen=True)
class Draws:
    """Masses of a template: `oversampling` of them for each event of the signal region.

    Attributes:
        parents: (n,) rows of the signal region's events of the other folds.
        mass: (n * k,) GeV, from the kernel density estimate.
        part: (n * k,) the fold of each one's parent.
    """

    parents: np.ndarray
    mass: np.ndarray
    part: np.ndarray


def draw(data: Data, fold: np.ndarray, task: TaskName, settings: TemplateSettings, context: Context) -> Draws:
    """Masses for a window, out of one fold."""
    parents = np.flatnonzero((data.regions[task.window] == 1) & (fold != task.fold))
    copies = settings.oversampling
    noise = normals(data.split_hash[parents], copies, seed_of(context, task, "masses"))
    window = context.windows[task.window]
    return Draws(
        parents,
        mass=kernel_masses(data.mass[parents], window, noise, settings.kde_bandwidth).ravel(),
        part=np.repeat(fold[parents], copies),
    )


def target_masses(
    data: Data,
    fold: np.ndarray,
    task: TaskName,
    inside: np.ndarray,
    outside: np.ndarray,
    settings: TemplateSettings,
    context: Context,
) -> np.ndarray:
    """Masses of the signal region for side-band events, each from signal-region events of its own fold.

    Training and validation thus share no event, not even by its mass.

    Args:
        data: masses and hashes.
        fold: (n,) fold of each event.
        task: window and the fold that is left out.
        inside, outside: rows of the other folds in the signal region and in the side bands.
        settings: how many masses for each, and the kernel.
        context: names for seeds and messages.

    Returns:
        (n_outside, oversampling) GeV.

    Raises:
        EmptyWindowError: a fold has no event in the signal region.
    """
    seed = seed_of(context, task, "masses")
    masses = np.empty((len(outside), settings.oversampling))
    for part in np.unique(fold[outside]):
        pool, rows = data.mass[inside[fold[inside] == part]], np.flatnonzero(fold[outside] == part)
        if not len(pool):
            raise EmptyWindowError(
                f"scan.windows ({task.name} GeV): fold {part} of {settings.n_folds} has no event in the "
                f"signal region, at least 1 is needed; lower {context.where}.n_folds, widen the window or "
                "add events."
            )
        masses[rows] = picked_masses(
            pool,
            data.split_hash[outside[rows]],
            settings.oversampling,
            context.windows[task.window],
            settings.kde_bandwidth,
            seed,
        )
    return masses


class Table:
    """Rows that the classifiers share, and what each window and fold learns from."""

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._n_rows = 0
        self.tasks: list[Task] = []

    @property
    def rows(self) -> np.ndarray:
        """All rows, (n, n_features) float32."""
        return np.concatenate(self._blocks)

    def add(self, block: np.ndarray) -> np.ndarray:
        """Append rows (n, n_features); their numbers."""
        numbers = np.arange(self._n_rows, self._n_rows + len(block))
        self._blocks.append(block)
        self._n_rows += len(block)
        return numbers

    def add_task(
        self,
        task: TaskName,
        data: tuple[np.ndarray, np.ndarray],
        template: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Data against template; each is given by numbers of rows and their parts for the validation."""
        rows, part = (np.concatenate(pair) for pair in zip(data, template, strict=True))
        target = np.repeat([1, 0], [len(data[0]), len(template[0])])
        self.tasks.append(Task(task.name, task.fold, rows, target, np.ones(len(rows)), part))


@dataclass(frozen=True)
class FittedTemplates:
    """What the methods have after their training; losses and counts are those of the classifiers."""

    settings: TemplateSettings
    context: Context
    background: Background
    classifiers: Classifiers

    @property
    def history(self) -> History:
        """Losses of the classifiers."""
        return self.classifiers.history

    @property
    def n_networks(self) -> int:
        """How many classifiers there are."""
        return self.classifiers.n_networks

    @property
    def n_parameters(self) -> int:
        """Parameters of one of them."""
        return self.classifiers.n_parameters

    def read(self, events: Events) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, n_features) and fold (n,) of events."""
        return (
            feature_matrix(events, self.settings.features, self.context),
            folds(events, self.context, self.settings.n_folds),
        )
