"""Visible energy and number of hits of a shower, given its conditions: two normals, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.scaled_conditions import ScaledConditions

_LOG_SCALE_RANGE = (-3.0, 3.0)


class ShowerSums(nn.Module):
    """ln(visible energy), then sqrt(number of hits) given it, each normal around a curve in the conditions.

    A polynomial of second order without mixed terms is fitted in closed form when it is measured, and a small
    network learns what is left of it. So the mean response is right from the first epoch on.

    Args:
        conditions: names of the conditions of a shower.
        width: of the two hidden layers.
    """

    curve: Tensor
    curve_width: Tensor
    least: Tensor

    def __init__(self, conditions: Sequence[str], width: int = 32) -> None:
        super().__init__()
        self.conditions = ScaledConditions(conditions)
        n_inputs = len(conditions)
        self.register_buffer("curve", torch.zeros(2, 1 + 2 * (n_inputs + 1)))
        self.register_buffer("curve_width", torch.ones(2))
        self.register_buffer("least", torch.tensor(1e-30))
        self.scale = Standardise(2)
        self.visible = dense([n_inputs, width, width, 2], last_activation=False)
        self.hits = dense([n_inputs + 1, width, width, 2], last_activation=False)
        for network in (self.visible, self.hits):
            nn.init.zeros_(network[-1].weight)
            nn.init.zeros_(network[-1].bias)

    @torch.no_grad()
    def measure(self, visible: Tensor, n_hits: Tensor, conditions: Tensor) -> None:
        """Fit the curves and take the scales.

        Args:
            visible: (n,) GeV; the showers without any do not count.
            n_hits: (n,).
            conditions: (n, n_conditions).
        """
        device, seen = self.curve.device, visible > 0
        visible, n_hits, conditions = (x[seen].to(device) for x in (visible, n_hits, conditions))
        self.least.copy_(visible.min())
        self.conditions.measure(conditions)
        values = torch.stack([visible.log(), n_hits.sqrt()], dim=1)
        self.scale.measure(values)
        given, scaled = self.conditions(conditions), self.scale(values)
        for number, inputs in enumerate((given, torch.cat([given, scaled[:, :1]], dim=1))):
            design, target = _powers(inputs).double(), scaled[:, number].double()
            # A ridge far below rounding: constant conditions are columns of zeros.
            normal = design.T @ design + 1e-6 * torch.eye(design.shape[1], device=device)
            found = torch.linalg.solve(normal, design.T @ target)
            self.curve[number, : len(found)] = found.to(self.curve)
            self.curve_width[number] = (target - design @ found).std().clamp_min(1e-3)

    def _normal(self, number: int, network: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
        powers = _powers(inputs)
        mean = powers @ self.curve[number, : powers.shape[1]]
        shift, log_scale = network(inputs).unbind(1)
        width = self.curve_width[number]
        return mean + width * shift, width * log_scale.clamp(*_LOG_SCALE_RANGE).exp()

    def scaled(self, visible: Tensor, n_hits: Tensor) -> Tensor:
        """Standardised ln(visible / GeV) and sqrt(n_hits), (n, 2); showers without energy as the least."""
        return self.scale(torch.stack([visible.clamp_min(self.least).log(), n_hits.sqrt()], dim=1))

    def nll(self, scaled: Tensor, conditions: Tensor) -> Tensor:
        """Minus the log likelihood of `scaled`, (n, 2), given conditions; (n,) nats, up to a constant."""
        given = self.conditions(conditions)
        inputs = (given, torch.cat([given, scaled[:, :1]], dim=1))
        total = torch.zeros_like(scaled[:, 0])
        for number, network in enumerate((self.visible, self.hits)):
            mean, width = self._normal(number, network, inputs[number])
            total = total + 0.5 * ((scaled[:, number] - mean) / width).square() + width.log()
        return total

    @torch.no_grad()
    def draw(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Visible energies, GeV, and numbers of hits (whole, at least 1), (n,) each."""
        given = self.conditions(conditions)
        mean, width = self._normal(0, self.visible, given)
        first = mean + width * torch.randn_like(mean)
        mean, width = self._normal(1, self.hits, torch.cat([given, first[:, None]], dim=1))
        second = mean + width * torch.randn_like(mean)
        logs, roots = (torch.stack([first, second], dim=1) * self.scale.width + self.scale.mean).unbind(1)
        return logs.exp(), roots.clamp_min(1).square().round()


def _powers(inputs: Tensor) -> Tensor:
    """1, the inputs and their squares, (n, 1 + 2 n_inputs)."""
    return torch.cat([inputs.new_ones(len(inputs), 1), inputs, inputs.square()], dim=1)
