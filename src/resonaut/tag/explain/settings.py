"""Settings of an entry of `explain`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from resonaut.datasets import Name
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings
from resonaut.tag.feature_settings import Input

What = Literal["attributions", "observables", "surrogate", "latent", "information", "capsules"]
Attribution = Literal["gradient", "integrated_gradients", "shap"]
Surrogate = Literal["linear", "polynomial", "symbolic"]
OF_OBSERVABLES: tuple[What, ...] = ("observables", "surrogate", "latent")
"""What needs known observables."""
Width = Annotated[Count, Field(ge=1)]


class EncoderSettings(Settings):
    """An autoencoder that learns the background alone (arXiv:1808.08979)."""

    hidden: tuple[Width, ...] = Field(
        (64, 32), description="Hidden layers of the encoder; the decoder's too."
    )
    bottleneck: Count = Field(6, ge=2, le=64, description="Size of the latent space.")
    training: ScheduledTraining = ScheduledTraining(epochs=30, batch_size=256)


class ExplainSettings(Settings):
    """What a tagger looks at, on test jets."""

    what: What = Field(
        description="attributions: what each input adds to the log odds; observables: what the score and the "
        "latent space know of observables, and what is left beyond them; surrogate: formulae that decide "
        "alike; latent: the latent space with observables as colours; information: what layers know while "
        "they learn; capsules: lengths and routing of a capsule network.",
    )
    tagger: Name = Field(description="Tagger of the study.")
    of_class: Name | None = Field(
        None, description="Class whose log odds are explained, of a tagger of several classes."
    )
    n_jets: Count = Field(
        1000, ge=50, le=20_000, description="Test rows of each class at most. Attributions take 300 or so."
    )
    observables: tuple[Input, ...] = Field(
        (), description="Columns of the features, as in `inputs` of a tagger of features: jets/tau32."
    )
    attributions: tuple[Attribution, ...] = Field(
        ("gradient", "integrated_gradients", "shap"),
        min_length=1,
        description="gradient: per standard deviation of an input; integrated_gradients (arXiv:1703.01365); "
        "shap: Shapley values (arXiv:1705.07874), the only one of boosted trees.",
    )
    n_steps: Count = Field(32, ge=8, le=1000, description="Points of the path of integrated gradients.")
    n_draws: Count = Field(10, ge=2, le=1000, description="Orders and background jets of Shapley values.")
    n_guided: Count = Field(
        6, ge=1, le=30, description="Observables that the guided search (arXiv:2010.11998) takes at most."
    )
    surrogates: tuple[Surrogate, ...] = Field(
        ("linear", "polynomial", "symbolic"),
        min_length=1,
        description="linear: of all observables; polynomial: the best few products of two; symbolic: the "
        "best formula of few observables.",
    )
    n_terms: Count = Field(6, ge=1, le=30, description="Products of a polynomial at most.")
    complexity: Count = Field(
        11, ge=1, le=15, description="Observables, functions and signs of a symbolic formula at most."
    )
    autoencoder: EncoderSettings | None = Field(
        None, description="Latent space of an autoencoder of background rows, instead of the tagger's own."
    )
    n_training: Count = Field(
        20_000,
        ge=100,
        description="Rows of each class at most that `information` and autoencoders learn from.",
    )
    n_bins: Count = Field(30, ge=2, le=1000, description="Bins of a unit's range, for information.")
    noise: float = Field(
        1.0,
        gt=0,
        le=10,
        description="Noise that `information` puts on a layer, in units of the root mean square spread of "
        "its units: without it the information of a continuous layer is infinite (arXiv:1810.05728).",
    )

    @field_validator("observables", "attributions", "surrogates")
    @classmethod
    def _once(cls, value: tuple) -> tuple:
        if len({name.removeprefix("events/") for name in value}) < len(value):
            raise ValueError("an entry is named twice")
        return value

    @model_validator(mode="after")
    def _needed(self) -> ExplainSettings:
        if self.what in OF_OBSERVABLES and not self.observables:
            raise ValueError(f"observables: '{self.what}' needs at least one column of the features")
        if any(name.startswith("taggers/") for name in self.observables):
            raise ValueError("observables: columns of the features are expected, not scores of taggers")
        if self.autoencoder is not None and self.what != "latent":
            raise ValueError(f"autoencoder: of what: latent only, not '{self.what}'; leave it out")
        return self


class ExplainSlice(Settings):
    """The part of the configuration that is used."""

    name: Name
    seed: Count
    explain: ExplainSettings
    tag: dict | None = Field(None, description="The slice of the tagger, where it is trained again.")
