"""Total pt and axis of drawn jets: the sum of the points of a jet is that of a real one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

N_JETS = 1024
"""Real jets whose sums are kept with the weights."""
_ANGLES = ("delta_eta", "delta_phi")
_PT = ("log_pt_fraction", "log_pt")
_SMALLEST = 1e-12


class JetAxis(nn.Module):
    """Moves and scales the points of a jet, so that their sum is that of a real jet, drawn at random.

    Points are massless momenta relative to the axis of their jet. In files their sum has the jet's pt and
    direction, but for constituents that were left out and for their masses; a network only comes near.
    A turn in phi and a boost along the beam leave the total pt as it is: each constraint has a closed form.

    Args:
        columns: of the points, see `possible`; without `log_pt_fraction` the total pt stays free.
    """

    sums: Tensor

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self.eta, self.phi = (list(columns).index(name) for name in _ANGLES)
        self.weights_are_shares = "log_pt_fraction" in columns
        self.log_pt = [number for number, name in enumerate(columns) if name in _PT]
        self.weight = list(columns).index(next(name for name in _PT if name in columns))
        self.register_buffer("sums", torch.zeros(N_JETS, 3))

    @staticmethod
    def possible(columns: Sequence[str]) -> bool:
        """Whether the columns say what is needed: both angles and a pt."""
        return set(_ANGLES) <= set(columns) and any(name in columns for name in _PT)

    def of(self, padded: Tensor, mask: Tensor) -> Tensor:
        """log pt, rapidity and phi of the sum of the points of each jet, (n, 3); 0 for a jet without points.

        Args:
            padded: (n, longest, n_columns).
            mask: (n, longest), true for a point.
        """
        pt = padded[..., self.weight].exp() * mask
        eta, phi = padded[..., self.eta], padded[..., self.phi]
        px, py = (pt * phi.cos()).sum(1), (pt * phi.sin()).sum(1)
        pz, energy = (pt * eta.sinh()).sum(1), (pt * eta.cosh()).sum(1)
        log_pt = torch.hypot(px, py).clamp_min(_SMALLEST).log()
        rapidity = torch.atanh((pz / energy.clamp_min(_SMALLEST)).clamp(-0.999, 0.999))
        return torch.stack([log_pt, rapidity, torch.atan2(py, px)], dim=1) * mask.any(1)[:, None]

    @torch.no_grad()
    def measure(self, padded: Tensor, mask: Tensor) -> None:
        """Keep the sums of up to `N_JETS` jets."""
        filled = mask.any(1).nonzero()[:, 0]
        rows = filled[torch.linspace(0, len(filled) - 1, N_JETS).long()]
        self.sums.copy_(self.of(padded[rows], mask[rows]))

    def impose(self, padded: Tensor, mask: Tensor) -> Tensor:
        """The points, moved and scaled; a new tensor of the same shape."""
        wanted = self.sums[torch.randint(len(self.sums), (len(padded),), device=padded.device)]
        change = (wanted - self.of(padded, mask))[:, None]
        moved = padded.clone()
        if self.weights_are_shares:
            moved[..., self.log_pt] += change[..., :1]
        moved[..., self.eta] += change[..., 1]
        moved[..., self.phi] += change[..., 2]
        return moved
