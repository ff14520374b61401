"""Networks that answer several times: ensembles, stochastic networks, a drawn last layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from resonaut.nn.device import choose, seeded
from resonaut.nn.laplace import LastLayer, with_one
from resonaut.nn.latent import latent
from resonaut.nn.networks.bayesian import drawing
from resonaut.nn.samples import Samples, Subset, batches_of_rows, stream
from resonaut.nn.streaming import placed
from resonaut.seeds import generator, integer_seed

BATCH = 1024


class Predictor(Protocol):
    """Answers to the same rows.

    Attributes:
        n_draws: how many.
    """

    n_draws: int

    def draws(self, samples: Samples, rows: np.ndarray) -> Iterator[np.ndarray]:
        """What each draw says of some rows, (n_rows, n_outputs) float64: logits, or (mean, ln variance)."""
        ...


def logits(
    network: nn.Module,
    samples: Samples,
    rows: np.ndarray,
    device: str = "auto",
    seed: int | None = None,
) -> np.ndarray:
    """What a network says of some rows, (n_rows, n_outputs) float64, in their order.

    Args:
        samples: their batches are the arguments of the network, and nothing more.
        rows: (n_rows,) row numbers.
        seed: of the noise; without one, the network is in evaluation mode.
    """
    where = choose(device)
    (there,) = placed([samples], where, 0.5)
    batches = batches_of_rows(np.arange(len(rows)), _lengths(samples, rows), BATCH)
    order = np.argsort(torch.cat(batches).numpy(), kind="stable")
    network.to(where).eval()
    noise = nullcontext() if seed is None else drawing(network)
    with torch.no_grad(), noise, seeded(seed or 0, where):
        chosen = [torch.as_tensor(rows)[batch] for batch in batches]
        found = torch.cat([network(*batch.values) for batch in stream(there, chosen)])
    network.to("cpu")
    values = found.double().cpu().numpy()[order]
    return values[:, None] if values.ndim == 1 else values


def _lengths(samples: Samples, rows: np.ndarray) -> torch.Tensor | None:
    return None if samples.lengths is None else samples.lengths[torch.as_tensor(rows)]


@dataclass(frozen=True)
class Members:
    """Networks that were trained from other seeds, each of which answers once (arXiv:1612.01474)."""

    networks: Sequence[nn.Module]
    device: str = "auto"

    @property
    def n_draws(self) -> int:
        """See `Predictor`."""
        return len(self.networks)

    def draws(self, samples: Samples, rows: np.ndarray) -> Iterator[np.ndarray]:
        """See `Predictor`."""
        for network in self.networks:
            yield logits(network, samples, rows, self.device)


@dataclass(frozen=True)
class Stochastic:
    """A network with dropout (arXiv:1506.02142) or weights with widths, whose answers differ by their noise.

    Each row has noise of its own in each draw.
    """

    network: nn.Module
    n_draws: int
    seed: int
    device: str = "auto"

    def draws(self, samples: Samples, rows: np.ndarray) -> Iterator[np.ndarray]:
        """See `Predictor`."""
        for number in range(self.n_draws):
            seed = integer_seed(self.seed, "draw", number)
            yield logits(self.network, samples, rows, self.device, seed)


@dataclass(frozen=True)
class DrawnLastLayer:
    """A trained network with the last layer drawn from Laplace's approximation."""

    network: nn.Module
    posterior: LastLayer
    n_draws: int
    seed: int
    what: str
    device: str = "auto"

    def draws(self, samples: Samples, rows: np.ndarray) -> Iterator[np.ndarray]:
        """See `Predictor`."""
        inputs = with_one(latent(self.network, Subset(samples, rows), self.what, self.device))
        for parameters in self.posterior.drawn(self.n_draws, generator(self.seed, "draws")):
            yield inputs @ parameters.T
