"""LoLa: combinations of four-momenta, and what the Minkowski metric makes of them (arXiv:1707.08966)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.nn.networks.heads import ClassifierHead

N_QUANTITIES = 7
"""Numbers that the Lorentz layer makes of each four-momentum."""


def four_momenta(values: Tensor) -> Tensor:
    """Massless four-momenta in the frame in which the jet's axis is the x axis.

    A boost along the beam and a rotation about it lead there from the laboratory, where the difference of a
    large energy and a large momentum would leave no digits of the mass.

    Args:
        values: (..., 3): delta_eta and delta_phi relative to the jet's axis, log_pt (pt in GeV).

    Returns:
        (..., 4): E, px, py, pz in GeV.
    """
    delta_eta, delta_phi, log_pt = values.unbind(dim=-1)
    directions = [delta_eta.cosh(), delta_phi.cos(), delta_phi.sin(), delta_eta.sinh()]
    return log_pt.exp()[..., None] * torch.stack(directions, dim=-1)


class MomentumScale(nn.Module):
    """The unit of momentum of a training sample: pt of constituents, each weighted by its own pt."""

    unit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(()))

    def measure(self, values: Tensor) -> None:
        """Take the unit, in GeV, from (n, 3) values as `four_momenta` wants them."""
        pt = values[:, 2].double().exp()
        self.unit.copy_(pt.square().sum() / pt.sum())

    def forward(self, momenta: Tensor) -> Tensor:
        return momenta / self.unit


class CombinationLayer(nn.Module):
    """The sum of all four-momenta, each itself, and trained combinations of them (arXiv:1707.08966).

    Args:
        n_momenta: four-momenta of a jet.
        n_combinations: trained combinations.
    """

    def __init__(self, n_momenta: int, n_combinations: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_combinations, n_momenta).uniform_(-0.05, 0.05))

    def forward(self, momenta: Tensor) -> Tensor:
        """(n, 1 + n_momenta + n_combinations, 4) from (n, n_momenta, 4)."""
        return torch.cat([momenta.sum(dim=1, keepdim=True), momenta, self.weight @ momenta], dim=1)


class LorentzLayer(nn.Module):
    """Numbers of each four-momentum k_j (arXiv:1707.08966).

    m^2(k_j); pt(k_j); sum over m of w_jm E(k_m); and with d^2_jm = (k_j - k_m)^2 the sum over m of
    w_jm d^2_jm, twice, and the minimum over m of w_jm d^2_jm, twice.

    Args:
        n_momenta: four-momenta of a jet.
    """

    def __init__(self, n_momenta: int) -> None:
        super().__init__()
        size = (n_momenta, n_momenta)
        self.of_energy = nn.Parameter(torch.empty(size).uniform_(-0.05, 0.05))
        self.of_sums = nn.Parameter(torch.empty(2, *size).uniform_(-0.05, 0.05))
        self.of_minima = nn.Parameter(torch.empty(2, *size).uniform_(-0.05, 0.05))

    def forward(self, momenta: Tensor) -> Tensor:
        """(n, n_momenta, 7) from (n, n_momenta, 4)."""
        energy = momenta[..., 0]
        metric = momenta.new_tensor([1.0, -1.0, -1.0, -1.0])
        products = (momenta * metric) @ momenta.transpose(1, 2)
        mass_squared = products.diagonal(dim1=1, dim2=2)
        distance = mass_squared[:, :, None] + mass_squared[:, None] - 2 * products
        # At 0 the root has no gradient; jets without constituents have momenta 0.
        pt = momenta[..., 1:3].square().sum(dim=-1).clamp_min(1e-12).sqrt()
        return torch.stack(
            [
                mass_squared,
                pt,
                functional.linear(energy, self.of_energy),
                *torch.einsum("njm,cjm->cnj", distance, self.of_sums),
                *(distance[None] * self.of_minima[:, None]).amin(dim=-1),
            ],
            dim=-1,
        )


class LoLa(nn.Module):
    """Combination layer, Lorentz layer, dense layers, on the hardest constituents.

    All before the dense layers stays in float32 under autocast: masses are differences of squares.

    Args:
        n_momenta: constituents that are used, the hardest; fewer are filled up with zeros.
        n_combinations: trained combinations of them.
        f: sizes of the hidden layers.
        n_outputs: 1 for the log odds of signal, else the number of classes.
    """

    def __init__(
        self,
        n_momenta: int = 80,
        n_combinations: int = 19,
        f: Sequence[int] = (100, 50),
        *,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.n_momenta = n_momenta
        self.standardise = MomentumScale()
        self.combine = CombinationLayer(n_momenta, n_combinations)
        n_all = 1 + n_momenta + n_combinations
        self.lorentz = LorentzLayer(n_all)
        self.head = ClassifierHead(N_QUANTITIES * n_all, f, n_outputs=n_outputs)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Numbers of the Lorentz layer, (n_jets, 1 + n_momenta + n_combinations, 7)."""
        values, mask = values[:, : self.n_momenta], mask[:, : self.n_momenta, None]
        with torch.autocast(values.device.type, enabled=False):
            values = torch.where(mask, values, 0)
            values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
            momenta = self.standardise(four_momenta(values)) * mask
            momenta = functional.pad(momenta, (0, 0, 0, self.n_momenta - momenta.shape[1]))
            return self.lorentz(self.combine(momenta))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of each jet.

        Args:
            values: (n_jets, n_constituents, 3), sorted by pt, see `four_momenta`; whatever stands where the
                mask is false.
            mask: (n_jets, n_constituents), true where a constituent is real; real ones stand first.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        return self.head(self.encode(values, mask).flatten(1))
