"""Flows with their scaling and their loss, as a program of `nn.many_batch`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from resonaut.nn import flow_scaling
from resonaut.nn.flow_maf import Maf
from resonaut.nn.flow_scaling import Constants
from resonaut.nn.flow_zuko import Zuko

_QUICK = 10.0
"""Steps of logit(w) are so many times those of weights: it has further to go."""


class FlowProgram:
    """Densities p(x | condition), fitted by maximum likelihood to what the samples follow.

    That is p itself, or the mixture w p + (1 - w) exp(target) with one more parameter per network, a multiple
    of logit(w), the last.

    Args:
        flow: maps scaled values to a standard normal density.
        n_features: the first columns of the inputs; the others are the condition.
        fraction: where w begins; None for p itself.

    Attributes:
        n_parameters: of one network.
    """

    def __init__(self, flow: Maf | Zuko, n_features: int, fraction: float | None) -> None:
        self._flow, self.n_features, self._fraction = flow, n_features, fraction
        self.n_parameters = flow.n_parameters + (fraction is not None)

    def initial(self, seeds: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Initial parameters (n_networks, n_parameters); `like` gives type and device."""
        flat = self._flow.initial(seeds, like)
        if self._fraction is None:
            return flat
        start = math.log(self._fraction / (1 - self._fraction)) / _QUICK
        return torch.cat([flat, flat.new_full((len(flat), 1), start)], dim=1)

    def fraction(self, flat: torch.Tensor) -> torch.Tensor:
        """w of each network, (..., n_networks)."""
        return torch.sigmoid(_QUICK * flat[..., -1])

    def latent(
        self, flat: torch.Tensor, own: Constants, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Latent values and the log of the Jacobian of both steps; inputs (n_networks, n_batch, n_inputs)."""
        values, condition = inputs[..., : self.n_features], inputs[..., self.n_features :]
        scaled, log_jacobian = flow_scaling.forward(values, own)
        latent, more = self._flow.forward(
            flat[:, : self._flow.n_parameters], scaled, flow_scaling.scaled_condition(condition, own)
        )
        return latent, log_jacobian + more

    def values(
        self, flat: torch.Tensor, own: Constants, latent: torch.Tensor, condition: torch.Tensor
    ) -> torch.Tensor:
        """Values (n_networks, n_batch, n_features) of latent values."""
        scaled = self._flow.inverse(
            flat[:, : self._flow.n_parameters], latent, flow_scaling.scaled_condition(condition, own)
        )
        return flow_scaling.inverse(scaled, own)

    def log_density(self, flat: torch.Tensor, own: Constants, inputs: torch.Tensor) -> torch.Tensor:
        """log p of the values as they were given, (n_networks, n_batch)."""
        latent, log_jacobian = self.latent(flat, own, inputs)
        constant = 0.5 * self.n_features * math.log(2 * math.pi)
        return log_jacobian - 0.5 * latent.square().sum(2) - constant

    def losses(
        self,
        flat: torch.Tensor,
        constants: Constants,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
    ) -> torch.Tensor:
        """See `many_batch.Program`."""
        value = self.log_density(flat, constants, inputs)
        if self._fraction is None:
            return -value
        odds = _QUICK * flat[:, -1:]
        logsigmoid = torch.nn.functional.logsigmoid
        return -torch.logaddexp(logsigmoid(odds) + value, logsigmoid(-odds) + target)

    def gradient(
        self,
        flat: torch.Tensor,
        constants: Constants,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
        slope: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `many_batch.Program`."""
        leaf = flat.detach().requires_grad_()
        value = self.losses(leaf, constants, inputs, target, keys)
        return value.detach(), torch.autograd.grad((value * slope).sum(), leaf)[0]
