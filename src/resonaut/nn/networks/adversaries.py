"""A generator and its critic as one network, with the scales between rows as in files and what they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.nn.networks.censored import Censored, CensoredCells, Sums
from resonaut.nn.networks.critic import Body, dense_critic, planar_critic, volume_critic
from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.gan import DenseBody, PlanarBody, VolumeBody
from resonaut.nn.networks.scaled_conditions import ScaledConditions
from resonaut.nn.samples import Samples
from resonaut.showers import cell_layer

_MEV = 1e-3
_VALUES = 2**25
_QUIET = 0.1
_LOG_VARIANCE_RANGE = (-12.0, 12.0)


class Standard(nn.Module):
    """Between features and their standardised scale; a feature that is never negative stays so.

    Args:
        n_features: length of a row.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.scale = Standardise(n_features)
        self.register_buffer("never_negative", torch.zeros(n_features, dtype=torch.bool))

    def measure(self, values: Tensor) -> None:
        """Take the constants from (n, n_features)."""
        self.scale.measure(values)
        self.never_negative.copy_((values >= 0).all(dim=0))

    def encode(self, values: Tensor) -> Tensor:
        """Features, (n, n_features), standardised."""
        return self.scale(values)

    def censor(self, rows: Tensor) -> Tensor:
        """What a generator gives, as it is."""
        return rows

    def decode(self, rows: Tensor) -> Tensor:
        """Features of standardised rows."""
        values = rows * self.scale.width + self.scale.mean
        return torch.where(self.never_negative, values.clamp_min(0), values)


class Generator(nn.Module):
    """A body and, of sparse rows, the noise of each cell behind it.

    Args:
        body: (n, n_noise + n_conditions) to (n, *dims).
        cells: the last step, if there is one.
    """

    def __init__(self, body: nn.Module, cells: CensoredCells | None) -> None:
        super().__init__()
        self.body = body
        self.cells = cells
        if cells is not None:
            # The cells begin with the right means and occupancies, which a loud body would spoil.
            last = [layer for layer in body.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]
            nn.init.normal_(last.weight, std=_QUIET / last.weight[0].numel() ** 0.5)
            nn.init.zeros_(last.bias)

    def forward(self, noise: Tensor, scaled: Tensor) -> Tensor:
        """(n, n_noise) and (n, n_conditions) to (n, *dims)."""
        rows = self.body(torch.cat([noise, scaled], dim=1))
        return rows if self.cells is None else self.cells(rows, scaled)


class Adversaries(nn.Module):
    """A generator and a critic. Parts for players: `generator`, `critic`, and what a method adds.

    "Rows" are on the scale that the networks see; "values" are as in files. "Scaled" conditions are those
    that `conditions` gives.

    Args:
        dims: of one row.
        names: of the conditions.
        scale: between values and rows.
        sums: what the critic is given besides rows and conditions, if anything.
        generator, critic: the players.
        n_noise: noise numbers of the generator.
    """

    def __init__(
        self,
        dims: Sequence[int],
        names: Sequence[str],
        scale: Censored | Standard,
        sums: Sums | None,
        generator: Generator,
        critic: Body,
        n_noise: int,
    ) -> None:
        super().__init__()
        self.dims, self.names, self.n_noise = tuple(dims), tuple(names), n_noise
        self.conditions = ScaledConditions(names)
        self.scale = scale
        self.sums = sums
        self.generator = generator
        self.critic = critic

    @property
    def n_measured(self) -> int:
        """Rows that are enough for `measure`, and that fit into memory."""
        return min(8192, max(256, _VALUES // int(np.prod(self.dims))))

    @torch.no_grad()
    def measure(self, values: Tensor, conditions: Tensor) -> None:
        """Take all constants from values (n, *dims) and conditions (n, n_conditions)."""
        self.conditions.measure(conditions)
        self.scale.measure(values)
        rows, scaled = self.scale.encode(values), self.conditions(conditions)
        if self.sums is not None:
            self.sums.measure(rows, scaled)
        if self.generator.cells is not None:
            self.generator.cells.measure(rows, scaled)

    def encode(self, values: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and scaled conditions of values as in files."""
        return self.scale.encode(values), self.conditions(conditions)

    def noise(self, scaled: Tensor) -> Tensor:
        """Normal noise for each row of the scaled conditions, (n, n_noise)."""
        return torch.randn(len(scaled), self.n_noise, device=scaled.device)

    def made(self, scaled: Tensor, noise: Tensor | None = None) -> Tensor:
        """Generated rows, (n, *dims)."""
        noise = self.noise(scaled) if noise is None else noise
        return self.scale.censor(self.generator(noise, scaled))

    def judged(self, rows: Tensor, scaled: Tensor) -> Tensor:
        """What the critic says of rows, (n,); larger is more real."""
        return self.critic(rows, self._given(rows, scaled))[:, 0]

    def _given(self, rows: Tensor, scaled: Tensor) -> Tensor:
        if self.sums is None:
            return scaled
        return torch.cat([self.sums.rest(rows, scaled), scaled], dim=1)

    def summary(self, rows: Tensor, scaled: Tensor) -> Tensor:
        """Numbers by which samples are compared, (n, k): the sums, or features, and the conditions."""
        return self._given(rows, scaled) if self.sums is not None else torch.cat([rows.flatten(1), scaled], 1)

    def latent(self, rows: Tensor, scaled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A draw of the latent vector of each row, its mean and its log variance, (n, n_noise) each.

        Only with a part `encoder`.
        """
        mean, log_variance = self.encoder(rows, self._given(rows, scaled)).chunk(2, dim=1)
        log_variance = log_variance.clamp(*_LOG_VARIANCE_RANGE)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean), mean, log_variance

    def difference(self, first: Tensor, second: Tensor) -> Tensor:
        """Half the squared difference of the critic's maps of two rows (arXiv:1512.09300, equation 8), (n,).

        The sums that the critic is given count as maps.
        """
        maps = self.critic.maps(first) - self.critic.maps(second)
        found = 0.5 * maps.square().sum(1)
        if self.sums is not None:
            sums = self.sums.scaled(first) - self.sums.scaled(second)
            found = found + 0.5 * sums.square().sum(1)
        return found

    @torch.no_grad()
    def draw(self, conditions: Tensor) -> Tensor:
        """Values for each row of conditions (n, n_conditions), by torch's random state."""
        return self.scale.decode(self.made(self.conditions(conditions)))


class Constrainer(nn.Module):
    """Reads a scaled condition from rows: the frozen regressor `a` of arXiv:2005.05334, section 3.2.

    Args:
        body: (n, *dims) and what is given to one number.
        sums: of the rows, standardised over all of them; None where the body is given nothing.
        number: of the condition.
    """

    def __init__(self, body: Body, sums: Sums | None, number: int) -> None:
        super().__init__()
        self.body = body
        # In a list: its constants are the whole network's, and stored there.
        self._sums = [sums]
        self.number = number

    def forward(self, rows: Tensor) -> Tensor:
        """(n, *dims) to (n,), the scaled condition."""
        (sums,) = self._sums
        given = rows.new_zeros(len(rows), 0) if sums is None else sums.scaled(rows)
        return self.body(rows, given)[:, 0]

    def squared_error(self, rows: Tensor, scaled: Tensor) -> Tensor:
        """(a(x) - E)^2 of each row, (n,), in units of the scaled condition."""
        return (self(rows) - scaled[:, self.number]).square()


def constrainer(network: Adversaries, number: int, width: int) -> Constrainer:
    """A regressor of the condition `number` from the rows of `network`, of the kind of its critic."""
    sums, dims = network.sums, network.dims
    if sums is None:
        return Constrainer(volume_critic(dims, 0), None, number)
    make = dense_critic if len(dims) == 1 else planar_critic
    return Constrainer(make(dims, sums.n_outputs, 4 * width if len(dims) == 1 else width), sums, number)


def encoder(network: Adversaries, width: int) -> Body:
    """An encoder for the rows of `network` like its critic: to mean and log variance of the latent vector."""
    n_given = network.critic.n_given
    make = dense_critic if len(network.dims) == 1 else planar_critic
    return make(network.dims, n_given, 4 * width if len(network.dims) == 1 else width, 2 * network.n_noise)


def measure(network: Adversaries, training: Samples) -> None:
    """Let `network` take its constants from rows spread over the training sample, where the network is.

    A sample without rows is left to the engine, which refuses it.
    """
    if not len(training):
        return
    count = min(len(training), network.n_measured)
    batch = training.take(torch.linspace(0, len(training) - 1, count).long())
    network.measure(*(value.to(network.conditions.mean.device) for value in batch.values))


def adversaries(
    kind: str,
    dims: Sequence[int],
    names: Sequence[str],
    settings: Mapping[str, Any],
    *,
    n_noise: int,
    width: int,
    published: bool = False,
) -> Adversaries:
    """Generator and critic of one kind of rows.

    Features have dense layers, pictures and showers on a grid convolutions, showers on a cylinder dense
    layers. The published size is that of arXiv:2005.05334: convolutions in three axes, a critic that is given
    the conditions but no sums, no noise in cells.

    Args:
        kind: features, images or showers.
        dims: of one row.
        names: of the conditions.
        settings: of the representation: `normalise` of images, `threshold` (MeV) and `geometry` of showers.
        n_noise: noise numbers.
        width: channels of the convolutions next to the cells; dense layers have four times as many.
        published: the size of the paper; showers on a grid only.

    Raises:
        ConfigError: the published size of another kind of rows.
    """
    n_conditions = len(names)
    if kind == "features":
        scale, sums, cells = Standard(dims[0]), None, None
    else:
        threshold = float(settings.get("threshold") or 0) * _MEV if kind == "showers" else 0
        normalise = kind == "images" and settings.get("normalise") in (True, "sum")
        scale = Censored(threshold or None, normalise)
        sizes = [int(np.prod(dims))]
        if kind == "showers" and "geometry" in settings:
            sizes = np.bincount(cell_layer(settings["geometry"])).tolist()
        sums, cells = Sums(dims, sizes, n_conditions), CensoredCells(dims, n_conditions)
    n_given = n_conditions + (0 if sums is None else sums.n_outputs)
    if published:
        if len(dims) != 3:
            raise ConfigError(
                "size: 'published' is for showers on a grid of layers, rows and columns; these are "
                f"{kind} of shape {' x '.join(map(str, dims))}. Set it to 'small'."
            )
        generator = Generator(VolumeBody(n_noise, n_conditions, dims), None)
        return Adversaries(dims, names, scale, None, generator, volume_critic(dims, n_conditions), n_noise)
    if len(dims) == 1:
        body: nn.Module = DenseBody(n_noise + n_conditions, dims, 4 * width)
        critic = dense_critic(dims, n_given, 4 * width)
    else:
        body = PlanarBody(n_noise + n_conditions, dims, width)
        critic = planar_critic(dims, n_given, width)
    return Adversaries(dims, names, scale, sums, Generator(body, cells), critic, n_noise)
