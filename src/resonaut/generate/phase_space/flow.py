"""A flow that learns the density of an integrand from its own points (arXiv:2001.05486)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from resonaut.errors import TrainingError
from resonaut.generate.phase_space.settings import SamplerFlowSettings
from resonaut.generate.phase_space.vegas import Integrand
from resonaut.nn.device import seeded
from resonaut.nn.flow_features import FeatureFlow

_EDGE = 1e-12
_PASS = 8192
_LONGEST = 10.0


class UnitFlow(torch.nn.Module):
    """A flow on the unit cube: that of standard normal numbers, and their distribution function.

    Untrained transforms that change nothing give uniform points.

    Args:
        n_dimensions: of a point.
        settings: of the flow.
    """

    def __init__(self, n_dimensions: int, settings: SamplerFlowSettings) -> None:
        super().__init__()
        self.n_dimensions = n_dimensions
        sizes = (settings.transforms, settings.hidden, settings.bins)
        # In double precision: weights are ratios of small numbers near the edges of the cube.
        self.flow = FeatureFlow(n_dimensions, 0, "coupling", *sizes).double()

    def points(self, count: int) -> Tensor:
        """Points in the cube, (count, n_dimensions), by torch's random state."""
        noise = torch.randn(count, self.n_dimensions, dtype=torch.float64)
        normal = self.flow.from_noise(noise, noise[:, :0])
        return torch.special.ndtr(normal).clamp(_EDGE, 1 - _EDGE)

    def log_density(self, points: Tensor) -> Tensor:
        """Log of the density on the cube, (n,)."""
        normal = torch.special.ndtri(points)
        constant = 0.5 * self.n_dimensions * math.log(2 * math.pi)
        of_normal = self.flow.log_density(normal, normal[:, :0])
        return of_normal + 0.5 * normal.square().sum(1) + constant


def train(integrand: Integrand, n_dimensions: int, settings: SamplerFlowSettings, seed: int) -> UnitFlow:
    """Learn the density of an integrand.

    Points are drawn from the flow as it is and, a share of them, uniformly; with the density p of this
    mixture and weights w = f / p the loss is -sum(w log q) (the Kullback-Leibler divergence of the integrand
    but for a constant) or sum(w f / q), the second moment of the weights.

    Raises:
        TrainingError: the loss is not finite.
    """
    with seeded(seed):
        flow = UnitFlow(n_dimensions, settings)
        optimiser = torch.optim.Adam(flow.parameters(), lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        for step in range(settings.steps):
            loss = _loss(flow, integrand, settings)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"flow.learning_rate: the loss is {loss.item()} at step {step + 1} of the flow. Lower "
                    f"flow.learning_rate ({settings.learning_rate:g}), or raise flow.uniform_share."
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), _LONGEST)
            optimiser.step()
            schedule.step()
    return flow.eval()


def _loss(flow: UnitFlow, integrand: Integrand, settings: SamplerFlowSettings) -> Tensor:
    n_uniform = round(settings.uniform_share * settings.n_points)
    share = n_uniform / settings.n_points
    with torch.no_grad():
        own = flow.points(settings.n_points - n_uniform)
        points = torch.cat([own, torch.rand(n_uniform, flow.n_dimensions, dtype=torch.float64)])
    log_density = flow.log_density(points)
    mixture = share + (1 - share) * log_density.detach().exp()
    value = torch.from_numpy(integrand(points.numpy()))
    weight = value / mixture
    # In units of the integral as these points give it, so that the rate means the same for every integrand.
    integral = weight.mean()
    if settings.loss == "kullback_leibler":
        return -(weight / integral * log_density).mean()
    return (weight / integral * value / integral * (-log_density).exp()).mean()


def weights(flow: UnitFlow, integrand: Integrand, count: int, seed: int) -> np.ndarray:
    """Integrand over density of `count` points of the flow, (count,)."""
    found = []
    with torch.no_grad(), seeded(seed):
        for start in range(0, count, _PASS):
            points = flow.points(min(_PASS, count - start))
            density = flow.log_density(points).exp().numpy()
            found.append(integrand(points.numpy()) / density)
    return np.concatenate(found)
