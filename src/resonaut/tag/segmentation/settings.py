"""Settings of a clustering of two overlapping showers."""

from __future__ import annotations

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings


class GravNetSettings(Settings):
    """Sizes of the network; the defaults are those of arXiv:1902.07987."""

    n_blocks: Count = Field(4, ge=1, description="Blocks, each with its own search of neighbours.")
    width: Count = Field(64, ge=1, description="Units of the dense layers of a block.")
    n_coordinates: Count = Field(4, ge=1, description="Dimensions of the learned space.")
    n_learned: Count = Field(22, ge=1, description="Features that neighbours give.")
    k: Count = Field(40, ge=1, description="Neighbours of each hit.")
    n_outputs: Count = Field(48, ge=1, description="Outputs of a block for each hit.")
    f: tuple[Count, ...] = Field((128, 3), description="Hidden layers after the blocks.")


class ClusterTraining(ScheduledTraining):
    """How the network is trained."""

    batch_size: Count = Field(16, ge=1, description="Pairs per step.")


class ClusterSettings(Settings):
    """Two showers of one dataset, moved apart by whole cells, whose hits a network shares out."""

    dataset: str = Field(description="Showers of one kind, in layers, rows and columns.")
    n_showers_max: Count = Field(20_000, ge=10, description="Showers to read at most, of all parts.")
    n_pairs: Count = Field(5_000, ge=10, description="Pairs to learn from.")
    n_test: Count = Field(1_000, ge=10, description="Pairs of each of the validation and the test part.")
    distance_max: float = Field(10.0, gt=0, description="Largest distance of the two axes, cells.")
    threshold: float = Field(0.1, ge=0, description="Least visible energy of a hit of a single shower, MeV.")
    edges: tuple[float, ...] = Field(
        (0, 1, 2, 3, 4, 6, 8, 10.5), min_length=2, description="Bins of the distance, cells."
    )
    network: GravNetSettings = GravNetSettings()
    training: ClusterTraining = ClusterTraining()


class ClusterSlice(Settings):
    """The part of the configuration that is used."""

    name: str
    seed: Count
    cluster: ClusterSettings
