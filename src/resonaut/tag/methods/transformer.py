"""Transformer with class attention; with pair features it is the Particle Transformer (arXiv:2202.03772)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import CLOUD_INPUTS, TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]
_OF_PAIRS = ("log_pt", "delta_eta", "delta_phi")


class TransformerTraining(ScheduledTraining):
    """How the transformer is trained (arXiv:2202.03772, section 6: batches of 512, weight decay 0.01)."""

    batch_size: Count = Field(512, ge=1, description="Jets per step.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")


class Settings(TaggerSettings):
    """Settings of the transformer."""

    inputs: tuple[str, ...] = Field(
        CLOUD_INPUTS,
        min_length=1,
        description="Columns of the clouds (arXiv:2202.03772, table 2); pair features are made from log_pt, "
        "delta_eta and delta_phi.",
    )
    pair_features: bool = Field(
        False,
        description="Add ln Delta, ln kT, ln z and ln m^2 of pairs to the attention (ParT); the plain "
        "transformer is about 1.5 times as fast.",
    )
    embed: tuple[Width, ...] = Field(
        (128, 512, 128), min_length=1, description="Layers that make a token of a constituent."
    )
    pair_hidden: tuple[Width, ...] = Field(
        (64, 64, 64), description="Hidden channels of the network on pair features."
    )
    n_heads: Count = Field(8, ge=1, description="Heads of the attention; a divisor of the last of `embed`.")
    n_blocks: Count = Field(8, ge=0, description="Blocks over constituents.")
    n_class_blocks: Count = Field(2, ge=1, description="Blocks of class attention.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of values dropped in training.")
    attention_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of attention weights dropped in training; 0 is faster on a CPU."
    )
    training: TransformerTraining = TransformerTraining()

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.embed[-1] % self.n_heads:
            raise ValueError(f"n_heads ({self.n_heads}) does not divide the last of embed ({self.embed[-1]})")
        absent = [name for name in _OF_PAIRS if name not in self.inputs]
        if self.pair_features and absent:
            raise ValueError(f"pair_features needs {', '.join(absent)} among the inputs")
        return self


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.transformer import ParticleTransformer

        return ParticleTransformer(
            settings.inputs,
            embed=settings.embed,
            n_heads=settings.n_heads,
            n_blocks=settings.n_blocks,
            n_class_blocks=settings.n_class_blocks,
            pair_hidden=settings.pair_hidden if settings.pair_features else None,
            dropout=settings.dropout,
            attention_dropout=settings.attention_dropout,
            n_outputs=n_outputs,
        )

    return Tagger(inputs=settings.inputs, network=network)
