"""What taggers learn: signal from background, one of several classes, or a quantity.

A task says what the target of a row is, what the loss is, and what the outputs of a network mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import TrainingError
from resonaut.nn.networks.rescaled import Rescaled
from resonaut.nn.precision import Loss
from resonaut.tag.evaluation import metrics
from resonaut.tag.interface import Tagger
from resonaut.tag.rows.data import Jets
from resonaut.tag.settings import TaggerSettings, TaskName


class Task(Protocol):
    """One kind of task.

    Attributes:
        name: of the task.
        classes: names of the classes, by number; none in a regression.
    """

    name: TaskName
    classes: tuple[str, ...]

    def network(self, tagger: Tagger) -> nn.Module:
        """A new network."""
        ...

    def target(self, jets: Jets, group: np.ndarray) -> np.ndarray:
        """What the loss compares with, (n_jets,); `group` is the number of each jet's class."""
        ...

    def weights(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Weights with mean 1, (n,) float32, in which each class has the same sum."""
        ...

    def loss(self, tagger: Tagger) -> Loss:
        """Loss of each row from (network, (arguments of the network..., target))."""
        ...

    def outputs(self, logits: Tensor) -> Tensor:
        """Probabilities (n,) or (n, n_classes), or the predicted factor or value (n,)."""
        ...

    def watched(self, outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """Metrics of the validation rows, for the curves."""
        ...

    def scored(self, outputs: np.ndarray, jets: Jets, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns for files, from outputs (n_restarts, n_rows[, n_classes]) of some rows of the jets."""
        ...


def task_of(settings: TaggerSettings) -> Task:
    """The task of a tagger."""
    if settings.task == "regression":
        return Regression(str(settings.target), settings.reference)
    if settings.task == "classes":
        return Classes(tuple(settings.by_class))
    return Binary(tuple(settings.by_class))


def equal_sums(group: np.ndarray, weight: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Weights with mean 1 in which each class has the same sum; (n,) float32.

    Args:
        group: (n,) number of the class.
        weight: (n,) weights within a class.

    Raises:
        TrainingError: the weights of a class do not add up to more than 0.
    """
    number = group.astype(np.int64)
    sums = np.bincount(number, weights=weight, minlength=len(names))
    if (sums <= 0).any():
        name = names[int(np.flatnonzero(sums <= 0)[0])]
        raise TrainingError(
            f"the weights of the class '{name}' add up to {sums.min():g}; a positive sum is expected. Give "
            "more events, or set event_weights: false."
        )
    return (weight * (len(group) / (len(names) * sums))[number]).astype(np.float32)


OUTPUTS: dict[str, tuple[str, str]] = {
    "binary": ("score", "restart_scores"),
    "classes": ("scores", "restart_scores"),
    "regression": ("prediction", "restart_predictions"),
}
"""Names in the files of scores, by task: of the outputs of the ensemble and of each network."""


@dataclass(frozen=True)
class Binary:
    """Signal (1) from background (0)."""

    classes: tuple[str, ...]
    name: TaskName = "binary"

    def network(self, tagger: Tagger) -> nn.Module:
        return tagger.network(1)

    def target(self, jets: Jets, group: np.ndarray) -> np.ndarray:
        return group.astype(np.float32)

    def weights(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return equal_sums(target, weight, self.classes)

    def loss(self, tagger: Tagger) -> Loss:
        return tagger.loss or _binary_cross_entropy

    def outputs(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(logits)

    def watched(self, outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
        return {
            "auc": metrics.auc(outputs, target),
            "accuracy": float(((outputs > 0.5) == (target == 1)).mean()),
        }

    def scored(self, outputs: np.ndarray, jets: Jets, rows: np.ndarray) -> dict[str, np.ndarray]:
        return _mean_and_each(OUTPUTS[self.name], outputs)


@dataclass(frozen=True)
class Classes:
    """One of several classes."""

    classes: tuple[str, ...]
    name: TaskName = "classes"

    def network(self, tagger: Tagger) -> nn.Module:
        return tagger.network(len(self.classes))

    def target(self, jets: Jets, group: np.ndarray) -> np.ndarray:
        return group.astype(np.int64)

    def weights(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return equal_sums(target, weight, self.classes)

    def loss(self, tagger: Tagger) -> Loss:
        return tagger.loss or _cross_entropy

    def outputs(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1)

    def watched(self, outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
        return {"accuracy": float((outputs.argmax(axis=1) == target).mean())}

    def scored(self, outputs: np.ndarray, jets: Jets, rows: np.ndarray) -> dict[str, np.ndarray]:
        return _mean_and_each(OUTPUTS[self.name], outputs)


@dataclass(frozen=True)
class Regression:
    """A quantity of each row, or the logarithm of its ratio to a measured one.

    The loss is Huber's (doi:10.1214/aoms/1177703732), in units of the standard deviation of the target.

    Attributes:
        target_name: column that is predicted.
        reference: column that is corrected; None to predict the quantity itself.
    """

    target_name: str
    reference: str | None
    classes: tuple[str, ...] = ()
    name: TaskName = "regression"

    def network(self, tagger: Tagger) -> nn.Module:
        return Rescaled(tagger.network(1))

    def target(self, jets: Jets, group: np.ndarray) -> np.ndarray:
        values = jets.columns[self.target_name].astype(np.float64)
        if self.reference is not None:
            values = np.log(values / jets.columns[self.reference])
        return values.astype(np.float32)

    def weights(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return equal_sums(np.zeros(len(target)), weight, ["datasets"])

    def loss(self, tagger: Tagger) -> Loss:
        return _huber

    def outputs(self, logits: Tensor) -> Tensor:
        return logits if self.reference is None else torch.exp(logits)

    def watched(self, outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
        found = outputs if self.reference is None else np.log(outputs)
        return {"mean_absolute_error": float(np.abs(found - target).mean())}

    def scored(self, outputs: np.ndarray, jets: Jets, rows: np.ndarray) -> dict[str, np.ndarray]:
        names = {"target": self.target_name}
        if self.reference is not None:
            outputs = outputs * jets.columns[self.reference][rows]
            names["reference"] = self.reference
        found = {key: jets.columns[name][rows] for key, name in names.items() if name in jets.columns}
        return {**_mean_and_each(OUTPUTS[self.name], outputs), **found}


def _mean_and_each(names: tuple[str, str], outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Mean over the networks, and the outputs of each as (n_rows, n_restarts[, n_classes])."""
    mean = outputs.mean(axis=0, dtype=np.float64).astype(np.float32)
    return {names[0]: mean, names[1]: np.moveaxis(outputs, 0, 1)}


def _binary_cross_entropy(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    *inputs, label = values
    return nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")


def _cross_entropy(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    *inputs, label = values
    return nn.functional.cross_entropy(network(*inputs), label, reduction="none")


def _huber(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    *inputs, target = values
    # A compiled network passes its attributes on.
    scale = network.scale
    return nn.functional.huber_loss(network(*inputs) / scale, target / scale, reduction="none")
