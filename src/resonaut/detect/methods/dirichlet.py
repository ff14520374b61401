"""A Dirichlet autoencoder of jets (arXiv:2104.08291): every jet is a mixture of a few components.

The latent space is a simplex: weights r of the R components, the softmax of a normal vector whose prior is
the Laplace approximation of a symmetric Dirichlet distribution in that basis (arXiv:1703.01488): mean 0,
covariance (1 - 1 / R) / a on the diagonal and -1 / (a R) beside it. A softmax does not know the sum of its
arguments, so independent components of variance 1 / a are the same prior (the diagonal of the covariance
alone, which is often used, is not: its weights vary less than those of the Dirichlet distribution). The
decoder is one linear layer, whose columns are what the components look like. The loss is that of a
variational autoencoder; pixels are compared as distributions (Kullback-Leibler, in nats).

The score is by default the weight of the component that is rarest among the training jets. It works both
ways, unlike a reconstruction error: simple jets among complex ones are a component too. But a component is
only spent on a class that is a good part of the jets: for a small signal, take `score: reconstruction`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from resonaut.detect.autoencoding import AutoencodingSettings
from resonaut.detect.interface import Context, Data, Needs
from resonaut.errors import BadValueError
from resonaut.settings import Count

if TYPE_CHECKING:
    import torch

    from resonaut.detect.autoencoding import Fitted
    from resonaut.detect.autoencoding_plan import Plan
    from resonaut.nn.many import Many
    from resonaut.nn.networks.autoencoder import Reconstruction


class Settings(AutoencodingSettings):
    """Dirichlet autoencoder."""

    hidden: tuple[Count, ...] = Field((100,), min_length=1, description="Layers before the bottleneck.")
    bottleneck: Count = Field(2, ge=2, description="Components, R.")
    concentration: float = Field(
        1.0, gt=0, description="Parameter a of the Dirichlet prior, equal for all components."
    )
    kl_weight: float = Field(
        0.1,
        ge=0,
        description="Weight of the KL term beside the reconstruction; it is too large where all jets have "
        "nearly the same weights of the components.",
    )
    score: Literal["latent", "reconstruction", "kl"] = Field(
        "latent",
        description="latent: weight of the component that is rarest among the training jets; reconstruction: "
        "its error; kl: of the latent distribution against the prior.",
    )

    @model_validator(mode="after")
    def _rows(self) -> Settings:
        if self.kind == "constituents":
            raise ValueError(
                "inputs: constituents in a list do not add up to mixtures of lists; use images or features"
            )
        return self


@dataclass(frozen=True)
class Dirichlet:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`.

        Raises:
            BadValueError: a pixel is negative.
        """
        import torch

        from resonaut.detect import autoencoding, autoencoding_plan
        from resonaut.nn.device import choose
        from resonaut.nn.networks.autoencoder import DirichletAutoencoder

        settings = self.settings
        made = autoencoding_plan.plan(data, settings, context)
        if settings.kind == "images" and made.table.min() < 0:
            raise BadValueError(
                f"{context.where}: a pixel of mixture '{context.mixture}' is {made.table.min():g}; mixtures "
                "of components have none below 0. Make the images without subtracting a mean."
            )
        table = torch.from_numpy(made.table).to(choose(settings.training.device))

        def make(n_inputs: int) -> torch.nn.Module:
            pixels = settings.kind == "images"
            return DirichletAutoencoder(n_inputs, settings.hidden, settings.bottleneck, pixels=pixels)

        def loss(call: Callable, rows: torch.Tensor, _: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            noise = autoencoding.normal(key, (len(rows), settings.bottleneck), rows.dtype)
            result, code = call(rows, noise)
            return _error(result, settings) + settings.kl_weight * divergence(*code, settings.concentration)

        trained = autoencoding.train(made, table, make, loss, settings, context)
        if settings.score == "latent":
            rarest = _rarest(trained, made, table)

            def weights(members: np.ndarray, rows: torch.Tensor) -> np.ndarray:
                found = trained.apply(members, lambda call, x: call(x)[0].latent, rows).cpu().numpy()
                return np.take_along_axis(found, rarest[members][:, None, None], axis=2)[..., 0]

            return autoencoding.fitted(trained, settings, context, weights)

        def score(call: Callable, rows: torch.Tensor) -> torch.Tensor:
            result, code = call(rows)
            if settings.score == "kl":
                return divergence(*code, settings.concentration)
            return _error(result, settings)

        return autoencoding.fitted(trained, settings, context, autoencoding.applied(trained, score))


def build(settings: Settings) -> Dirichlet:
    """The detector of these settings."""
    return Dirichlet(settings, settings.needs())


def prior_variance(concentration: float) -> float:
    """Variance of the components of a normal vector of mean 0 whose softmax is nearly Dirichlet-distributed.

    Args:
        concentration: parameter a of the symmetric Dirichlet distribution.
    """
    return 1 / concentration


def divergence(mean: torch.Tensor, log_variance: torch.Tensor, concentration: float) -> torch.Tensor:
    """KL(N(mean, exp(log_variance)) || prior) of (n, R) components, summed over them; (n,) nats."""
    import math

    from resonaut.nn.networks.vae import kl_divergence

    variance = prior_variance(concentration)
    return kl_divergence(mean / math.sqrt(variance), log_variance - math.log(variance))


def _error(made: Reconstruction, settings: Settings) -> torch.Tensor:
    """Error of the reconstruction of each row, (n,)."""
    import torch

    if settings.kind != "images":
        return 0.5 * (made.inputs - made.outputs).square().sum(dim=-1)
    share = made.inputs / made.inputs.sum(dim=-1, keepdim=True).clamp_min(1e-12)
    return (torch.special.xlogy(share, share) - torch.special.xlogy(share, made.outputs)).sum(dim=-1)


def _rarest(trained: Many, made: Plan, table: torch.Tensor) -> np.ndarray:
    """(n_networks,) the component with the smallest mean weight among the jets that trained each network."""
    found = []
    for number, member in enumerate(made.members):
        rows = made.samples[member.train].rows
        latent = trained.apply([number], lambda call, x: call(x)[0].latent, table, rows)[0]
        found.append(int(latent.mean(dim=0).argmin()))
    return np.array(found)
