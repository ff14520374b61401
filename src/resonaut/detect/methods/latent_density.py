"""Density in the latent space of an autoencoder: rare codes are anomalous.

A plain autoencoder (arXiv:1808.08979) compresses the jets; the score is -log p(z) of a jet's latent vector z.
The density p is fitted to the latent vectors of the jets that trained the network, nothing of the fold that
it scores: a mixture of normal distributions (expectation maximisation, Dempster, Laird, Rubin,
doi:10.1111/j.2517-6161.1977.tb01600.x) or a normalising flow (arXiv:1705.07057). It asks how rare a jet is,
where the reconstruction error asks how hard it is to draw. A density depends on the coordinates: another
network orders the jets otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from resonaut.detect.autoencoding import AutoencodingSettings
from resonaut.detect.interface import Context, Data, Needs
from resonaut.nn.flows import FlowSettings
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    import torch

    from resonaut.detect.autoencoding import Fitted
    from resonaut.detect.autoencoding_plan import Plan
    from resonaut.nn.many import Many

    LogDensity = Callable[[int, np.ndarray], np.ndarray]


class LatentFlow(FlowSettings):
    """A normalising flow in the few dimensions of a latent space, and its training."""

    transforms: Count = Field(3, ge=1, description="Transforms, one after the other.")
    hidden: tuple[Count, ...] = Field(
        (32,), min_length=1, description="Sizes of the hidden layers of each transform."
    )
    keep_epochs: Count = Field(1, ge=1, description="Epochs whose mean the density is.")


class Settings(AutoencodingSettings):
    """Density in latent space."""

    density: Literal["mixture", "flow"] = Field(
        "mixture", description="A mixture of normal distributions, or a normalising flow."
    )
    components: Count = Field(5, ge=1, description="Normal distributions in the mixture.")
    flow: LatentFlow = LatentFlow()


@dataclass(frozen=True)
class LatentDensity:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """See `Detector.fit`."""
        import torch

        from resonaut.detect import autoencoding, autoencoding_plan
        from resonaut.nn.device import choose
        from resonaut.nn.networks.autoencoder import Autoencoder
        from resonaut.nn.reconstruction import squared_error

        settings = self.settings
        made = autoencoding_plan.plan(data, settings, context)
        table = torch.from_numpy(made.table).to(choose(settings.training.device))

        def make(n_inputs: int) -> torch.nn.Module:
            points = settings.kind == "constituents"
            return Autoencoder(n_inputs, settings.hidden, settings.bottleneck, points=points)

        def loss(call: Callable, rows: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            result = call(rows)
            return squared_error(result.inputs, result.outputs)

        trained = autoencoding.train(made, table, make, loss, settings, context)
        fit = _mixtures if settings.density == "mixture" else _flows
        log_density = fit(trained, made, table, settings, context)

        def score(members: np.ndarray, rows: torch.Tensor) -> np.ndarray:
            pairs = zip(members, _latent(trained, members, rows), strict=True)
            return np.stack([-log_density(member, latent) for member, latent in pairs])

        return autoencoding.fitted(trained, settings, context, score)


def build(settings: Settings) -> LatentDensity:
    """The detector of these settings."""
    return LatentDensity(settings, settings.needs())


def _latent(trained: Many, members: Any, table: torch.Tensor, rows: np.ndarray | None = None) -> np.ndarray:
    """Latent vectors (n_members, n, n_latent), float64."""
    found = trained.apply(members, lambda call, inputs: call(inputs).latent, table, rows)
    return found.cpu().numpy().astype(np.float64)


def _mixtures(
    trained: Many, made: Plan, table: torch.Tensor, settings: Settings, context: Context
) -> LogDensity:
    """Mixtures of normal distributions."""
    from sklearn.mixture import GaussianMixture

    found = []
    for number, member in enumerate(made.members):
        latent = _latent(trained, [number], table, made.samples[member.train].rows)[0]
        # A variance below which all directions look alike: a millionth of the mean one.
        floor = 1e-6 * float(latent.var(axis=0).mean()) + 1e-12
        density = GaussianMixture(
            min(settings.components, len(latent)),
            reg_covar=floor,
            random_state=integer_seed(context.seed, "density", member.seed, bits=32),
        )
        found.append(density.fit(latent))
    return lambda member, latent: found[member].score_samples(latent)


def _flows(
    trained: Many, made: Plan, table: torch.Tensor, settings: Settings, context: Context
) -> LogDensity:
    """Normalising flows, trained and stopped with the jets that train and stop each network."""
    from resonaut.nn.flows import fit_flows
    from resonaut.nn.lists import Member, Sample

    values: list[np.ndarray] = []
    samples, members, start = [], [], 0
    for number, member in enumerate(made.members):
        for which in (member.train, member.validation):
            rows = made.samples[which].rows
            values.append(_latent(trained, [number], table, rows)[0].astype(np.float32))
            samples.append(Sample(start + np.arange(len(rows)), np.ones(len(rows))))
            start += len(rows)
        seed = integer_seed(context.seed, "density", member.seed)
        members.append(Member(seed, len(samples) - 2, len(samples) - 1))
    # A flow has a condition; one that is always 0 says nothing.
    flows = fit_flows(
        np.concatenate(values),
        np.zeros((start, 1), np.float32),
        samples,
        members,
        settings.flow,
        what=f"{context.where}.flow",
        networks_per_batch=settings.networks_per_batch,
    )

    def log_density(member: int, latent: np.ndarray) -> np.ndarray:
        condition = np.zeros((len(latent), 1), np.float32)
        return flows.log_prob([member], latent.astype(np.float32), condition)[0]

    return log_density
