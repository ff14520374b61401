"""Dense autoencoders of rows of numbers: plain, variational, adversarial, Dirichlet.

Their inputs are scaled by the buffers `shift` and `scale`, and what they return is scaled too. Rows may be
constituents (pt, delta eta, delta phi) one after the other; shares of pt then come out of a softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from resonaut.nn.networks.dense import dense


class Reconstruction(NamedTuple):
    """What an autoencoder makes of rows.

    Attributes:
        inputs: (n, d) scaled inputs, without noise.
        outputs: (n, d) what was made of them, scaled alike.
        latent: (n, n_latent).
        scale: (d,) what the inputs were divided by.
    """

    inputs: Tensor
    outputs: Tensor
    latent: Tensor
    scale: Tensor


class Autoencoder(nn.Module):
    """Encoder, linear bottleneck, decoder (arXiv:1808.08979, 1808.08992).

    Args:
        n_inputs: numbers in a row.
        hidden: hidden layers of the encoder; the decoder has them in reverse.
        n_latent: size of the bottleneck.
        points: the rows are constituents; `shift` is then 0.
        n_codes: vectors (n_latent,) that the encoder makes of a row.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, n_inputs: int, hidden: Sequence[int], n_latent: int, *, points: bool = False, n_codes: int = 1
    ) -> None:
        super().__init__()
        self.points = points
        self.register_buffer("shift", torch.zeros(n_inputs))
        self.register_buffer("scale", torch.ones(n_inputs))
        self.encoder = dense([n_inputs, *hidden, n_codes * n_latent], last_activation=False)
        self.decoder = self._decoder(n_latent, hidden, n_inputs)

    def _decoder(self, n_latent: int, hidden: Sequence[int], n_inputs: int) -> nn.Module:
        return dense([n_latent, *reversed(hidden), n_inputs], last_activation=False)

    def decode(self, latent: Tensor) -> Tensor:
        """Scaled outputs (n, d) of latent vectors (n, n_latent)."""
        outputs = self.decoder(latent)
        if not self.points:
            return outputs
        outputs = outputs.unflatten(-1, (-1, 3))
        share = outputs[..., :1].softmax(dim=-2) / self.scale.unflatten(-1, (-1, 3))[..., :1]
        return torch.cat([share, outputs[..., 1:]], dim=-1).flatten(-2)

    def forward(self, rows: Tensor, noise: Tensor | None = None) -> Reconstruction:
        """Rows (n, d) through the bottleneck.

        Args:
            rows: unscaled.
            noise: (n, d) added to the scaled inputs before they are encoded.
        """
        inputs = (rows - self.shift) / self.scale
        latent = self.encoder(inputs if noise is None else inputs + noise)
        return Reconstruction(inputs, self.decode(latent), latent, self.scale)


class VariationalAutoencoder(Autoencoder):
    """Mean and log variance of a latent normal distribution (arXiv:1312.6114, appendix C.2)."""

    def __init__(self, n_inputs: int, hidden: Sequence[int], n_latent: int, *, points: bool = False) -> None:
        super().__init__(n_inputs, hidden, n_latent, points=points, n_codes=2)

    def forward(
        self, rows: Tensor, noise: Tensor | None = None
    ) -> tuple[Reconstruction, tuple[Tensor, Tensor]]:
        """Rows (n, d) through a draw of the latent vector.

        Args:
            rows: unscaled.
            noise: (n, n_latent) standard normal numbers; None takes the mean.

        Returns:
            The reconstruction, and mean and log variance of the latent vector, (n, n_latent) each.
        """
        inputs = (rows - self.shift) / self.scale
        mean, log_variance = self.encoder(inputs).chunk(2, dim=-1)
        # Beyond this range an exponential would end the training.
        log_variance = log_variance.clamp(-12.0, 12.0)
        latent = mean if noise is None else mean + (0.5 * log_variance).exp() * noise
        return Reconstruction(inputs, self.decode(latent), latent, self.scale), (mean, log_variance)


class AdversarialAutoencoder(Autoencoder):
    """An autoencoder and a critic of its latent vectors (arXiv:1511.05644, section 2).

    Args:
        n_inputs, hidden, n_latent, points: see `Autoencoder`.
        critic: hidden layers of the critic.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        n_latent: int,
        critic: Sequence[int],
        *,
        points: bool = False,
    ) -> None:
        super().__init__(n_inputs, hidden, n_latent, points=points)
        self.critic = dense([n_latent, *critic, 1], last_activation=False)

    def forward(self, rows: Tensor, prior: Tensor) -> tuple[Reconstruction, Tensor, Tensor]:
        """Rows (n, d) through the bottleneck, and what the critic says.

        Args:
            rows: unscaled.
            prior: (n, n_latent) draws of the prior.

        Returns:
            The reconstruction; the critic's logit (n,) of the prior's draws; that of the latent vectors,
            whose gradient is reversed on its way to the encoder (arXiv:1505.07818), so that one descent
            trains both.
        """
        made = super().forward(rows)
        reversed_latent = 2 * made.latent.detach() - made.latent
        return made, self.critic(prior)[..., 0], self.critic(reversed_latent)[..., 0]


class DirichletAutoencoder(Autoencoder):
    """Mixtures of components with weights on a simplex (arXiv:2104.08291).

    The latent vector is the softmax of a normal one; the decoder is one linear layer without bias, so that
    its columns are what the components look like.

    Args:
        n_inputs, hidden, n_latent: see `Autoencoder`.
        pixels: the rows are pixels: components are distributions over them, and outputs are shares of a sum
            of 1; otherwise components are any scaled rows.
    """

    def __init__(self, n_inputs: int, hidden: Sequence[int], n_latent: int, *, pixels: bool) -> None:
        self.pixels = pixels
        super().__init__(n_inputs, hidden, n_latent, n_codes=2)

    def _decoder(self, n_latent: int, hidden: Sequence[int], n_inputs: int) -> nn.Module:
        return nn.Linear(n_latent, n_inputs, bias=False)

    def decode(self, latent: Tensor) -> Tensor:
        """Outputs (n, d) of weights (n, n_latent) of the components."""
        components = self.decoder.weight
        return latent @ (components.softmax(dim=0) if self.pixels else components).transpose(0, 1)

    def forward(
        self, rows: Tensor, noise: Tensor | None = None
    ) -> tuple[Reconstruction, tuple[Tensor, Tensor]]:
        """Rows (n, d) through a draw of the weights; see `VariationalAutoencoder.forward`."""
        inputs = (rows - self.shift) / self.scale
        mean, log_variance = self.encoder(inputs).chunk(2, dim=-1)
        log_variance = log_variance.clamp(-12.0, 12.0)
        drawn = mean if noise is None else mean + (0.5 * log_variance).exp() * noise
        latent = drawn.softmax(dim=-1)
        return Reconstruction(inputs, self.decode(latent), latent, self.scale), (mean, log_variance)
