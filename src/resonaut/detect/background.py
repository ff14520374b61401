"""The background of a window as a conditional density p(x | m), learnt from its side bands out of fold.

A normalising flow is fitted to the side bands and evaluated inside the signal region (arXiv:2001.04990,
section 2): the density is taken to change smoothly with the mass, and the signal region is in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.detect.folds import folds
from resonaut.detect.interface import Context, Data
from resonaut.errors import EmptyWindowError
from resonaut.seeds import integer_seed

if TYPE_CHECKING:
    from resonaut.detect.templates import TemplateSettings
    from resonaut.nn.flows import Flows


_VALIDATION_PARTS = 5


@dataclass(frozen=True)
class TaskName:
    """A window, by its number and its name, and the fold that is scored."""

    window: int
    name: str
    fold: int


def task_names(context: Context, n_folds: int) -> Iterator[TaskName]:
    """All windows and folds."""
    for number, window in enumerate(context.windows):
        for fold in range(n_folds):
            yield TaskName(number, window.name, fold)


def seed_of(context: Context, task: TaskName, purpose: str) -> int:
    """A seed for a window, a fold and a purpose."""
    names = ("detect", context.method, context.mixture, task.name, f"fold {task.fold}", purpose)
    return integer_seed(context.seed, *names)


@dataclass(frozen=True)
class Background:
    """Flows p(x | m) of the side bands, one per window and fold.

    Attributes:
        flows: that of window w and fold f is number w * n_folds + f.
        n_folds: folds.
        low, high: (n_windows * n_folds) GeV: least and largest mass that trained each flow.
    """

    flows: Flows
    n_folds: int
    low: np.ndarray
    high: np.ndarray

    def sample(self, task: TaskName, mass: np.ndarray, seed: int) -> np.ndarray:
        """Features drawn at masses (n,) GeV, (n, n_features) float32; of all epochs that the flow kept."""
        number, condition = self._condition(task, mass)
        return self.flows.sample(number, condition, seed)

    def latent(self, task: TaskName, features: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Latent variables of events, standard normal for the background.

        Masses beyond the side bands are moved to their edge, where the flow was trained.

        Args:
            task: the window, and the fold that the flow did not see.
            features: (n, n_features).
            mass: (n,) GeV.

        Returns:
            (n, n_features) float32.
        """
        number, condition = self._condition(task, mass)
        return self.flows.to_latent([number], features, condition)[0]

    def features(self, task: TaskName, latent: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Features of latent variables at given masses: the inverse of `latent`."""
        number, condition = self._condition(task, mass)
        return self.flows.from_latent([number], latent, condition)[0]

    def transport(
        self, task: TaskName, features: np.ndarray, mass: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """Features of events carried from their masses to others (n,) GeV: `features` after `latent`."""
        return self.features(task, self.latent(task, features, mass), target)

    def _condition(self, task: TaskName, mass: np.ndarray) -> tuple[int, np.ndarray]:
        number = task.window * self.n_folds + task.fold
        inside = np.clip(mass, self.low[number], self.high[number])
        return number, inside[:, None].astype(np.float32)


def fit_background(
    features: np.ndarray, data: Data, fold: np.ndarray, settings: TemplateSettings, context: Context
) -> Background:
    """Fit the flows of all windows and folds, in one batched training.

    The flow of fold f sees side-band events of the other folds: one in five of them validates, by its hash,
    unless it lies outside the range of those that train.

    Args:
        features: (n, n_features) float32.
        data: masses and regions.
        fold: (n,) fold of each event.
        settings: folds and flows.
        context: names for seeds and messages.

    Raises:
        EmptyWindowError: no side-band event is left to train or to validate a flow.
        TrainingError: a loss is not finite.
    """
    from resonaut.nn.flows import fit_flows
    from resonaut.nn.lists import Member, Sample

    n_folds = settings.n_folds
    validates = folds(data, context, _VALIDATION_PARTS, "validation") == 0
    samples: list[Sample] = []
    members: list[Member] = []
    for task in task_names(context, n_folds):
        others = (data.regions[task.window] == 0) & (fold != task.fold)
        train, validation = np.flatnonzero(others & ~validates), np.flatnonzero(others & validates)
        for rows, what in ((train, "train"), (validation, "validate")):
            if not len(rows):
                raise EmptyWindowError(
                    f"scan.windows ({task.name} GeV): no side-band event is left to {what} the flow of fold "
                    f"{task.fold} of {n_folds}, at least 1 is needed; lower {context.where}.n_folds, widen "
                    "scan.sideband_width or add events."
                )
            samples.append(Sample(rows, np.ones(len(rows))))
        members.append(Member(seed_of(context, task, "flow"), len(samples) - 2, len(samples) - 1))
    condition = data.mass[:, None].astype(np.float32)
    flows = fit_flows(
        features,
        condition,
        samples,
        members,
        settings.flow,
        what=f"{context.where}, flows",
        networks_per_batch=settings.networks_per_batch,
    )
    trained = [data.mass[samples[member.train].rows] for member in members]
    return Background(
        flows,
        n_folds,
        low=np.array([mass.min() for mass in trained]),
        high=np.array([mass.max() for mass in trained]),
    )
