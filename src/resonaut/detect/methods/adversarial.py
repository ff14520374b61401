"""An adversarial autoencoder of jets (arXiv:1511.05644): a critic shapes the latent space into N(0, 1).

A critic learns to tell latent vectors from draws of the prior, and the encoder learns to mislead it (section
2 there), while encoder and decoder reconstruct the jets. Both are trained at once: the gradient of the
critic's cross-entropy is reversed on its way to the encoder (arXiv:1505.07818). Validation chooses the epoch
by the reconstruction alone, for the value of a game says nothing. Folds, inputs and `train_on` are those of
the `autoencoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.detect.autoencoding import AutoencodingSettings
from resonaut.detect.interface import Context, Data, Needs
from resonaut.settings import Count

if TYPE_CHECKING:
    import torch

    from resonaut.detect.autoencoding import Fitted


class Settings(AutoencodingSettings):
    """Adversarial autoencoder."""

    critic: tuple[Count, ...] = Field((32, 32), min_length=1, description="Hidden layers of the critic.")
    critic_weight: float = Field(
        0.1, ge=0, description="Weight of the critic's cross-entropy beside the mean squared error."
    )
    score: Literal["reconstruction", "latent"] = Field(
        "reconstruction",
        description="reconstruction: the mean squared error; latent: |z|^2 / 2, how unlikely the latent "
        "vector is under the prior.",
    )


@dataclass(frozen=True)
class Adversarial:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        import torch

        from resonaut.detect import autoencoding, autoencoding_plan
        from resonaut.nn.device import choose
        from resonaut.nn.networks.autoencoder import AdversarialAutoencoder
        from resonaut.nn.reconstruction import squared_error

        settings = self.settings
        made = autoencoding_plan.plan(data, settings, context)
        table = torch.from_numpy(made.table).to(choose(settings.training.device))

        def make(n_inputs: int) -> torch.nn.Module:
            points = settings.kind == "constituents"
            return AdversarialAutoencoder(
                n_inputs, settings.hidden, settings.bottleneck, settings.critic, points=points
            )

        def loss(call: Callable, rows: torch.Tensor, _: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            prior = autoencoding.normal(key, (len(rows), settings.bottleneck), rows.dtype)
            result, of_prior, of_latent = call(rows, prior)
            softplus = torch.nn.functional.softplus
            game = settings.critic_weight * (softplus(-of_prior) + softplus(of_latent))
            # Gradients of both, the value of the first.
            return squared_error(result.inputs, result.outputs) + game - game.detach()

        def score(call: Callable, rows: torch.Tensor) -> torch.Tensor:
            result, _, _ = call(rows, rows.new_zeros(len(rows), settings.bottleneck))
            if settings.score == "latent":
                return 0.5 * result.latent.square().sum(dim=-1)
            return squared_error(result.inputs, result.outputs)

        trained = autoencoding.train(made, table, make, loss, settings, context)
        return autoencoding.fitted(trained, settings, context, autoencoding.applied(trained, score))


def build(settings: Settings) -> Adversarial:
    """The detector of these settings."""
    return Adversarial(settings, settings.needs())
