"""Densities of rows of features, given conditions: normalising flows, and flow matching on the same scale."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
import zuko
from torch import Tensor, nn

from resonaut.nn import flow_scaling
from resonaut.nn.lists import Member, Sample
from resonaut.nn.networks.flow_matching import FlowMatching
from resonaut.nn.networks.velocity import ConditionScale

Kind = Literal["autoregressive", "inverse_autoregressive", "coupling"]

_SHIFTS = 8
"""Places inside the unit interval at which the density of a whole number is averaged."""


class FeatureScale(nn.Module):
    """Features on the whole line, of mean 0 and width 1, and back; the constants are stored, not trained.

    Columns of whole numbers n become n + u with u uniform in [0, 1) (dequantisation, arXiv:1511.01844,
    section 3.1); then `flow_scaling` stretches all.

    Args:
        n_features: columns.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("whole", torch.zeros(n_features, dtype=torch.bool))
        self.register_buffer("lowest", torch.full((n_features,), -math.inf))
        for name, value in (("lower", 0.0), ("width", 1.0), ("shift", 0.0), ("scale", 1.0)):
            self.register_buffer(name, torch.full((n_features,), value))

    @torch.no_grad()
    def measure(self, values: Tensor) -> None:
        """Take the constants from (n, n_features) rows."""
        low = values.min(0).values
        self.whole.copy_((values == values.round()).all(0) & (low < values.max(0).values))
        # What the files do not hold below zero is not drawn below zero.
        self.lowest.copy_(torch.where(low >= 0, 0, -math.inf))
        rows = Sample(np.arange(len(values)), np.ones(len(values)))
        shift = torch.where(self.whole, torch.rand_like(values), 0)
        # The condition, which has its own scale, is a column of ones.
        table = torch.cat([values + shift, torch.ones_like(values[:, :1])], dim=1)
        found = flow_scaling.constants(table, values.shape[1], [rows], [Member(0, 0, 0)])
        for name in ("lower", "width", "shift", "scale"):
            getattr(self, name).copy_(found[name][0])

    def _constants(self) -> dict[str, Tensor]:
        return {name: getattr(self, name)[None] for name in ("lower", "width", "shift", "scale")}

    def noised(self, values: Tensor) -> Tensor:
        """The values with noise inside the unit interval of whole numbers."""
        return torch.where(self.whole, values + torch.rand_like(values), values)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled values (n, n_features) of noised ones, and the log of the Jacobian, (n,)."""
        scaled, log_jacobian = flow_scaling.forward(values[None], self._constants())
        return scaled[0], log_jacobian[0]

    def inverse(self, scaled: Tensor) -> Tensor:
        """Values of scaled values; whole numbers are whole again."""
        values = flow_scaling.inverse(scaled[None], self._constants())[0]
        return torch.where(self.whole, values.floor(), values).maximum(self.lowest)

    def shifted(self, values: Tensor) -> list[Tensor]:
        """The values as they are, or at several places of the unit interval where some are whole."""
        if not self.whole.any():
            return [values]
        found = []
        for number in range(_SHIFTS):
            # Another order of the places in neighbouring columns, so that these do not move together.
            place = (number * torch.arange(1, 2 * values.shape[1], 2, device=values.device)) % _SHIFTS
            found.append(torch.where(self.whole, values + (place + 0.5) / _SHIFTS, values))
        return found


class _Rows(nn.Module, ABC):
    """What densities of rows share: scaling, conditions, and the mean over places of whole numbers.

    Args:
        n_features: columns of a row.
        n_conditions: columns of its conditions.
    """

    def __init__(self, n_features: int, n_conditions: int) -> None:
        super().__init__()
        self.n_features = n_features
        self.scale = FeatureScale(n_features)
        self.conditions = ConditionScale(n_conditions)

    def measure(self, values: Tensor, conditions: Tensor) -> None:
        """Take the constants from (n, n_features) and (n, n_conditions) rows."""
        self.scale.measure(values)
        self.conditions.measure(conditions)

    def log_prob(self, values: Tensor, conditions: Tensor) -> Tensor:
        """Natural log of the density, (n,), in the units of the values; of whole numbers, probability."""
        parts = []
        for shifted in self.scale.shifted(values):
            scaled, log_jacobian = self.scale(shifted)
            parts.append(self.log_density(scaled, self.conditions(conditions)) + log_jacobian)
        return torch.logsumexp(torch.stack(parts), dim=0) - math.log(len(parts))

    def sample(self, conditions: Tensor) -> Tensor:
        """Draw a row for each row of conditions, (n, n_features)."""
        noise = torch.randn(len(conditions), self.n_features, device=conditions.device)
        with torch.no_grad():
            return self.scale.inverse(self.from_noise(noise, self.conditions(conditions)))

    @abstractmethod
    def log_density(self, scaled: Tensor, context: Tensor) -> Tensor:
        """Log of the density of scaled rows, (n,)."""

    @abstractmethod
    def from_noise(self, noise: Tensor, context: Tensor) -> Tensor:
        """Scaled rows of standard normal noise."""


class FeatureFlow(_Rows):
    """A normalising flow of the library zuko.

    Args:
        n_features, n_conditions: columns.
        kind: autoregressive (arXiv:1705.07057): density in one pass, a draw in one pass per feature;
            inverse_autoregressive (arXiv:1606.04934): the other way round; coupling of rational-quadratic
            splines (arXiv:1906.04032): one pass for both.
        transforms: one after the other.
        hidden: layers of each.
        bins: of the splines.
    """

    def __init__(
        self,
        n_features: int,
        n_conditions: int,
        kind: Kind,
        transforms: int,
        hidden: Sequence[int],
        bins: int,
    ) -> None:
        super().__init__(n_features, n_conditions)
        self.inverted = kind == "inverse_autoregressive"
        sizes = {"transforms": transforms, "hidden_features": tuple(hidden)}
        n_context = self.conditions.n_outputs
        if kind == "coupling":
            flow = zuko.flows.NICE(
                *(n_features, n_context),
                univariate=partial(zuko.transforms.MonotonicRQSTransform, slope=1e-3),
                shapes=[(bins,), (bins,), (bins - 1,)],
                randmask=True,
                **sizes,
            )
        else:
            flow = zuko.flows.MAF(n_features, n_context, randperm=True, **sizes)
        # Without the base density: its buffers are constants.
        self.transform = flow.transform

    def _given(self, context: Tensor) -> torch.distributions.Transform:
        transform = self.transform(context if context.shape[1] else None)
        return transform.inv if self.inverted else transform

    def log_density(self, scaled: Tensor, context: Tensor) -> Tensor:
        """Log of the density of scaled rows, (n,)."""
        latent, log_jacobian = self._given(context).call_and_ladj(scaled)
        normal = -0.5 * latent.square().sum(1) - 0.5 * latent.shape[1] * math.log(2 * math.pi)
        return normal + log_jacobian

    def from_noise(self, noise: Tensor, context: Tensor) -> Tensor:
        """Scaled rows of standard normal noise."""
        return self._given(context).inv(noise)

    def loss(self, values: Tensor, conditions: Tensor) -> Tensor:
        """Minus the log of the density of noised values, (n,)."""
        scaled, log_jacobian = self.scale(self.scale.noised(values))
        return -self.log_density(scaled, self.conditions(conditions)) - log_jacobian


class FeatureMatching(_Rows):
    """Flow matching of rows of features.

    Args:
        n_features, n_conditions: columns.
        matching: of scaled rows, given what `conditions` makes of conditions.
        probes: see `FlowMatching.log_prob`.
    """

    def __init__(
        self, n_features: int, n_conditions: int, matching: FlowMatching, probes: int | None = None
    ) -> None:
        super().__init__(n_features, n_conditions)
        self.matching = matching
        self.probes = probes

    def prepared(self, values: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled rows and their context: what `matching` learns from."""
        return self.scale(self.scale.noised(values))[0], self.conditions(conditions)

    def log_density(self, scaled: Tensor, context: Tensor) -> Tensor:
        """Log of the density of scaled rows, (n,)."""
        return self.matching.log_prob(scaled, context, self.probes)

    def from_noise(self, noise: Tensor, context: Tensor) -> Tensor:
        """Scaled rows of standard normal noise."""
        return self.matching.draw(noise, context)
