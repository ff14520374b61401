"""An autoencoder of jets (arXiv:1808.08979, 1808.08992): what it cannot draw again is anomalous.

Dense networks learn the jets of the mixture itself, each fold's from the other folds, or those of other
datasets (`train_on`); a jet's score is its distance from what the network makes of it, an event's the sum or
the largest over its jets. Masses and side bands are not used, so one set of networks serves all windows.

The score says what is hard to draw, which is not the same as what is rare: a network that learnt complex jets
draws simple ones well although it never saw any (arXiv:2104.09051). `train_on` the
other class shows it.

Distances: `l2` compares number with number (mean squared error of the scaled inputs), so two listings of one
jet's constituents are far apart; `chamfer` and `transport` (nn/reconstruction.py) compare sets. A scan of the
bottleneck is several methods:

    detect:
      autoencoder_2: {kind: autoencoder, bottleneck: 2}
      autoencoder_6: {kind: autoencoder, bottleneck: 6}
      autoencoder_20: {kind: autoencoder, bottleneck: 20}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from resonaut.detect.autoencoding import AutoencodingSettings
from resonaut.detect.interface import Context, Data, Needs

if TYPE_CHECKING:
    import torch

    from resonaut.detect.autoencoding import Fitted
    from resonaut.detect.autoencoding_plan import Plan
    from resonaut.nn.networks.autoencoder import Reconstruction


class Settings(AutoencodingSettings):
    """Autoencoder."""

    loss: Literal["l2", "chamfer", "transport"] = Field(
        "l2",
        description="Distance of a jet from its reconstruction; the last two compare sets of constituents; "
        "transport takes ten times as long as chamfer.",
    )
    noise: float = Field(
        0.0,
        ge=0,
        description="Width of the normal noise that is added to the scaled inputs before they are encoded, "
        "while the clean ones are to be drawn (denoising, doi:10.1145/1390156.1390294).",
    )
    radius: float = Field(0.8, gt=0, description="R of the transport (radian), arXiv:1902.02346, eq. 1.")
    blur: float = Field(
        0.02, gt=0, description="Entropy of the transport, in units of R; smaller is nearer to the exact one."
    )
    iterations: int = Field(30, ge=1, description="Iterations of the transport (Sinkhorn).")

    @model_validator(mode="after")
    def _sets(self) -> Settings:
        if self.loss != "l2" and self.kind != "constituents":
            raise ValueError(f"loss: '{self.loss}' compares sets of constituents; set inputs: constituents")
        if self.feature_inputs and self.bottleneck >= len(self.feature_inputs) and not self.noise:
            raise ValueError(
                f"bottleneck: {self.bottleneck} numbers hold all of {len(self.feature_inputs)} features, and "
                "every event is drawn well; make it smaller, or set noise"
            )
        return self


@dataclass(frozen=True)
class Autoencoder:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        import torch

        from resonaut.detect import autoencoding, autoencoding_plan
        from resonaut.nn.device import choose

        settings = self.settings
        made = autoencoding_plan.plan(data, settings, context)
        table = torch.from_numpy(made.table).to(choose(settings.training.device))
        if settings.kind == "images" and not settings.noise:
            return _dense(made, table, settings, context)
        distance = distance_of(settings)

        def make(n_inputs: int) -> torch.nn.Module:
            from resonaut.nn.networks import autoencoder

            points = settings.kind == "constituents"
            return autoencoder.Autoencoder(n_inputs, settings.hidden, settings.bottleneck, points=points)

        def loss(call: Callable, rows: torch.Tensor, _: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            noise = settings.noise * autoencoding.normal(key, rows.shape, rows.dtype)
            return distance(call(rows, noise if settings.noise else None))

        trained = autoencoding.train(made, table, make, loss, settings, context)
        score = autoencoding.applied(trained, lambda call, rows: distance(call(rows)))
        return autoencoding.fitted(trained, settings, context, score)


def build(settings: Settings) -> Autoencoder:
    """The detector of these settings."""
    return Autoencoder(settings, settings.needs())


def distance_of(settings: Settings) -> Callable[[Reconstruction], torch.Tensor]:
    """The loss of each row, (n,)."""
    from resonaut.nn import reconstruction

    def distance(made: Reconstruction) -> torch.Tensor:
        if settings.loss == "l2":
            return reconstruction.squared_error(made.inputs, made.outputs)
        if settings.loss == "chamfer":
            return reconstruction.chamfer(*(x.unflatten(-1, (-1, 3)) for x in (made.inputs, made.outputs)))
        points = [reconstruction.points_of(x * made.scale) for x in (made.inputs, made.outputs)]
        return reconstruction.transport(
            *points[0], *points[1], settings.radius, settings.blur, settings.iterations
        )

    return distance


def _dense(made: Plan, table: torch.Tensor, settings: Settings, context: Context) -> Fitted:
    """The plain network of pixels: its gradient is written out in `nn.ensemble`, which is faster."""
    import numpy as np

    from resonaut.detect.autoencoding import Fitted
    from resonaut.nn import ensemble, stacked

    trained = ensemble.train(
        table,
        made.samples,
        made.members,
        (*settings.hidden, settings.bottleneck, *settings.hidden[::-1]),
        "reconstruction",
        settings.training,
        networks_per_batch=settings.networks_per_batch,
        what=context.where,
    )
    return Fitted(
        settings,
        context,
        lambda members, rows: trained.scores(rows, members, np.arange(len(rows))),
        trained.history,
        len(made.members),
        stacked.n_parameters(trained.sizes),
        table.device,
    )
