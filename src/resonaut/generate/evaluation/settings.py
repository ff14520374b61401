"""Settings of the evaluation of a generator."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from resonaut.settings import Count, Settings


class ClassifierSettings(Settings):
    """The networks that try to tell generated rows from real ones."""

    size: Literal["small", "published"] = Field(
        "small",
        description="small: 2 x 64 on observables, a small convolution (showers, images), sums over points "
        "(clouds) or 2 x 64 (features) on all values, for CPUs; published: 2 x 2048 on both, batches of "
        "1000, 50 epochs, learning rate 2e-4 (CaloChallenge), for GPUs.",
    )
    folds: Count = Field(
        5, ge=2, le=20, description="Parts of the rows; each is scored by networks that learnt the others."
    )
    folds_low_level: Count = Field(2, ge=2, le=20, description="The same, of the low-level network.")
    low_level: bool = Field(True, description="Train the network on all values too; it takes the longest.")
    trees: bool = Field(True, description="Boosted trees on the observables beside the network.")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="Where networks are trained.")


class TargetSettings(Settings):
    """What is wanted; the report says of each whether it is met. Null: not asked for."""

    auc_high_level: float | None = Field(0.60, gt=0.5, le=1, description="AUC on observables at most.")
    separation: float | None = Field(1e-2, gt=0, le=1, description="Separation power of each histogram.")
    visible_energy: float | None = Field(
        0.01, gt=0, description="Relative difference of the mean visible energy at most, of showers."
    )
    resolution: float | None = Field(
        0.10, gt=0, description="Relative difference of the energy resolution at most, of showers."
    )
    energies: tuple[float, ...] = Field(
        (20.0, 50.0, 80.0), description="Incident energies at which the last two are asked for, GeV."
    )


class SimulationSettings(Settings):
    """The simulation that a generator replaces, for the comparison of times."""

    rows_per_second: float = Field(gt=0, description="Rows that it makes in a second, on one CPU core.")
    source: str = Field(min_length=1, description="Where this number is from: program, version, machine.")


class EvaluationSettings(Settings):
    """How generated rows are compared with those of the test part."""

    n_rows_max: Count = Field(20_000, ge=100, description="Rows of either kind that are compared at most.")
    n_bins: Count = Field(30, ge=5, le=200, description="Bins of the histograms of observables.")
    energies: tuple[float, ...] = Field(
        (20.0, 35.0, 50.0, 65.0, 80.0),
        description="Incident energies at which response and resolution are measured, GeV.",
    )
    energy_window: float = Field(
        0.1, gt=0, lt=0.5, description="Showers within this share of such an energy count; see docs."
    )
    extrapolate: bool = Field(
        False,
        description="Draw also for test rows whose conditions leave the trained range, and mark them.",
    )
    timing: bool = Field(
        False, description="Measure the time per row too: timing.json, which differs from run to run."
    )
    simulation: SimulationSettings | None = Field(
        None, description="Rate of the simulation that is replaced, for `timing`."
    )
    classifier: ClassifierSettings = ClassifierSettings()
    targets: TargetSettings = TargetSettings()

    @field_validator("energies")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(energy <= 0 for energy in value) or list(value) != sorted(set(value)):
            raise ValueError("energies in GeV are expected, above 0 and rising")
        return value

    @model_validator(mode="after")
    def _targets_are_measured(self) -> EvaluationSettings:
        missing = sorted(set(self.targets.energies) - set(self.energies))
        if missing:
            raise ValueError(
                f"targets.energies: {missing} GeV are not among evaluate.energies {list(self.energies)}; "
                "name them there too"
            )
        return self
