"""The post-processor of the BIB-AE: an energy for each cell from its own (arXiv:2005.05334, 3.3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_N_MIDDLE = 3


class PostProcessor(nn.Module):
    """Convolutions with kernels of a single cell, told the sum of the shower and its conditions.

    Args:
        shape: layers, rows, columns.
        n_given: scaled conditions.
        width: channels.
        residual: what is learnt is the change of the energy, 0 at first; the published one learns the energy.
    """

    def __init__(self, shape: Sequence[int], n_given: int, width: int, *, residual: bool) -> None:
        super().__init__()
        half = width // 2
        self.residual = residual
        self.given = nn.ModuleList(
            [nn.Linear(n_given + 1, half), nn.Linear(half, half), nn.Linear(half, half)]
        )
        inputs = [1, width + half, *[width] * (_N_MIDDLE - 1)]
        self.layers = nn.ModuleList(nn.Conv3d(n, width, 1, bias=False) for n in inputs)
        self.norms = nn.ModuleList(nn.LayerNorm(tuple(shape)) for _ in inputs)
        self.before_last = nn.Conv3d(width, width, 1, bias=False)
        self.last = nn.Conv3d(width, 1, 1, bias=False)
        if residual:
            nn.init.zeros_(self.last.weight)

    def forward(self, showers: Tensor, given: Tensor) -> Tensor:
        """Energies (n, *shape) to energies of the same shape and unit (MeV), not negative.

        Args:
            showers: (n, layers, rows, columns).
            given: (n, n_given) scaled conditions.
        """
        known = torch.cat([showers.flatten(1).sum(1, keepdim=True), given], dim=1)
        for layer in self.given:
            known = functional.leaky_relu(layer(known))
        known = known[:, :, None, None, None].expand(-1, -1, *showers.shape[1:])
        hidden = showers[:, None]
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            hidden = functional.leaky_relu(norm(layer(hidden)))
            if number == 0:
                hidden = torch.cat([hidden, known], dim=1)
        change = self.last(functional.leaky_relu(self.before_last(hidden)))[:, 0]
        if not self.residual:
            return functional.relu(change)
        # Cells without energy stay so: a change everywhere would make hits of all of them.
        return functional.relu(showers + change) * (showers > 0)
