"""What autoencoders share: their settings, their training, and the scores of events."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from resonaut.detect import jets
from resonaut.detect.autoencoding_plan import MIN_JETS, Plan
from resonaut.detect.interface import Context, Events, Needs, Scores
from resonaut.detect.settings import DetectorSettings, feature_names
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count

if TYPE_CHECKING:
    import torch

    from resonaut.nn.ensemble import History
    from resonaut.nn.many import Loss, Many

_EVENTS = 1 << 13


class AutoencoderTraining(TrainingSettings):
    """How autoencoders are trained."""

    epochs: Count = Field(15, ge=1, description="Epochs at most.")
    patience: Count = Field(3, ge=1, description="Epochs without a better validation loss before stopping.")


class AutoencodingSettings(DetectorSettings):
    """An autoencoder: what it reads, what it learns from, and its size."""

    inputs: Literal["images", "constituents"] | tuple[str, ...] = Field(
        "images",
        description="What is reconstructed: the images of the leading jets, their leading constituents "
        "(share of pt, delta eta, delta phi), or a list of features of the event.",
    )
    n_constituents: Count = Field(20, ge=1, description="Leading constituents, for `inputs: constituents`.")
    train_on: Literal["mixture"] | tuple[str, ...] = Field(
        "mixture",
        description="Whose jets are learnt: those of the mixture itself, out of fold, or a list of datasets: "
        "a simulated background, or the other class, to see what a detector of anomalies does with it.",
    )
    n_folds: Count = Field(2, ge=2, description="Folds; each is scored by networks trained on the others.")
    n_restarts: Count = Field(1, ge=1, description="Networks per fold; their mean is the score.")
    hidden: tuple[Count, ...] = Field((128, 32), min_length=1, description="Layers before the bottleneck.")
    bottleneck: Count = Field(6, ge=1, description="Size of the latent space.")
    combine: Literal["sum", "max"] = Field("sum", description="An event's score from those of its jets.")
    n_jets_max: Count = Field(20_000, ge=MIN_JETS, description="Jets that train one network, at most.")
    validation_parts: Count = Field(
        5, ge=2, description="One of so many parts of the training events validates; another one per restart."
    )
    training: AutoencoderTraining = AutoencoderTraining()

    @field_validator("inputs", "train_on")
    @classmethod
    def _named_once(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value:
            raise ValueError("an empty list; at least one name is expected")
        if isinstance(value, tuple) and len(set(value)) < len(value):
            raise ValueError("a name stands there twice")
        return value

    @model_validator(mode="after")
    def _no_truth(self) -> AutoencodingSettings:
        feature_names(self.feature_inputs)
        return self

    @property
    def kind(self) -> jets.Kind:
        """What is read."""
        return "features" if isinstance(self.inputs, tuple) else self.inputs

    @property
    def feature_inputs(self) -> tuple[str, ...]:
        """Names of the features that are read."""
        return self.inputs if isinstance(self.inputs, tuple) else ()

    def representations(self) -> list[str]:
        """Kinds of representation that this detector reads."""
        return ["clouds" if self.kind == "constituents" else self.kind]

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return [] if self.train_on == "mixture" else list(self.train_on)

    def needs(self) -> Needs:
        """What is read of the events."""
        return Needs(
            features=self.feature_inputs,
            images=self.kind == "images",
            constituents=self.n_constituents if self.kind == "constituents" else 0,
            samples=tuple(self.samples_used()),
            side_bands=False,
        )


def scaling(table: torch.Tensor, made: Plan, kind: jets.Kind) -> dict[str, torch.Tensor]:
    """Shift and scale (n_networks, d) of each network's inputs, from the rows that train it.

    Features: mean and standard deviation of each. Pixels: no shift and one scale, their root mean square.
    Constituents: no shift and two scales, for the share of pt and for both angles.
    """
    import torch

    constants: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for number in sorted({member.train for member in made.members}):
        values = table[torch.as_tensor(made.samples[number].rows, device=table.device)]
        shift = torch.zeros_like(values[0])
        if kind == "features":
            scale, shift = torch.std_mean(values, dim=0, correction=0)
        elif kind == "images":
            scale = values.square().mean().sqrt().expand_as(shift)
        else:
            mean = values.unflatten(1, (-1, 3)).square().mean(dim=(0, 1))
            pair = torch.stack([mean[0], mean[1:].mean(), mean[1:].mean()])
            scale = pair.sqrt().repeat(values.shape[1] // 3)
        constants[number] = shift, torch.where(scale > 0, scale, 1)
    rows = [constants[member.train] for member in made.members]
    return {name: torch.stack([row[k] for row in rows]) for k, name in enumerate(("shift", "scale"))}


def train(
    made: Plan,
    table: torch.Tensor,
    make: Callable[[int], torch.nn.Module],
    loss: Loss,
    settings: AutoencodingSettings,
    context: Context,
) -> Many:
    """Train the networks of a plan; their module has buffers `shift` and `scale`.

    Args:
        made: who learns what.
        table: `made.table`, on the device that trains.
        make: makes a network of so many inputs.
        loss: see `many.train_many`.
        settings: of the training.
        context: for the progress lines.
    """
    from resonaut.nn.many import train_many

    return train_many(
        lambda: make(table.shape[1]),
        table,
        made.samples,
        made.members,
        loss,
        settings.training,
        networks_per_batch=settings.networks_per_batch,
        what=context.where,
        constants=scaling(table, made, settings.kind),
    )


def normal(key: torch.Tensor, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Standard normal numbers of one network (Box, Muller, doi:10.1214/aoms/1177706645).

    Args:
        key: () int64, what the numbers are named by.
        shape: of the result.
        dtype: of the result.
    """
    import torch

    from resonaut.nn import random

    count = math.prod(shape)
    half = (count + 1) // 2
    length, angle = random.uniform(key[None], 2 * half, dtype)[0].split(half)
    # 1 - u is above 0, so that its logarithm is finite.
    length, angle = (-2 * torch.log1p(-length)).sqrt(), 2 * math.pi * angle
    return torch.cat([length * angle.cos(), length * angle.sin()])[:count].reshape(shape)


@dataclass(frozen=True)
class Fitted:
    """Trained autoencoders, one set for all windows.

    Attributes:
        settings: of the detector.
        context: names.
        of_jets: scores (n_members, n) of rows (n, d) by some of the networks.
        history: losses of the training.
        n_networks, n_parameters: see `interface.Fitted`.
        device: where they run.
    """

    settings: AutoencodingSettings
    context: Context
    of_jets: Callable[[np.ndarray, torch.Tensor], np.ndarray]
    history: History
    n_networks: int
    n_parameters: int
    device: torch.device

    def score(self, events: Events) -> Scores:
        """See `Fitted.score`."""
        import torch

        from resonaut.detect.folds import folds

        settings = self.settings
        inputs = jets.of_events(events, settings.kind, settings.feature_inputs, self.context)
        fold = folds(events, self.context, settings.n_folds)
        score = np.empty(len(events), np.float32)
        for number in range(settings.n_folds):
            members = number * settings.n_restarts + np.arange(settings.n_restarts)
            rows = np.flatnonzero(fold == number)
            for start in range(0, len(rows), _EVENTS):
                part = rows[start : start + _EVENTS]
                table = torch.from_numpy(inputs.rows(part)).to(self.device)
                each = self.of_jets(members, table).mean(0).reshape(len(part), inputs.n_jets)
                score[part] = each.sum(1) if settings.combine == "sum" else each.max(1)
        return Scores(np.repeat(score[None], len(self.context.windows), axis=0), fold.astype(np.int32))


def applied(
    trained: Many, score: Callable[..., torch.Tensor]
) -> Callable[[np.ndarray, torch.Tensor], np.ndarray]:
    """`Fitted.of_jets` for a `score(call, rows)` of one network, (n, d) to (n,)."""
    return lambda members, table: trained.apply(members, score, table).cpu().numpy()


def fitted(
    trained: Many,
    settings: AutoencodingSettings,
    context: Context,
    of_jets: Callable[[np.ndarray, torch.Tensor], np.ndarray],
) -> Fitted:
    """The networks of `train` with the scores of their jets."""
    return Fitted(
        settings,
        context,
        of_jets,
        trained.history,
        trained.kept.shape[1],
        trained.program.n_parameters,
        trained.kept.device,
    )
