"""Normalising flows on rows of features, given conditions: density and draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resonaut.generate.interface import Job, Kind, Shape, WithDensity
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History


class FlowTraining(ScheduledTraining):
    """How the flow is trained."""

    epochs: Count = Field(60, ge=1, description="Epochs at most.")
    patience: Count = Field(15, ge=1, description="Epochs without a better validation loss before stopping.")
    weight_decay: float = Field(1e-6, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")
    ema: float | None = Field(
        0.995,
        gt=0,
        lt=1,
        description="Validate and keep a mean of the weights over the steps, which forgets "
        "by this factor per step; null keeps the weights themselves.",
    )
    clip_norm: float | None = Field(
        10.0, gt=0, description="Longest gradient; a longer one is scaled to it (arXiv:1211.5063). Null: any."
    )


class Settings(GeneratorSettings):
    """Settings of a normalising flow of features."""

    flow: Literal["coupling", "autoregressive", "inverse_autoregressive"] = Field(
        "coupling",
        description="coupling: rational-quadratic splines (arXiv:1906.04032), one pass for densities and for "
        "draws; autoregressive: affine (arXiv:1705.07057), a draw takes a pass per feature; "
        "inverse_autoregressive: affine (arXiv:1606.04934), a density takes a pass per feature.",
    )
    transforms: Count = Field(6, ge=1, description="Transforms, one after the other.")
    hidden: tuple[Count, ...] = Field(
        (96, 96), min_length=1, description="Sizes of the hidden layers of each transform."
    )
    bins: Count = Field(10, ge=2, description="Bins of each spline; used by coupling.")
    training: FlowTraining = FlowTraining()


@dataclass(frozen=True)
class FlowGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("features",)

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.flow_features import FeatureFlow

        own = self.settings
        return FeatureFlow(
            *(shape.dims[0], len(shape.conditions), own.flow, own.transforms, own.hidden, own.bins)
        )

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`; the loss is the mean of -log p, in the units of the features."""
        import torch

        from resonaut.nn.device import seeded
        from resonaut.nn.training import train
        from resonaut.seeds import integer_seed

        values, conditions = training.take(torch.arange(len(training))).values
        network.to(values.device)
        with seeded(integer_seed(job.seed, "scale"), values.device):
            network.measure(values, conditions)

        def loss(flow: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
            return flow.loss(*batch)

        return train(
            *(network, training, validation, loss, self.settings.training),
            **job.keywords(),
        )

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.sample(conditions)

    def log_prob(self, network: nn.Module, values: Tensor, conditions: Tensor) -> Tensor:
        """See `WithDensity`."""
        import torch

        with torch.no_grad():
            return network.log_prob(values, conditions)


def build(settings: Settings) -> WithDensity:
    """The generator for these settings."""
    return FlowGenerator(settings)
