"""What a generator is: `generate/methods/<name>.py` holds `Settings` and `build(settings)`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

from resonaut.seeds import integer_seed

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

Kind = Literal["showers", "images", "clouds", "features"]


@dataclass(frozen=True)
class Shape:
    """What a network is made for.

    Attributes:
        kind: representation that is learnt.
        dims: of one row: (layers, rows, columns) or (voxels,) of showers, (P, P) of images, (n_columns,) of
            the points of clouds, (n_features,) of features.
        columns: names of the columns of clouds or features; empty otherwise.
        conditions: names of the conditions, in the order of their columns.
        settings: how the representation was made (`normalise` of images, `geometry` of showers, ...).
    """

    kind: Kind
    dims: tuple[int, ...]
    columns: tuple[str, ...]
    conditions: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One training: what `nn.training.train` is told besides samples and settings.

    Attributes:
        seed: of this training.
        where: key of the configuration, for the messages.
        checkpoint_folder: where the state after each epoch is kept; methods of several trainings take
            folders in it.
        inputs: digest of what the training depends on.
        records: JSONL file with a line per epoch.
    """

    seed: int
    where: str
    checkpoint_folder: Path
    inputs: str
    records: Path | None = None

    def keywords(self) -> dict[str, Any]:
        """The same as keyword arguments of `nn.training.train` and `nn.adversarial.train_adversarial`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def part(self, name: str) -> Job:
        """The training of a part of a generator, with a seed, a key, a folder and records of its own."""
        records = self.records and self.records.with_suffix(f".{name}{self.records.suffix}")
        where, folder = f"{self.where}.{name}", self.checkpoint_folder / name
        return Job(integer_seed(self.seed, name), where, folder, self.inputs, records)


class Generator(Protocol):
    """Learns rows of one representation and draws new ones, given conditions.

    Batches of the samples hold (values, conditions): values are (n, *dims) as in the files (showers: GeV per
    cell; images: not negative), of clouds (padded (n, longest, n_columns), mask (n, longest)) instead, and
    conditions are (n, n_conditions) float32 in their own units. Scaling is the network's own business, in
    buffers that are stored with the weights.
    """

    kinds: tuple[Kind, ...]
    """Representations that it can learn."""

    def network(self, shape: Shape) -> nn.Module:
        """A new, untrained network, initialised by torch's random state."""

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """Train `network` in place; it ends on the CPU, in evaluation mode."""

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Draw a row for each row of `conditions`, (n, n_conditions), by torch's random state.

        Returns:
            Values as in the batches: (n, *dims), of clouds (padded, mask). Finite, and not negative where
            the files hold no negative values; images have sum 1 if settings['normalise'] says so.
        """


class WithDensity(Generator, Protocol):
    """A generator whose density is known."""

    def log_prob(self, network: nn.Module, values: Tensor, conditions: Tensor) -> Tensor:
        """Natural log of the density of each row given its conditions, (n,)."""
