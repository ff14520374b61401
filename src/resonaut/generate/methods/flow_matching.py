"""Conditional flow matching (arXiv:2210.02747): rows of features, and showers or images in two factors.

Of showers the first factor learns energies and numbers of hits of layers given the conditions, the second the
cells given these (arXiv:2405.09629). Copies of the network that need fewer steps can be distilled
(arXiv:2202.00512).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from resonaut.errors import ConfigError
from resonaut.generate.interface import Job, Kind, Shape, WithDensity
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.settings import Settings as Section

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resonaut.nn.flow_training import Trainings
    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

_SIZES = {"small": (64, 3, 4), "published": (480, 6, 6)}
_PROBES_ABOVE = 20


class MatchingTraining(ScheduledTraining):
    """How a velocity is trained."""

    epochs: Count = Field(60, ge=1, description="Epochs at most.")
    patience: Count = Field(20, ge=1, description="Epochs without a better validation loss before stopping.")
    ema: float | None = Field(
        0.999,
        gt=0,
        lt=1,
        description="Validate and keep a mean of the weights over the steps, which forgets by this factor "
        "per step; null keeps the weights themselves.",
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="Longest gradient; a longer one is scaled to it (arXiv:1211.5063). Null: any."
    )


class SumsTraining(MatchingTraining):
    """How the velocity of energies and hits of layers is trained."""

    epochs: Count = Field(200, ge=1, description="Epochs at most.")
    patience: Count = Field(50, ge=1, description="Epochs without a better validation loss before stopping.")


class StudentTraining(MatchingTraining):
    """How each student is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    learning_rate: float = Field(3e-4, gt=0, description="Step of Adam (arXiv:1412.6980).")
    ema: float | None = Field(0.99, gt=0, lt=1, description="See `training.ema`.")


class Distillation(Section):
    """Copies of the network that need fewer steps, one evaluation each."""

    steps: tuple[Count, ...] = Field(
        (),
        description="Steps of each student, from many to few: [8, 4, 2]; each divides the one before it.",
    )
    draw_with: Count | None = Field(
        None, description="Draw with the student of so many steps; null: with the network itself."
    )
    n_compared: Count = Field(512, ge=10, description="Rows on which students are compared after each epoch.")
    training: StudentTraining = StudentTraining()

    @model_validator(mode="after")
    def _halved(self) -> Distillation:
        for more, fewer in zip(self.steps, self.steps[1:], strict=False):
            if fewer >= more or more % fewer:
                raise ValueError(f"steps: {fewer} after {more}: a smaller divisor of {more} is expected")
        if any(number < 1 for number in self.steps):
            raise ValueError(f"steps: 1 or more each, got {list(self.steps)}")
        if self.draw_with is not None and self.draw_with not in self.steps:
            raise ValueError(f"draw_with: {self.draw_with} is none of the steps {list(self.steps)}")
        return self


class Settings(GeneratorSettings):
    """Settings of flow matching."""

    size: Literal["small", "published"] = Field(
        "small",
        description="Of the transformer of cells: small has tokens of 64 and 3 blocks; published 480 and 6, "
        "for a GPU, of the order of arXiv:2405.09629.",
    )
    patch: tuple[Count, Count, Count] = Field(
        (3, 10, 10),
        description="Layers, rows and columns of cells that are one token; of images rows and columns; of "
        "cylinders their product, inside a layer.",
    )
    symmetries: bool = Field(
        False,
        description="Turn and mirror showers while training, by the eight symmetries of the square: for "
        "particles that come straight at the centre.",
    )
    width: Count = Field(
        128, ge=1, description="Width of the dense network of features, or of energies and hits of layers."
    )
    blocks: Count = Field(4, ge=1, description="Its residual blocks, of two layers each.")
    solver: Literal["euler", "midpoint", "heun"] = Field(
        "midpoint", description="Solver of draws; midpoint and heun evaluate the network twice per step."
    )
    steps: Count = Field(16, ge=1, description="Steps of the solver.")
    probes: Count | None = Field(
        None,
        ge=1,
        description="Random directions for the divergence in densities (Hutchinson); null: exact up to "
        f"{_PROBES_ABOVE} features, 8 directions above.",
    )
    distil: Distillation = Distillation()
    sums_training: SumsTraining = SumsTraining()
    training: MatchingTraining = MatchingTraining()


@dataclass(frozen=True)
class MatchingGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("showers", "features", "images")

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`.

        Raises:
            ConfigError: symmetries of what has none.
        """
        if shape.kind == "features":
            return self._feature_network(shape)
        return self._two_factors(shape)

    def _matching(self, velocity: nn.Module, *, distilled: bool) -> nn.Module:
        from resonaut.nn.networks.flow_matching import FlowMatching

        own = self.settings
        students = (own.distil.steps, own.distil.draw_with) if distilled else ((), None)
        return FlowMatching(velocity, own.solver, own.steps, *students)

    def _feature_network(self, shape: Shape) -> nn.Module:
        from resonaut.nn.flow_features import FeatureMatching
        from resonaut.nn.networks.velocity import DenseVelocity

        own, n_features, n_conditions = self.settings, shape.dims[0], len(shape.conditions)
        velocity = DenseVelocity(n_features, 2 * n_conditions, own.width, own.blocks)
        probes = own.probes if own.probes or n_features <= _PROBES_ABOVE else 8
        return FeatureMatching(n_features, n_conditions, self._matching(velocity, distilled=True), probes)

    def _two_factors(self, shape: Shape) -> nn.Module:
        import torch

        from resonaut.nn.flow_showers import TwoFactors
        from resonaut.nn.networks.patch_transformer import PatchVelocity, layers_of_patches, patches_of
        from resonaut.nn.networks.velocity import DenseVelocity
        from resonaut.showers import cell_layer

        own = self.settings
        geometry = shape.settings.get("geometry") if shape.kind == "showers" else None
        patch = own.patch
        if geometry is None:
            geometry = {"kind": "cartesian", "shape": [1, *shape.dims]}
            patch = (1, *patch[1:])
        square = self._square(shape, geometry)
        layer = torch.from_numpy(cell_layer(geometry)).long()
        patches = patches_of(geometry, patch)
        n_layers, n_conditions = int(layer[-1]) + 1, len(shape.conditions)
        of_patch = layers_of_patches(patches, layer)
        sums = DenseVelocity(2 * n_layers, 2 * n_conditions, own.width, own.blocks)
        cells = PatchVelocity(
            *(*patches.shape, 2 * n_layers + 2 * n_conditions, *_SIZES[own.size]),
            own=torch.cat([of_patch, of_patch + n_layers], dim=1),
        )
        names = shape.conditions
        return TwoFactors(
            *(layer, patches, n_conditions),
            names.index("incident_energy") if "incident_energy" in names else None,
            self._matching(sums, distilled=False),
            self._matching(cells, distilled=True),
            square,
            shape.dims,
            shape.kind == "images" and shape.settings.get("normalise") in (True, "sum"),
        )

    def _square(self, shape: Shape, geometry: dict) -> tuple[int, ...] | None:
        """Layers, rows and columns if symmetries are learnt from."""
        if not self.settings.symmetries:
            return None
        if geometry["kind"] != "cartesian" or geometry["shape"][1] != geometry["shape"][2]:
            raise ConfigError(
                "generate: symmetries: true needs as many rows as columns of cells, in a square; found "
                f"{geometry.get('shape', 'a cylinder')}. Set symmetries: false."
            )
        for name in shape.conditions:
            if name.removeprefix("events/") in ("theta", "phi", "impact_row", "impact_column"):
                raise ConfigError(
                    f"generate: symmetries: true, but showers with the condition '{name}' have none. Set "
                    "symmetries: false, or leave the condition out."
                )
        return tuple(geometry["shape"])

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`; the history holds the epochs of all trainings, the best is one of the main's."""
        from resonaut.nn.flow_features import FeatureMatching
        from resonaut.nn.flow_training import Trainings

        trainings = Trainings(network, job.seed, job.where, job.checkpoint_folder, job.inputs, job.records)
        samples = training, validation
        if isinstance(network, FeatureMatching):
            self._fit_features(trainings, network, samples)
        else:
            self._fit_showers(trainings, network, samples)
        return trainings.history()

    def _fit_features(
        self, trainings: Trainings, network: nn.Module, samples: tuple[Samples, Samples]
    ) -> None:
        import torch

        from resonaut.nn.device import seeded
        from resonaut.seeds import integer_seed

        values, conditions = samples[0].take(torch.arange(len(samples[0]))).values
        network.to(values.device)
        with seeded(integer_seed(trainings.seed, "scale"), values.device):
            network.measure(values, conditions)

        def prepared(batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            return network.prepared(*batch)

        def loss(velocity: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
            return network.matching.loss(*prepared(batch))

        own = self.settings
        trainings.run("", network.matching.velocity, samples, loss, own.training)
        trainings.distil(network.matching, samples, prepared, own.distil.training, own.distil.n_compared)

    def _fit_showers(
        self, trainings: Trainings, network: nn.Module, samples: tuple[Samples, Samples]
    ) -> None:
        from resonaut.nn.flow_training import fit_showers

        own = self.settings
        fit_showers(trainings, network, samples, own.sums_training, own.training)
        trainings.distil(
            *(network.cells, samples, lambda batch: network.prepared_cells(*batch)),
            own.distil.training,
            own.distil.n_compared,
            lambda: network.known,
        )

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        return network.sample(conditions)

    def log_prob(self, network: nn.Module, values: Tensor, conditions: Tensor) -> Tensor:
        """See `WithDensity`; of features only.

        Raises:
            ConfigError: showers or images, whose second factor has no density in use.
        """
        from resonaut.nn.flow_features import FeatureMatching

        if not isinstance(network, FeatureMatching):
            raise ConfigError("generate: kind flow_matching has a density for learn: features only.")
        return network.log_prob(values, conditions).detach()


def build(settings: Settings) -> WithDensity:
    """The generator for these settings."""
    return MatchingGenerator(settings)
