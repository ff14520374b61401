"""Settings of an entry of `trigger`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resonaut.datasets import Name
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings

Backend = Literal["hls4ml", "da4ml", "both", "none"]
Bits = Annotated[Count, Field(ge=2, le=16)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class FineTuning(ScheduledTraining):
    """How pruned networks, and networks that know of their rounding, are trained on."""

    epochs: Count = Field(10, ge=1, description="Epochs at most.")
    learning_rate: float = Field(5e-4, gt=0, description="Step of Adam (arXiv:1412.6980).")


class AutoencoderTraining(ScheduledTraining):
    """How the autoencoder is trained."""

    epochs: Count = Field(100, ge=1, description="Epochs at most.")
    learning_rate: float = Field(3e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")


class TriggerAutoencoder(Settings):
    """A small dense autoencoder of the background."""

    hidden: tuple[Annotated[Count, Field(ge=1)], ...] = Field(
        (16,), description="Hidden layers of the encoder; the decoder has them in reverse."
    )
    bottleneck: Count = Field(4, ge=1, description="Numbers that the encoder gives.")
    training: AutoencoderTraining = AutoencoderTraining()


class TriggerExport(Settings):
    """Which of the networks becomes firmware."""

    bits: Bits = Field(8, description="One of `bits`.")
    pruning: Fraction = Field(0.0, description="One of `pruning`.")
    backend: Backend = Field(
        "both",
        description="hls4ml: C++ for synthesis, compiled and compared here; da4ml: Verilog of adders, "
        "compared here; none: nothing is exported.",
    )
    clock_ns: float = Field(5.0, gt=0, description="Clock period of the projects, ns.")
    part: str = Field("xcvu13p-flga2577-2-e", description="FPGA of the projects.")
    reuse_factor: Count = Field(1, ge=1, description="How often hls4ml uses a multiplier per evaluation.")
    stage_depth: Count = Field(5, ge=1, description="Adders behind each other between da4ml's registers.")
    n_compared: Count = Field(
        4000,
        ge=100,
        description="Test rows, and as many random ones, on which the emulations must agree to the last bit.",
    )
    tolerance: float = Field(
        0.3,
        gt=0,
        description="Largest root mean square difference from the float network that is written, in standard "
        "deviations of its score.",
    )

    @property
    def backends(self) -> tuple[str, ...]:
        """The tools that are used."""
        return {"both": ("hls4ml", "da4ml"), "none": ()}.get(self.backend, (self.backend,))


class TriggerSettings(Settings):
    """A dense tagger, or an autoencoder of its background, in fixed point for a trigger."""

    tagger: Name = Field(
        description="A tagger of `kind: dense` with `relu`, signal and background; its first restart is used."
    )
    autoencoder: TriggerAutoencoder | None = Field(
        None,
        description="Instead of the tagger itself: an autoencoder of its inputs, trained on its background.",
    )
    bits: tuple[Bits, ...] = Field(
        (16, 12, 8, 6, 4), min_length=1, description="Bits of inputs, weights and activations."
    )
    output_bits: Count = Field(16, ge=4, le=24, description="Bits of the outputs of the last layer.")
    pruning: tuple[Fraction, ...] = Field(
        (0.0, 0.5, 0.75),
        min_length=1,
        description="Fractions of the weights of each layer, the smallest, that are set to 0.",
    )
    aware: bool = Field(
        True, description="Train networks that know of their rounding too, and export one of these."
    )
    fine_tuning: FineTuning = FineTuning()
    export: TriggerExport = TriggerExport()
    input_rate_khz: float = Field(
        100.0,
        gt=0,
        description="Rate of events (or jets) like those of the background, before the trigger, kHz.",
    )
    bandwidth_khz: float = Field(1.0, gt=0, description="Rate that the trigger may accept, kHz.")

    @model_validator(mode="after")
    def _fits(self) -> TriggerSettings:
        for key in ("bits", "pruning"):
            values, own = getattr(self, key), getattr(self.export, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: a number is named twice")
            if self.export.backends and own not in values:
                told = ", ".join(f"{value:g}" for value in values)
                raise ValueError(f"export.{key}: {own:g} is not among {key} ({told}); name one of them")
        if self.bandwidth_khz >= self.input_rate_khz:
            raise ValueError(
                f"bandwidth_khz: {self.bandwidth_khz:g} lets all of {self.input_rate_khz:g} kHz pass; name a "
                "smaller one"
            )
        return self


class TriggerSlice(Settings):
    """The part of the configuration that is used."""

    name: str
    seed: Count
    trigger: TriggerSettings
