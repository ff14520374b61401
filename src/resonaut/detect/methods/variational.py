"""A variational autoencoder of jets (arXiv:1312.6114): what is hard to draw, or lies far from the prior.

The loss is |x - x'|^2 / 2 + beta KL(q(z|x) || N(0, 1)) with inputs x scaled to a variance of 1: up to a
constant the negative evidence lower bound (arXiv:1312.6114, eq. 10; beta of arXiv:1804.03599) for normal
noise of variance beta. Scored with the mean of z, not with a draw of it. Folds, inputs and `train_on` are
those of the `autoencoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.detect.autoencoding import AutoencodingSettings
from resonaut.detect.interface import Context, Data, Needs

if TYPE_CHECKING:
    import torch

    from resonaut.detect.autoencoding import Fitted


class Settings(AutoencodingSettings):
    """Variational autoencoder."""

    kl_weight: float = Field(
        0.1, ge=0, description="Weight beta of the KL term: the variance of the noise in scaled inputs."
    )
    score: Literal["reconstruction", "kl", "both"] = Field(
        "both",
        description="reconstruction: |x - x'|^2 / 2; kl: of the latent distribution against the prior; both: "
        "the loss.",
    )


@dataclass(frozen=True)
class Variational:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        import torch

        from resonaut.detect import autoencoding, autoencoding_plan
        from resonaut.nn.device import choose
        from resonaut.nn.networks.autoencoder import VariationalAutoencoder

        settings = self.settings
        made = autoencoding_plan.plan(data, settings, context)
        table = torch.from_numpy(made.table).to(choose(settings.training.device))

        def make(n_inputs: int) -> torch.nn.Module:
            points = settings.kind == "constituents"
            return VariationalAutoencoder(n_inputs, settings.hidden, settings.bottleneck, points=points)

        def loss(call: Callable, rows: torch.Tensor, _: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            noise = autoencoding.normal(key, (len(rows), settings.bottleneck), rows.dtype)
            return _terms(call(rows, noise), settings, "both")

        trained = autoencoding.train(made, table, make, loss, settings, context)

        def score(call: Callable, rows: torch.Tensor) -> torch.Tensor:
            return _terms(call(rows), settings, settings.score)

        return autoencoding.fitted(trained, settings, context, autoencoding.applied(trained, score))


def build(settings: Settings) -> Variational:
    """The detector of these settings."""
    return Variational(settings, settings.needs())


def _terms(result: tuple, settings: Settings, which: str) -> torch.Tensor:
    """The terms of the loss that are asked for, (n,)."""
    from resonaut.nn.networks.vae import kl_divergence

    made, (mean, log_variance) = result
    error = 0.5 * (made.outputs - made.inputs).square().sum(dim=-1)
    if which == "reconstruction":
        return error
    divergence = kl_divergence(mean, log_variance)
    return divergence if which == "kl" else error + settings.kl_weight * divergence
