"""Settings of every training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from resonaut.settings import Count, Settings


class TrainingSettings(Settings):
    """How a network is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(256, ge=1, description="Events or jets per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")
    patience: Count = Field(5, ge=1, description="Epochs without a better validation loss before stopping.")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="Where to train.")

    @model_validator(mode="before")
    @classmethod
    def _of_another(cls, value: Any) -> Any:
        """The values of a training with other defaults."""
        other = isinstance(value, TrainingSettings) and not isinstance(value, cls)
        return value.model_dump() if other else value


class ScheduledTraining(TrainingSettings):
    """How the engine of `nn.training` trains one network."""

    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "cosine",
        description="Learning rate over the steps: constant; falling to 0 as a cosine (arXiv:1608.03983); "
        "one cycle (arXiv:1708.07120): from 1/25 of it up, then down to 1e-4 of where it began, to its end "
        "whatever `patience` says.",
    )
    warm_up: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Fraction of the steps in which the rate rises, as a line (one_cycle: as half a cosine); "
        "null is 0.3 for one_cycle and 0 otherwise.",
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Validate and keep a mean of the weights over the steps, which forgets by this factor "
        "per step (0.999); null keeps the weights themselves.",
    )
    clip_norm: float | None = Field(
        None, gt=0, description="Longest gradient; a longer one is scaled to it (arXiv:1211.5063). Null: any."
    )
    precision: Literal["float32", "bf16", "auto"] = Field(
        "auto",
        description="bf16: matrix products in bfloat16, if a first batch agrees with full precision; auto: "
        "so on cuda, and full precision elsewhere.",
    )
    compile: Literal["auto", "on", "off"] = Field(
        "off", description="torch.compile the network; auto: on cuda only. It takes minutes before it gains."
    )
    device_memory_fraction: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Samples live on the GPU if they take at most this fraction of its free memory; "
        "otherwise batches are sent ahead one by one.",
    )
    loggers: tuple[Literal["tensorboard", "mlflow"], ...] = Field(
        (), description="Send losses to these as well; their packages are not installed by default."
    )

    @model_validator(mode="after")
    def _warm_up_has_a_use(self) -> ScheduledTraining:
        if self.schedule == "one_cycle" and self.warm_up == 0:
            raise ValueError("warm_up: one_cycle needs a rise; give a fraction above 0, or null for 0.3")
        return self
