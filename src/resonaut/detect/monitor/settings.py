"""Settings of an entry of `monitor`."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resonaut.datasets import Name
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count, Settings

Column = Literal[
    "constituents/pt",
    "constituents/eta",
    "constituents/phi",
    "jets/pt",
    "jets/eta",
    "jets/phi",
    "jets/mass",
    "jets/n_constituents",
    "events/n_jets",
]
Width = Annotated[Count, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
MAX_BINS = 5000


class Axis(Settings):
    """One axis of a histogram; what lies beyond its ends is counted in its first and last bin."""

    column: Column = Field(description="What is counted, GeV or radian.")
    bins: Count = Field(20, ge=1, le=200, description="Number of bins.")
    low: float = Field(description="Lower end.")
    high: float = Field(description="Upper end.")
    log: bool = Field(False, description="Bins of equal ratio.")

    @model_validator(mode="after")
    def _ordered(self) -> Axis:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low:g}) must be above 0 for bins of equal ratio")
        return self


Axes = Annotated[tuple[Axis, ...], Field(min_length=1, max_length=2)]
_HISTOGRAMS = {
    "occupancy": (
        Axis(column="constituents/eta", bins=12, low=-2.4, high=2.4),
        Axis(column="constituents/phi", bins=16, low=-math.pi, high=math.pi),
    ),
    "constituent_pt": (Axis(column="constituents/pt", bins=20, low=0.5, high=500, log=True),),
    "jet_pt": (Axis(column="jets/pt", bins=20, low=100, high=3000, log=True),),
    "jet_mass": (Axis(column="jets/mass", bins=20, low=0, high=400),),
    "n_constituents": (Axis(column="jets/n_constituents", bins=20, low=0, high=160),),
}


class Faults(Settings):
    """What goes wrong in the detector, each at several sizes."""

    dead_region: tuple[Positive, ...] = Field(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
        description="Side of a square in eta and phi, in which nothing is measured.",
    )
    hot_cell: tuple[Positive, ...] = Field(
        (0.2, 0.5, 0.7, 1.0, 1.5, 2.0),
        description="Constituents per event that a noisy cell at the same place adds.",
    )
    scale: tuple[Annotated[float, Field(gt=-0.9, lt=10)], ...] = Field(
        (0.01, 0.02, 0.03, 0.04, 0.05, 0.07), description="Relative shift of all energies."
    )
    position: tuple[float, float] = Field((0.8, 1.0), description="Of the region and the cell: eta and phi.")
    hot_pt: float = Field(5.0, gt=0, description="pt of what the noisy cell measures, GeV.")

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if 0 in value:
            raise ValueError("a shift of 0 is no fault; leave it out")
        return value

    @field_validator("dead_region", "hot_cell", "scale")
    @classmethod
    def _once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a size is named twice")
        return value

    @model_validator(mode="after")
    def _some(self) -> Faults:
        if not (self.dead_region or self.hot_cell or self.scale):
            raise ValueError("name at least one size of one fault")
        if abs(self.position[1]) > math.pi:
            raise ValueError(f"position: phi is {self.position[1]:g}; -pi to pi is expected")
        return self


class MonitorTraining(TrainingSettings):
    """How the autoencoder is trained."""

    epochs: Count = Field(100, ge=1, description="Epochs at most.")
    batch_size: Count = Field(64, ge=1, description="Runs per step.")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")


class MonitorSettings(Settings):
    """An autoencoder of the histograms of a run, beside plain tests, as a monitor of the data."""

    datasets: tuple[Name, ...] = Field(min_length=1, description="Good data: datasets of jets.")
    events_per_run: Count = Field(500, ge=20, description="Events of a run.")
    histograms: dict[Name, Axes] = Field(
        default_factory=lambda: dict(_HISTOGRAMS),
        min_length=1,
        description="Histograms of a run by name: one axis, or two.",
    )
    mixing: float = Field(
        0.0,
        ge=0,
        le=2,
        description="Width of the logarithm of each dataset's share, by which good runs differ (other "
        "triggers, for example); needs two datasets.",
    )
    faults: Faults = Faults()
    n_runs: Count = Field(
        2000, ge=50, description="Good runs to train on; a quarter as many decide when to stop."
    )
    n_test: Count = Field(
        1000, ge=50, description="Runs for each size of each fault; good ones to measure false alarms."
    )
    n_threshold: Count = Field(4000, ge=100, description="Good runs that the thresholds are set with.")
    false_alarms: float = Field(0.01, gt=0, lt=0.5, description="Share of good runs that raise an alarm.")
    n_events_max: Count = Field(20_000, ge=100, description="Events of each dataset at most.")
    hidden: tuple[Width, ...] = Field(
        (64,), description="Hidden layers of the encoder; the decoder's mirror."
    )
    n_latent: Count = Field(4, ge=1, description="Size of the bottleneck.")
    training: MonitorTraining = MonitorTraining()

    @model_validator(mode="after")
    def _fits(self) -> MonitorSettings:
        if self.mixing and len(set(self.datasets)) < 2:
            raise ValueError("mixing: two datasets or more are expected, or 0")
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError("datasets: one is named twice")
        for name, axes in self.histograms.items():
            if len({axis.column.partition("/")[0] for axis in axes}) > 1:
                raise ValueError(
                    f"histograms.{name}: both axes must be of constituents, of jets or of events"
                )
        n_bins = sum(math.prod(axis.bins for axis in axes) for axes in self.histograms.values())
        if n_bins > MAX_BINS:
            raise ValueError(f"histograms: {n_bins} bins in all; at most {MAX_BINS} are allowed")
        if self.n_threshold * self.false_alarms < 5:
            raise ValueError(
                f"n_threshold: {self.n_threshold} runs hold {self.n_threshold * self.false_alarms:.1f} false "
                "alarms; 5 are expected to set a threshold"
            )
        eta, side = self.faults.position[0], max(self.faults.dead_region, default=0.0)
        for axis in (axis for axes in self.histograms.values() for axis in axes):
            if axis.column == "constituents/eta" and not (
                axis.low <= eta - side / 2 and eta + side / 2 <= axis.high
            ):
                raise ValueError(
                    f"faults: a region of side {side:g} at eta {eta:g} leaves the detector, {axis.low:g} to "
                    f"{axis.high:g} in the histograms; name a smaller one, or another position"
                )
        return self


class MonitorSlice(Settings):
    """The part of the configuration that is used."""

    name: Name
    seed: Count
    monitor: MonitorSettings
