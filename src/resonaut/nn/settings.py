"""Settings of every training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.settings import Count, Settings


class TrainingSettings(Settings):
    """How a network is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Events or jets per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")
    patience: Count = Field(5, ge=1, description="Epochs without a better validation loss before stopping.")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="Where to train.")


class ScheduledTraining(TrainingSettings):
    """How the engine of `nn.training` trains one network."""

    schedule: Literal["constant", "cosine"] = Field(
        "cosine",
        description="Learning rate over the steps: constant, or falling to 0 as a cosine (arXiv:1608.03983).",
    )
