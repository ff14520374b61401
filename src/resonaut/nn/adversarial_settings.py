"""Settings of trainings in which networks play against each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count


class AdversarialTraining(ScheduledTraining):
    """How the engine of `nn.adversarial` trains."""

    epochs: Count = Field(50, ge=1, description="Epochs at most.")
    batch_size: Count = Field(128, ge=1, description="Rows per step.")
    learning_rate: float = Field(2e-4, gt=0, description="Step of Adam (arXiv:1412.6980).")
    patience: Count = Field(
        20, ge=1, description="Epochs without a smaller distance from the validation rows before stopping."
    )
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "constant",
        description="Learning rate over the steps: constant; falling to 0 as a cosine (arXiv:1608.03983); "
        "one cycle (arXiv:1708.07120).",
    )
    ema: float | None = Field(
        0.995,
        gt=0,
        lt=1,
        description="Validate and keep a mean of the generator's weights over its steps, which forgets by "
        "this factor per step; null keeps the weights themselves.",
    )
    precision: Literal["float32"] = Field(
        "float32", description="Full precision only: a gradient penalty takes the slope of a slope."
    )
    compile: Literal["off"] = Field("off", description="The losses call several networks: not compiled.")
