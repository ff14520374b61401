"""Energies and numbers of hits of the layers of showers, as numbers that flow matching learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise

_NOISE = 5e-6
_MARGIN = 1e-6
_HEADROOM = 1.2
_LEAST = 1e-30


def stretched(share: Tensor) -> Tensor:
    """logit of a share in [0, 1] with noise of 5e-6 and a margin of 1e-6 (arXiv:2405.09629)."""
    share = share + _NOISE * torch.rand_like(share)
    return torch.logit(share.clamp_max(1) * (1 - 2 * _MARGIN) + _MARGIN)


def share_of(value: Tensor) -> Tensor:
    """The share of a stretched value, without its noise's mean taken off."""
    return ((torch.sigmoid(value) - _MARGIN) / (1 - 2 * _MARGIN)).clamp(0, 1)


class LayerSums(nn.Module):
    """Energies E_l and numbers of hits of layers, and 2 L numbers of about mean 0 and width 1.

    u_0 = sum_l E_l / (f E), u_l = E_(l-1) / sum_(k >= l-1) E_k for l = 1 ... L - 1 (arXiv:2106.05285), with
    the incident energy E and an f that leaves room above the largest sum; logits of them with noise, and
    log(1 + n_l + noise) of hits.

    Args:
        n_layers: L.
    """

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.register_buffer("fraction", torch.ones(()))
        self.register_buffer("threshold", torch.ones(()))
        self.register_buffer("cells", torch.ones(n_layers))
        self.scale = Standardise(2 * n_layers)
        self.context_scale = Standardise(2 * n_layers)

    @torch.no_grad()
    def measure(
        self, energy: Tensor, hits: Tensor, incident: Tensor, threshold: float, cells: Tensor
    ) -> None:
        """Take the constants from rows.

        Args:
            energy, hits: (n, n_layers); GeV.
            incident: (n,) GeV, or ones.
            threshold: least energy of a hit, GeV.
            cells: (n_layers,) cells of each layer.
        """
        self.fraction.fill_(float(_HEADROOM * (energy.sum(1) / incident).max().clamp_min(_LEAST)))
        self.threshold.fill_(threshold)
        self.cells.copy_(cells)
        self.scale.measure(self._raw(energy, hits, incident))
        self.context_scale.measure(self._context(energy, hits))

    def _raw(self, energy: Tensor, hits: Tensor, incident: Tensor) -> Tensor:
        # Not cumsum, which on a GPU does not repeat itself bit for bit.
        rest = energy @ torch.ones(self.n_layers, self.n_layers, device=energy.device).tril()
        total = rest[:, :1] / (self.fraction * incident[:, None])
        shares = energy[:, :-1] / rest[:, :-1].clamp_min(_LEAST)
        counts = torch.log1p(hits + torch.rand_like(hits))
        return torch.cat([stretched(torch.cat([total, shares], dim=1)), counts], dim=1)

    def _context(self, energy: Tensor, hits: Tensor) -> Tensor:
        return torch.cat([torch.log1p(energy / self.threshold), torch.log1p(hits)], dim=1)

    def forward(self, energy: Tensor, hits: Tensor, incident: Tensor) -> Tensor:
        """What is learnt, (n, 2 n_layers)."""
        return self.scale(self._raw(energy, hits, incident))

    def context(self, energy: Tensor, hits: Tensor) -> Tensor:
        """Energies and hits as a condition of the cells, (n, 2 n_layers): first of all energies."""
        return self.context_scale(self._context(energy, hits))

    def inverse(self, values: Tensor, incident: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (GeV) and hits, (n, n_layers) each: both 0, or energy is `threshold` per hit at least."""
        raw = values * self.scale.width + self.scale.mean
        shares = share_of(raw[:, : self.n_layers])
        left = shares[:, 0] * self.fraction * incident
        energies = []
        for layer in range(1, self.n_layers):
            energies.append(left * shares[:, layer])
            left = left - energies[-1]
        energy = torch.stack([*energies, left], dim=1)
        hits = torch.expm1(raw[:, self.n_layers :].clamp_max(20)).floor().clamp_min(0)
        # The empty layers are those without hits; the others hold what their hits must have at least.
        hits = hits.minimum(self.cells).minimum((energy / self.threshold).floor())
        return torch.where(hits > 0, energy, 0), hits
