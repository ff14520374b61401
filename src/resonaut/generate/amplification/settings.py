"""Settings of a study of amplification: the section `amplification` of a study."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from resonaut.nn.flows import FlowSettings
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count, Settings


class AdversarialSettings(Settings):
    """Generative adversarial networks on few points, all repetitions as one program.

    Both networks have three hidden layers. The loss is that of arXiv:1406.2661, in the non-saturating form.
    """

    width: Count = Field(
        64, ge=1, description="Units of each hidden layer (256, seven layers, in the paper)."
    )
    n_noise: Count = Field(4, ge=1, description="Noise numbers that a point is made from.")
    steps: Count = Field(2_000, ge=1, description="Steps of each player; the rate falls in the second half.")
    learning_rate: float = Field(1e-3, gt=0, description="Step of Adam (arXiv:1412.6980).")
    penalty: float = Field(
        2.0,
        ge=0,
        description="Factor of half of the discriminator's squared slope at training points, which keeps it "
        "from singling them out (arXiv:1801.04406, equation 9); in units of the sample's deviation.",
    )
    ema: float = Field(
        0.995, gt=0, lt=1, description="The generator is a mean over its steps, which forgets by this factor."
    )


class AmplificationSettings(Settings):
    """Quantile errors of samples, fits and generators, and what true sample would be as good."""

    distribution: Literal["camel_back", "ring"] = Field(
        "camel_back",
        description="camel_back: two Gaussians of width 1 at -4 and 4; ring: a Gaussian ring of radius 4 and "
        "width 1 in two dimensions (arXiv:2008.06545).",
    )
    n_training: Count = Field(100, ge=10, description="True points that are fitted and learnt.")
    sizes: tuple[Count, ...] = Field(
        (100, 300, 1_000, 3_000, 10_000, 100_000),
        min_length=1,
        description="Sizes of the samples that are generated, and of true ones.",
    )
    quantiles: tuple[Count, ...] = Field(
        (10, 20, 50),
        min_length=1,
        description="Numbers of quantiles; of the ring per dimension, in radius and angle.",
    )
    repetitions: Count = Field(
        20, ge=3, le=1_000, description="Training samples; errors come from their spread."
    )
    generators: tuple[Literal["gan", "flow"], ...] = Field(
        ("gan", "flow"), description="What learns the training samples."
    )
    gan: AdversarialSettings = AdversarialSettings()
    flow: FlowSettings = FlowSettings(
        kind="nsf",
        transforms=1,
        hidden=(16,),
        training=TrainingSettings(
            epochs=300, batch_size=100, learning_rate=5e-3, weight_decay=1e-4, patience=60
        ),
    )

    @field_validator("sizes", "quantiles")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)) or value[0] < 2:
            raise ValueError("numbers of at least 2 are expected, each larger than the one before")
        return value

    @field_validator("generators")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a generator is named twice")
        return value
