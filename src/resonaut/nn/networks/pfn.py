"""Particle flow network: Deep Sets over the constituents of a jet (arXiv:1810.05165)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from resonaut.nn.networks.dense import Standardise, dense


class ParticleFlowNetwork(nn.Module):
    """F(sum over constituents of Phi(constituent)); the order of constituents and padding do not matter.

    Args:
        n_features: inputs per constituent.
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
        self.phi = dense([n_features, *phi], last_activation=True, activation=activation)
        self.f = dense([phi[-1], *f, n_outputs], last_activation=False, activation=activation)

    def encode(self, values: Tensor, mask: Tensor) -> Tensor:
        """Latent representation of jets, (n_jets, phi[-1])."""
        per_constituent = self.phi(self.standardise(values))
        # A masked sum as a product of matrices: the masked copy of all constituents is never made.
        return (mask[:, None].to(per_constituent.dtype) @ per_constituent).squeeze(1)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logit of each jet.

        Args:
            values: (n_jets, n_constituents, n_features).
            mask: (n_jets, n_constituents), true where a constituent is real.

        Returns:
            (n_jets,) log odds of signal if there is one output, else (n_jets, n_outputs) logits.
        """
        logits = self.f(self.encode(values, mask))
        return logits.squeeze(-1) if logits.shape[-1] == 1 else logits
