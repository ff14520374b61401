"""Settings that every tagger of jet images has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.settings import TaggerSettings

Channel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Pixels = Annotated[Count, Field(ge=1)]
Width = Annotated[Count, Field(ge=1)]


class ImageTraining(ScheduledTraining):
    """How a network of images is trained."""

    epochs: Count = Field(15, ge=1, description="Epochs at most.")
    batch_size: Count = Field(128, ge=1, description="Jets per step.")


class ImageTaggerSettings(TaggerSettings):
    """Settings that every tagger of images has."""

    inputs: tuple[Channel, ...] = Field(
        ("pt",), min_length=1, description="Channels of the images, of those in represent.images.channels."
    )
    n_pixels: Pixels | tuple[Pixels, Pixels] = Field(
        40, description="Pixels along each axis, or [rows, columns]: as in represent.images.n_pixels."
    )
    standardise: Literal["channel", "pixel"] = Field(
        "channel",
        description="What pixels are divided by: the root mean square of their channel, or, after their own "
        "mean is taken off, the standard deviation of each (arXiv:1612.01551).",
    )
    n_jets_max: Count = Field(20_000, ge=10, description="Jets of each class at most.")
    training: ImageTraining = ImageTraining()

    @field_validator("inputs")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a channel is named twice")
        return value

    @field_validator("n_pixels")
    @classmethod
    def _one_if_equal(cls, value: Any) -> Any:
        """Equal settings are equal JSON."""
        return value[0] if isinstance(value, tuple) and value[0] == value[1] else value

    def representation(self) -> str:
        """Kind of representation that this tagger reads."""
        return "images"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of an image."""
        pixels = self.n_pixels if isinstance(self.n_pixels, tuple) else (self.n_pixels, self.n_pixels)
        return (len(self.inputs), *pixels)
