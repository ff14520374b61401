"""A regression that gives the width of its answer as well: mean and variance of a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.nn.networks.rescaled import Rescaled
from resonaut.nn.precision import Loss
from resonaut.tag.interface import Tagger
from resonaut.tag.rows.data import Jets
from resonaut.tag.settings import TaskName
from resonaut.tag.tasks import Regression

_LOG_VARIANCE = (-12.0, 8.0)


class WithWidth(Rescaled):
    """shift + scale * m and 2 ln(scale) + v, of a network with the outputs m and v."""

    def forward(self, *inputs: Tensor) -> Tensor:
        mean, log_variance = self.network(*inputs).unbind(dim=-1)
        # Beyond e^-6 and e^4 standard deviations of the target a width is no answer but an overflow.
        log_variance = log_variance.clamp(*_LOG_VARIANCE)
        return torch.stack([self.shift + self.scale * mean, 2 * self.scale.log() + log_variance], dim=-1)


@dataclass(frozen=True)
class Gaussian:
    """The target of a regression, with its width; the loss is -ln of the density (arXiv:1703.04977 eq. 8).

    Attributes:
        of: the task that it stands for.
    """

    of: Regression
    classes: tuple[str, ...] = ()
    name: TaskName = "regression"

    def network(self, tagger: Tagger) -> nn.Module:
        """See `Task`."""
        return WithWidth(tagger.network(2))

    def target(self, jets: Jets, group: np.ndarray) -> np.ndarray:
        """See `Task`."""
        return self.of.target(jets, group)

    def weights(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """See `Task`."""
        return self.of.weights(target, weight)

    def loss(self, tagger: Tagger) -> Loss:
        """See `Task`."""
        return negative_log_density

    def outputs(self, logits: Tensor) -> Tensor:
        """Means, (n,)."""
        return logits[..., 0]

    def watched(self, outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """See `Task`."""
        return {"mean_absolute_error": float(np.abs(outputs - target).mean())}

    def scored(self, outputs: np.ndarray, jets: Jets, rows: np.ndarray) -> dict[str, np.ndarray]:
        """See `Task`."""
        return self.of.scored(outputs, jets, rows)


def negative_log_density(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    """(ln v + (t - m)^2 / v) / 2 of each row, less ln sqrt(2 pi)."""
    *inputs, target = values
    mean, log_variance = network(*inputs).unbind(dim=-1)
    return 0.5 * (log_variance + (target - mean).square() * (-log_variance).exp())
