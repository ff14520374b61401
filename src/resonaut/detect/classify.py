"""Classifiers that a detector ends in: networks or boosted trees, one set per window and fold.

A detector states what each window and fold learns from as a `Task`; here each task is fitted several times
(restarts), with another part of its rows left out for validation each time, and an event's score is the mean
probability of target 1 over the restarts of the task of the event's fold. Networks of all tasks are one
batched training (`nn.ensemble`); trees are those of arXiv:2309.13111 (`nn.trees`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from resonaut.detect.classify_kinds import Kind, joined, networks_of_tables, trees
from resonaut.detect.classify_plan import Task, plan, random_halves
from resonaut.detect.folds import folds
from resonaut.detect.interface import Context, Events, Scores
from resonaut.detect.settings import FeatureDetectorSettings
from resonaut.nn.settings import TrainingSettings
from resonaut.nn.trees import BoostingSettings
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History, Penalty


__all__ = [
    "ClassifierSettings",
    "ClassifierTraining",
    "Classifiers",
    "FittedClassifiers",
    "Problem",
    "Task",
    "fit_classifiers",
    "fit_together",
    "table_of",
]


class ClassifierTraining(TrainingSettings):
    """How the networks of classifiers are trained."""

    epochs: Count = Field(40, ge=1, description="Epochs at most.")
    batch_size: Count = Field(512, ge=1, description="Events per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")


class FewerTrees(BoostingSettings):
    """How trees are grown; as in arXiv:2309.13111."""

    n_iterations: Count = Field(100, ge=1, description="Iterations at most; each adds one tree.")


class ClassifierSettings(FeatureDetectorSettings):
    """A detector that ends in a classifier."""

    n_folds: Count = Field(
        5, ge=3, description="Folds; one is scored, one validates, the others train, in all rotations."
    )
    classifier: Literal["network", "trees"] = Field(
        "network",
        description="Dense networks, or boosted trees, which hold out against features that tell nothing "
        "(arXiv:2309.13111, which takes the mean of 50 restarts).",
    )
    n_restarts: Count = Field(
        4, ge=1, description="Classifiers per window and fold; their mean is the score."
    )
    hidden: tuple[Count, ...] = Field(
        (64, 64, 64), min_length=1, description="Sizes of the hidden layers of networks."
    )
    keep: Literal["average", "best"] = Field(
        "average",
        description="Weights of networks that are kept: a running average over all epochs (training.patience "
        "is not used), or those of the epoch with the best validation loss.",
    )
    boosting: FewerTrees = FewerTrees()
    training: ClassifierTraining = ClassifierTraining()


def table_of(events: Events, names: Sequence[str]) -> np.ndarray:
    """The features of events to score, (n, n_features) float32; for those to fit, `folds.feature_matrix`."""
    return np.stack([events.features[name].astype(np.float32) for name in names], axis=1)


@dataclass(frozen=True)
class Classifiers:
    """Fitted classifiers.

    Attributes:
        names: names of the tasks, as they first came: the windows.
        number: (n_names, n_folds) number of the task; -1 where there is none.
        n_restarts: classifiers per task.
        kind: the classifiers, those of task t from t * n_restarts.
    """

    names: tuple[str, ...]
    number: np.ndarray
    n_restarts: int
    kind: Kind

    @property
    def history(self) -> History:
        """Losses of all classifiers."""
        return self.kind.history

    @property
    def n_networks(self) -> int:
        """How many were fitted."""
        return int((self.number >= 0).sum()) * self.n_restarts

    @property
    def n_parameters(self) -> int:
        """Parameters of a network; of trees, the thresholds and leaves of the largest classifier."""
        return self.kind.n_parameters

    def score(self, table: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Mean probability of target 1, of each row by the task of its fold.

        Args:
            table: (m, F) float32.
            fold: (m,) fold of each row; -1 is not scored.

        Returns:
            (n_names, m) float32, in the order of `names`; NaN where not scored.
        """
        score = np.full((len(self.names), len(table)), np.nan, np.float32)
        for number in np.unique(fold[fold >= 0]):
            rows = np.flatnonzero(fold == number)
            score[:, rows] = self._mean(self.number[:, number], table, rows)
        return score

    def score_by(self, name: str, fold: int, table: np.ndarray) -> np.ndarray:
        """Mean probability of target 1 by the task of one name and fold, (m,) float32, for a table (m, F)."""
        task = self.number[self.names.index(name), [fold]]
        return self._mean(task, table, np.arange(len(table)))[0]

    def _mean(self, tasks: np.ndarray, table: np.ndarray, rows: np.ndarray) -> np.ndarray:
        members = (tasks[:, None] * self.n_restarts + np.arange(self.n_restarts)).ravel()
        each = self.kind.scores(table, members, rows)
        return each.reshape(len(tasks), self.n_restarts, len(rows)).mean(1)


def fit_classifiers(
    table: np.ndarray,
    tasks: Sequence[Task],
    settings: ClassifierSettings,
    context: Context,
    *,
    stage: str = "",
    classes: tuple[str, str] = ("side bands", "signal region"),
    penalty: Penalty | None = None,
) -> Classifiers:
    """Fit the classifiers of all tasks; seeds come from names, so that the other tasks do not matter.

    Args:
        table: (n, F) float32, shared by the tasks.
        tasks: one per window and fold.
        settings: classifier, restarts, networks or trees, training.
        context: names for seeds and messages.
        stage: a name for the seeds, where a detector fits more than once.
        classes: what events of target 0 and 1 are, for the messages.
        penalty: added to the loss of networks (`nn.disco`).

    Raises:
        EmptyWindowError: a part of a task has no event of one target, or only weights of 0.
        TrainingError: a loss is not finite.
    """
    problem = Problem(table, tasks, context)
    return fit_together([problem], settings, stage=stage, classes=classes, penalty=penalty)[0]


@dataclass(frozen=True)
class Problem:
    """What the classifiers of one mixture learn from: a table (n, F) float32, tasks on its rows, names."""

    table: np.ndarray
    tasks: Sequence[Task]
    context: Context

    def seeds(self, n_restarts: int, stage: str) -> list[list[int]]:
        """Of each task, one per restart."""
        context = self.context
        return [
            [
                integer_seed(
                    *(context.seed, "detect", context.method, context.mixture, task.name),
                    *(f"fold {task.fold}", f"restart {restart}", *([stage] if stage else [])),
                )
                for restart in range(n_restarts)
            ]
            for task in self.tasks
        ]

    def classifiers(self, n_restarts: int, kind: Kind) -> Classifiers:
        """The fitted classifiers by name and fold of their task."""
        names = tuple(dict.fromkeys(task.name for task in self.tasks))
        number = np.full((len(names), 1 + max(task.fold for task in self.tasks)), -1)
        for index, task in enumerate(self.tasks):
            number[names.index(task.name), task.fold] = index
        return Classifiers(names, number, n_restarts, kind)


def fit_together(
    problems: Sequence[Problem],
    settings: ClassifierSettings,
    *,
    stage: str = "",
    classes: tuple[str, str] = ("side bands", "signal region"),
    penalty: Penalty | None = None,
) -> list[Classifiers]:
    """Fit the classifiers of several mixtures, networks as one batched program; see `fit_classifiers`.

    Args:
        problems: at least one; the results do not depend on the others.
        settings, stage, classes: as in `fit_classifiers`.
        penalty: of the rows of all tables, one after the other.
    """
    seeds = [problem.seeds(settings.n_restarts, stage) for problem in problems]
    kinds: Sequence[Kind]
    if settings.classifier == "network":
        planned = [
            plan(problem.tasks, own, classes, problem.context)
            for problem, own in zip(problems, seeds, strict=True)
        ]
        tables = [problem.table for problem in problems]
        kinds = networks_of_tables(tables, planned, settings, problems[0].context.where, penalty)
    else:
        kinds = [
            trees(
                problem.table,
                random_halves(problem.tasks, own, classes, problem.context),
                len(problem.tasks) * settings.n_restarts,
                settings.boosting,
                problem.context.where,
            )
            for problem, own in zip(problems, seeds, strict=True)
        ]
    return [
        problem.classifiers(settings.n_restarts, kind) for problem, kind in zip(problems, kinds, strict=True)
    ]


@dataclass(frozen=True)
class FittedClassifiers:
    """A detector whose score is that of classifiers; see `interface.Fitted`.

    Attributes:
        classifiers: one set per window, or one for all windows.
        settings: features and folds.
        context: names, for the folds.
        before: classifiers that were fitted on the way.
        folding: fold of each event, -1 where it is not scored; absent: its fold of `settings.n_folds`.
    """

    classifiers: Classifiers
    settings: ClassifierSettings
    context: Context
    before: tuple[Classifiers, ...] = ()
    folding: Callable[[Events], np.ndarray] | None = None

    @property
    def history(self) -> History:
        """Losses of all classifiers, those that were fitted first before the others."""
        return joined([each.history for each in (*self.before, self.classifiers)])

    @property
    def n_networks(self) -> int:
        """How many were fitted."""
        return sum(each.n_networks for each in (*self.before, self.classifiers))

    @property
    def n_parameters(self) -> int:
        """Parameters of one of those that score."""
        return self.classifiers.n_parameters

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        if self.folding is None:
            fold = folds(events, self.context, self.settings.n_folds)
        else:
            fold = self.folding(events)
        score = self.classifiers.score(table_of(events, self.settings.features), fold)
        shape = (len(self.context.windows), len(events))
        return Scores(np.broadcast_to(score, shape), fold.astype(np.int32))
