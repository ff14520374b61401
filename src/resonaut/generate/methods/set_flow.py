"""Point clouds by flow matching with equivariant layers: EPiC-FM (arXiv:2301.08128, 2310.00049)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from resonaut.errors import ConfigError
from resonaut.generate.interface import Generator, Job, Kind, Shape
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

Width = Annotated[Count, Field(ge=1)]

_N_MEASURED = 20_000
_N_TAKEN = 4096


class SetFlowTraining(ScheduledTraining):
    """How the velocity of the points is trained."""

    epochs: Count = Field(40, ge=1, description="Epochs at most.")
    batch_size: Count = Field(128, ge=1, description="Jets per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")
    ema: float | None = Field(
        0.998,
        gt=0,
        lt=1,
        description="Validate and keep a mean of the weights over the steps, which forgets by this factor "
        "per step; null keeps the weights themselves.",
    )


class CountTraining(ScheduledTraining):
    """How the distribution of the number of points is trained."""

    epochs: Count = Field(30, ge=1, description="Epochs at most.")
    learning_rate: float = Field(5e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")


class Settings(GeneratorSettings):
    """Settings of the set generator; arXiv:2310.00049 has hidden 128, n_global 16 and layers 6."""

    hidden: Width = Field(64, description="Numbers per point inside the network.")
    n_global: Width = Field(16, description="Numbers of the jet as a whole inside the network.")
    layers: Width = Field(4, description="Equivariant layers.")
    components: Width = Field(
        8,
        description="Logistic distributions that the number of points is drawn from (arXiv:1701.05517).",
    )
    solver: Literal["euler", "midpoint", "heun"] = Field(
        "midpoint", description="Solver for draws; midpoint and heun evaluate the network twice per step."
    )
    steps: Width = Field(24, description="Steps of the solver.")
    constrained: bool = Field(
        True,
        description="Move and scale the points of a jet so that their sum has the pt and the axis of a real "
        "jet; where the inputs hold delta_eta, delta_phi and log_pt_fraction (log_pt: the axis alone).",
    )
    training: SetFlowTraining = SetFlowTraining()
    count_training: CountTraining = CountTraining()


@dataclass(frozen=True)
class SetGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("clouds",)

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`."""
        from resonaut.nn.networks.set_flow import SetFlow

        if shape.kind != "clouds":
            raise ConfigError(
                f"learn: set_flow makes sets of points, '{shape.kind}' is found where 'clouds' is expected. "
                "Use another generator for it."
            )
        keys = ("hidden", "n_global", "layers", "components", "solver", "steps", "constrained")
        options = {key: getattr(self.settings, key) for key in keys}
        return SetFlow(shape.columns, shape.conditions, **options)

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`; first the distribution of the number of points, then their velocity."""
        import torch

        from resonaut.nn.training import train

        rows = torch.linspace(0, len(training) - 1, min(len(training), _N_MEASURED)).long()
        first = training.take(rows).values
        network.to(first[0].device).measure(*first)
        del first
        # Batches of like length would teach each batch its own number: it is learnt from rows in any order.
        train(
            *(network.counts, *(_counts(network, s) for s in (training, validation))),
            *(_count_loss, self.settings.count_training),
            seed=integer_seed(job.seed, "counts"),
            where=f"{job.where}.count_training",
            checkpoint_folder=job.checkpoint_folder / "counts",
            inputs=job.inputs,
        )
        network.counts.requires_grad_(False)
        history = train(
            *(network, training, validation, _velocity_loss, self.settings.training),
            seed=job.seed,
            where=job.where,
            checkpoint_folder=job.checkpoint_folder / "velocity",
            inputs=job.inputs,
            records=job.records,
        )
        network.counts.requires_grad_(True)
        return history

    def sample(self, network: nn.Module, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """See `Generator`."""
        return network.sample(conditions)


def _counts(network: nn.Module, samples: Samples) -> Samples:
    """Context of the distribution of the number of points, and that number, of each row."""
    import torch

    from resonaut.nn.samples import FixedSamples

    context, counts = [], []
    with torch.no_grad():
        for rows in torch.arange(len(samples)).split(_N_TAKEN):
            _, mask, conditions = samples.take(rows).values
            context.append(network.conditions(conditions))
            counts.append(mask.sum(1))
    return FixedSamples(torch.cat(context), torch.cat(counts))


def _count_loss(counts: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    context, number = values
    return -counts.log_prob(number, context)


def _velocity_loss(flow: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    return flow.loss(*values)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return SetGenerator(settings)
