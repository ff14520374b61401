"""Showers layer by layer: numbers of the shower and its layers by flows, then the cells of each layer.

The first of two factors (arXiv:2405.09629) draws the shower as a whole, then energy and number of hits of
each layer; the second the cells of a layer given the layers before it (the order of arXiv:2305.11934), by
likelihood instead of a flow.
See `nn.networks.layer_totals` and `nn.networks.layerwise`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.errors import ConfigError
from resonaut.generate.interface import Generator, Job, Kind, Shape
from resonaut.generate.settings import GeneratorSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History

_PASS = 512
_DRAWN = 128
"""Showers that are drawn at a time: their maps of one layer fit the caches of a CPU."""


class SumsTraining(ScheduledTraining):
    """How the flow of the sums of layers is trained."""

    epochs: Count = Field(120, ge=1, description="Epochs at most.")
    learning_rate: float = Field(2e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    weight_decay: float = Field(1e-2, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")
    patience: Count = Field(50, ge=1, description="Epochs without a better validation loss before stopping.")
    schedule: str = Field("one_cycle", pattern="^(constant|cosine|one_cycle)$", description="See `training`.")


class CellsTraining(ScheduledTraining):
    """How the cells are trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(64, ge=1, description="Showers per step.")
    learning_rate: float = Field(5e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    schedule: str = Field("one_cycle", pattern="^(constant|cosine|one_cycle)$", description="See `training`.")


class Settings(GeneratorSettings):
    """Settings of the layer-by-layer generator of showers."""

    width: Count = Field(16, ge=1, description="Channels of the convolutions of a layer.")
    components: Count = Field(4, ge=1, description="Log-normals that the energy of a hit is a mixture of.")
    layers_per_step: Count = Field(
        8, ge=1, description="Layers of each shower, by chance, that count in one step of the training."
    )
    symmetries: bool = Field(
        False,
        description="Turn and mirror showers by chance while training: for few showers of particles that "
        "come straight at the centre of a calorimeter without a preferred side.",
    )
    sums_width: Count = Field(256, ge=1, description="Width of the network of the sums of layers.")
    sums_blocks: Count = Field(3, ge=1, description="Its residual blocks.")
    steps: Count = Field(10, ge=1, description="Steps of the midpoint rule for the sums of layers.")
    sums_training: SumsTraining = SumsTraining()
    training: CellsTraining = CellsTraining()


@dataclass(frozen=True)
class LayerwiseGenerator:
    """The generator of these settings."""

    settings: Settings
    kinds: tuple[Kind, ...] = ("showers",)

    def network(self, shape: Shape) -> nn.Module:
        """See `Generator`.

        Raises:
            ConfigError: the cells are not rows and columns in layers.
        """
        from torch import nn

        from resonaut.nn.networks.layer_totals import LayerTotals
        from resonaut.nn.networks.layerwise import Cells

        own = self.settings
        if len(shape.dims) != 3:
            raise ConfigError(
                "generate: kind layerwise needs cells in layers, rows and columns; this geometry is "
                "cylindrical. Take flow_matching, or a flow of features."
            )
        layers, rows, columns = shape.dims
        if own.symmetries and rows != columns:
            raise ConfigError(
                f"generate: kind layerwise turns showers, which {rows} rows and {columns} columns do not "
                "allow; set symmetries: false."
            )
        threshold = shape.settings["threshold"] / 1000
        n_conditions = len(shape.conditions)
        sums = LayerTotals(
            layers,
            threshold,
            rows * columns,
            n_conditions,
            width=own.sums_width,
            blocks=own.sums_blocks,
            steps=own.steps,
        )
        cells = Cells(shape.dims, threshold, n_conditions, own.width, own.components)
        return nn.ModuleDict({"sums": sums, "cells": cells})

    def fit(self, network: nn.Module, training: Samples, validation: Samples, job: Job) -> History:
        """See `Generator`; the history is that of the cells."""
        import torch

        from resonaut.nn.samples import FixedSamples
        from resonaut.nn.training import train

        own = self.settings
        tables, occupancy = [], None
        for samples in (training, validation):
            *table, hits = _table(network["cells"], samples)
            tables.append(FixedSamples(*table))
            occupancy = hits if occupancy is None else occupancy
        network["sums"].measure(*tables[0].columns)
        network["cells"].measure(occupancy, tables[0].columns[-1])

        def sums_loss(net: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
            return net.loss(*values)

        def cells_loss(net: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
            dense, conditions = values
            if own.symmetries and net.training:
                dense = turned(dense, int(torch.randint(8, ())))
            return net.loss(dense, conditions, min(own.layers_per_step, dense.shape[1]))

        whole = [FixedSamples(*network["sums"].whole_of(*table.columns)) for table in tables]
        part = job.part("whole").keywords()
        train(network["sums"].whole, *whole, sums_loss, own.sums_training, **part)
        train(network["sums"], *tables, sums_loss, own.sums_training, **job.part("sums").keywords())
        last = replace(job.part("cells"), records=job.records)
        return train(network["cells"], training, validation, cells_loss, own.training, **last.keywords())

    def sample(self, network: nn.Module, conditions: Tensor) -> Tensor:
        """See `Generator`."""
        import torch

        found = []
        for part in conditions.split(_DRAWN):
            sums, moments = network["sums"].draw(part)
            found.append(network["cells"].draw(sums, moments, part))
        return torch.cat(found)


def turned(dense: Tensor, which: int) -> Tensor:
    """Showers under one of the eight symmetries of the square; (n, layers, size, size)."""
    found = dense.rot90(which % 4, (2, 3))
    return found.flip(2) if which >= 4 else found


def _table(network: nn.Module, samples: Samples) -> tuple[Tensor, ...]:
    """Sums (n, layers, 2), moments (n, 5), conditions, and the mean occupancy of cells (layers, cells)."""
    import torch

    parts, hits = [], 0
    for rows in torch.arange(len(samples)).split(_PASS):
        dense, given = samples.take(rows).values[:2]
        cells = dense.flatten(2)
        hit = (cells > 0).to(cells)
        parts.append((torch.stack([cells.sum(2), hit.sum(2)], dim=-1), network.moments(dense), given))
        hits = hits + hit.sum(0)
    return *(torch.cat(columns) for columns in zip(*parts, strict=True)), hits / len(samples)


def build(settings: Settings) -> Generator:
    """The generator for these settings."""
    return LayerwiseGenerator(settings)
