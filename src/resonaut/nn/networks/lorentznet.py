"""LorentzNet: a graph network whose jets may be boosted and rotated at will (arXiv:2201.08187).

Constituents carry scalars, which no Lorentz transformation changes, and a four-momentum, which transforms as
one: messages see momenta through Minkowski products only (section 3). Momenta and their products are in
double precision: near-collinear constituents of hundreds of GeV have products of a few MeV^2, which single
precision loses, and with it the symmetry. Autocast to bf16 is switched off inside for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError, nearest
from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.masked import MaskedBatchNorm
from resonaut.nn.networks.sliced import in_slices

KINEMATIC = ("log_pt", "delta_eta", "delta_phi")
"""Columns of the clouds that momenta are made of."""
_BEAM_MASS = 1.0
_CLOSE = 1e-3
"""Gain of the layer that starts updates of momenta near 0 (as in arXiv:2102.09844)."""


def momenta_of_cloud(values: Tensor, inputs: Sequence[str]) -> Tensor:
    """Four-momenta of constituents in the frame and the azimuth of their jet, (..., 4): E, px, py, pz in GeV.

    Constituents count as massless: the energies of clouds are in the frame of the detector, and without the
    rapidity of the jet they say nothing of masses. Double precision, where the device has it.

    Args:
        values: (..., n_inputs) columns of the clouds.
        inputs: their names, `KINEMATIC` among them.
    """
    double = torch.float32 if values.device.type == "mps" else torch.float64
    log_pt, d_eta, d_phi = (values[..., inputs.index(name)].to(double) for name in KINEMATIC)
    pt = log_pt.exp()
    return torch.stack([pt * d_eta.cosh(), pt * d_phi.cos(), pt * d_phi.sin(), pt * d_eta.sinh()], dim=-1)


def minkowski_products(momenta: Tensor) -> Tensor:
    """<p_i, p_j> = E_i E_j - p_i . p_j of all pairs.

    Args:
        momenta: (n_jets, n, 4): E, px, py, pz in GeV.

    Returns:
        (n_jets, n, n) GeV^2.
    """
    energy, momentum = momenta[..., :1], momenta[..., 1:]
    return energy @ energy.transpose(1, 2) - momentum @ momentum.transpose(1, 2)


def squashed(values: Tensor) -> Tensor:
    """psi(x) = sgn(x) log(|x| + 1), elementwise (arXiv:2201.08187, section 3)."""
    return values.sign() * values.abs().log1p()


class LorentzBlock(nn.Module):
    """Lorentz group equivariant block (arXiv:2201.08187, section 3).

    Args:
        n_hidden: scalars of a particle in the network.
        n_scalars: scalars of a particle at the input.
        step: factor c of the update of momenta; None in the last block, after which nobody reads them.
    """

    def __init__(self, n_hidden: int, n_scalars: int, step: float | None) -> None:
        super().__init__()
        self.n_hidden, self.step = n_hidden, step
        self.pair = nn.Linear(2 * n_hidden + 2, n_hidden, bias=False)
        self.pair_norm = MaskedBatchNorm(n_hidden, relu=True)
        self.message = nn.Sequential(nn.Linear(n_hidden, n_hidden), nn.ReLU())
        self.gate = nn.Sequential(nn.Linear(n_hidden, 1), nn.Sigmoid())
        self.particle = nn.Linear(2 * n_hidden + n_scalars, n_hidden)
        self.particle_norm = MaskedBatchNorm(n_hidden, relu=True)
        self.particle_out = nn.Linear(n_hidden, n_hidden)
        if step is not None:
            last = nn.Linear(n_hidden, 1, bias=False)
            nn.init.xavier_uniform_(last.weight, gain=_CLOSE)
            self.pull = nn.Sequential(nn.Linear(n_hidden, n_hidden), nn.ReLU(), last)

    def forward(
        self, hidden: Tensor, momenta: Tensor, scalars: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Scalars and momenta after one exchange of messages.

        Args:
            hidden: (n_jets, n, n_hidden).
            momenta: (n_jets, n, 4) GeV.
            scalars: (n_jets, n, n_scalars) of the input.
            mask: (n_jets, n), true where a particle is real.
        """
        itself = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        edges = mask[:, :, None] & mask[:, None, :] & ~itself
        messages = self._messages(hidden, momenta, edges)
        # Masked sums over senders as products of matrices: no masked copy of the messages is made.
        arrived = (edges[:, :, None].to(messages.dtype) @ messages).squeeze(2)
        update = self.particle(torch.cat([hidden, arrived, scalars], dim=-1))
        hidden = hidden + self.particle_out(self.particle_norm(update, mask))
        if self.step is not None:
            momenta = self._moved(momenta, messages, edges)
        return hidden, momenta

    def _messages(self, hidden: Tensor, momenta: Tensor, edges: Tensor) -> Tensor:
        """Message to particle i (first axis) from particle j, (n_jets, n, n, n_hidden)."""
        products = minkowski_products(momenta)
        square = products.diagonal(dim1=1, dim2=2)
        distance = square[:, :, None] + square[:, None, :] - 2 * products
        invariants = squashed(torch.stack([distance, products], dim=-1)).to(hidden.dtype)
        # The first layer is linear: the parts of sender and receiver are computed once per particle.
        to, by, of_pair = self.pair.weight.split([self.n_hidden, self.n_hidden, 2], dim=1)
        pairs = invariants @ of_pair.T + (hidden @ to.T)[:, :, None] + (hidden @ by.T)[:, None]
        messages = self.message(self.pair_norm(pairs, edges))
        return messages * self.gate(messages)

    def _moved(self, momenta: Tensor, messages: Tensor, edges: Tensor) -> Tensor:
        """p_i + c mean_j (p_i - p_j) phi(m_ij) (the authors' program has a mean for the paper's sum)."""
        weights = (self.pull(messages).squeeze(-1) * edges).to(momenta.dtype)
        weights = weights / edges.sum(dim=2, keepdim=True).clamp_min(1)
        difference = momenta * weights.sum(dim=2, keepdim=True) - weights @ momenta
        return momenta + self.step * difference


class LorentzNet(nn.Module):
    """Blocks of Lorentz-equivariant messages, the mean over particles, a dense decoder.

    With 72 hidden scalars, 6 blocks, 2 scalars per particle and 2 outputs it has 224,072 parameters, the 224k
    of arXiv:2201.08187. The two scalars that each particle has tell beams from constituents; more come from
    further inputs, standardised. Two beam particles of mass 1 GeV along +z and -z (as published for top jets)
    fix the axis of the beam: logits are then invariant to Lorentz transformations of constituents and beams
    together; without them to those of the constituents alone. The mean is over real particles, so padding
    changes nothing.

    Args:
        inputs: columns of the clouds, `KINEMATIC` among them; the others are scalars of the constituents.
        n_outputs: 1 for log odds, or the number of classes.
        n_hidden: scalars of a particle in the network.
        n_blocks: equivariant blocks.
        step: factor c of the update of momenta.
        dropout: share of the decoder's hidden values dropped in training.
        beams: whether the beam particles are added.

    Raises:
        ConfigError: a kinematic column is not among the inputs.
    """

    beam_momenta: Tensor
    scalar_columns: Tensor

    def __init__(
        self,
        inputs: Sequence[str] = KINEMATIC,
        n_outputs: int = 1,
        *,
        n_hidden: int = 72,
        n_blocks: int = 6,
        step: float = 0.005,
        dropout: float = 0.2,
        beams: bool = True,
    ) -> None:
        super().__init__()
        self.inputs, self.beams, self.n_outputs = tuple(inputs), beams, n_outputs
        for name in KINEMATIC:
            if name not in self.inputs:
                raise ConfigError(
                    f"inputs: momenta are made from {', '.join(KINEMATIC)}, but '{name}' is not among "
                    f"[{', '.join(inputs)}]. {nearest(name, inputs)}"
                )
        others = [number for number, name in enumerate(self.inputs) if name not in KINEMATIC]
        n_scalars = 2 + len(others)
        self.register_buffer("scalar_columns", torch.tensor(others, dtype=torch.int64), persistent=False)
        self.standardise = Standardise(len(self.inputs))
        energy = (1 + _BEAM_MASS**2) ** 0.5
        along = torch.tensor([[energy, 0.0, 0.0, 1.0], [energy, 0.0, 0.0, -1.0]])
        self.register_buffer("beam_momenta", along, persistent=False)
        self.embed = nn.Linear(n_scalars, n_hidden)
        self.blocks = nn.ModuleList(
            LorentzBlock(n_hidden, n_scalars, step if number < n_blocks else None)
            for number in range(1, n_blocks + 1)
        )
        self.decoder = nn.Sequential(
            nn.Linear(n_hidden, n_hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(n_hidden, n_outputs)
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Log odds or logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_inputs); whatever stands where the mask is false.
            mask: (n_jets, n_constituents), true where a constituent is real; a jet may have none.

        Returns:
            (n_jets,) log odds of signal, or (n_jets, n_outputs) logits of the classes.
        """
        with torch.autocast(values.device.type, enabled=False):
            values = torch.where(mask[..., None], values, 0.0).to(self.embed.weight.dtype)
            momenta = momenta_of_cloud(values, self.inputs) * mask[..., None]
            scalars = self.standardise(values).index_select(-1, self.scalar_columns) * mask[..., None]
            if self.training:
                logits = self.of_momenta(momenta, scalars, mask)
            else:
                per_jet = (mask.shape[1] + 2) ** 2 * self.embed.out_features
                logits = in_slices(self.of_momenta, per_jet, momenta, scalars, mask)
        return logits.squeeze(-1) if self.n_outputs == 1 else logits

    def of_momenta(
        self, momenta: Tensor, scalars: Tensor, mask: Tensor, beams: Tensor | None = None
    ) -> Tensor:
        """Logits of jets in any frame.

        Args:
            momenta: (n_jets, n_constituents, 4): E, px, py, pz in GeV, finite.
            scalars: (n_jets, n_constituents, n_inputs - 3), finite.
            mask: (n_jets, n_constituents).
            beams: (2, 4) momenta of the beam particles in that frame; along +z and -z if absent.

        Returns:
            (n_jets, n_outputs).
        """
        n_beams = 2 if self.beams else 0
        if self.beams:
            beams = self.beam_momenta if beams is None else beams
            momenta = torch.cat([beams.to(momenta.dtype).expand(len(momenta), 2, 4), momenta], dim=1)
            scalars = nn.functional.pad(scalars, (0, 0, n_beams, 0))
            mask = nn.functional.pad(mask, (n_beams, 0), value=True)
        is_beam = (torch.arange(mask.shape[1], device=mask.device) < n_beams).to(scalars.dtype)
        is_beam = is_beam[:, None].expand(*mask.shape, 1)
        scalars = torch.cat([is_beam, 1 - is_beam, scalars], dim=-1)
        hidden = self.embed(scalars)
        for block in self.blocks:
            hidden, momenta = block(hidden, momenta, scalars, mask)
        real = mask[:, None].to(hidden.dtype)
        mean = (real @ hidden).squeeze(1) / real.sum(dim=2).clamp_min(1)
        return self.decoder(mean)
