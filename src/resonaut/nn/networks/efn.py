"""Energy flow network: safe against infrared and collinear splittings by construction (arXiv:1810.05165)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.heads import ClassifierHead


class EnergyFlowNetwork(nn.Module):
    """F(sum over constituents of z Phi(direction)), z = pt / (sum of pt) (arXiv:1810.05165).

    A constituent of no pt, and one that is split into two of its direction, change nothing.

    Args:
        n_features: inputs per constituent, log_pt first and then its direction.
        phi: sizes of the layers of Phi, each followed by an activation; the last one is the latent space.
        f: sizes of the hidden layers of F.
        n_outputs: 1 for the log odds of signal, else the number of classes.
        activation: of all layers but the output, a name of `activations`.

    Raises:
        ConfigError: no such activation.
    """

    def __init__(
        self,
        n_features: int,
        phi: Sequence[int],
        f: Sequence[int],
        *,
        n_outputs: int = 1,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.standardise = Standardise(n_features)
        self.phi = dense([n_features - 1, *phi], last_activation=True, activation=activation)
        self.head = ClassifierHead(phi[-1], f, n_outputs=n_outputs, activation=activation)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Latent representation of jets, (n_jets, phi[-1])."""
        values = torch.where(mask[..., None], values, 0)
        with torch.autocast(values.device.type, enabled=False):
            # A softmax of log pt is pt over its sum, and no exponential overflows.
            fraction = values[..., 0].masked_fill(~mask, -torch.inf).softmax(dim=1)
            # The softmax of a jet without constituents is not a number.
            fraction = torch.where(mask, fraction, 0)
        per_constituent = self.phi(self.standardise(values)[..., 1:])
        return (fraction[:, None].to(per_constituent.dtype) @ per_constituent).squeeze(1)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logits of each jet.

        Args:
            values: (n_jets, n_constituents, n_features): log_pt, and the direction relative to the jet's
                axis; whatever stands where the mask is false.
            mask: (n_jets, n_constituents), true where a constituent is real.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        return self.head(self.encode(values, mask))
