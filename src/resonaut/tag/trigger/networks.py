"""Networks of a trigger in floats, pruned, and in fixed point: after training, or trained for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.logs import log
from resonaut.nn.device import seeded
from resonaut.nn.fixed_point import FixedNetwork, profiled, smallest
from resonaut.nn.networks.dense import dense
from resonaut.nn.quantised import Layers
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train
from resonaut.seeds import integer_seed
from resonaut.tag.trigger.layers import Dense, taken_apart
from resonaut.tag.trigger.settings import TriggerAutoencoder, TriggerSettings

POST, AWARE = "post", "aware"
"""How a network came to fixed point: rounded after its training, or trained for it."""
_N_PROFILE = 20_000
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Rows:
    """Rows of a part.

    Attributes:
        values: (n, n_inputs) float32, standardised.
        label: (n,) float32, 1 signal, 0 background.
        weight: (n,) float32, with mean 1.
    """

    values: np.ndarray
    label: np.ndarray
    weight: np.ndarray

    def background(self) -> Rows:
        """Those of the background alone."""
        own = self.label == 0
        weight = self.weight[own]
        return Rows(self.values[own], self.label[own], weight / weight.mean(dtype=np.float64))


@dataclass(frozen=True)
class Variant:
    """A network in fixed point.

    Attributes:
        training: `POST` or `AWARE`.
        pruning: fraction of the weights that was set to 0 before rounding.
    """

    bits: int
    pruning: float
    training: str
    network: FixedNetwork


def scores(values: np.ndarray, outputs: np.ndarray, *, autoencoder: bool) -> np.ndarray:
    """What is cut on: the log odds of signal, or the mean squared error of the reconstruction; (n,).

    Args:
        values: (n, n_inputs) inputs of the network; in fixed point where it is.
        outputs: (n, n_outputs).
    """
    return np.square(outputs - values).mean(axis=1) if autoencoder else outputs[:, 0]


def compared(score: np.ndarray, *, autoencoder: bool) -> np.ndarray:
    """Scores on a scale on which a difference means the same everywhere: probability, or ln of the error."""
    return np.log(score + _SMALLEST) if autoencoder else 1 / (1 + np.exp(-score))


def fixed_scores(network: FixedNetwork, values: np.ndarray, *, autoencoder: bool) -> np.ndarray:
    """Scores of a network in fixed point, (n,)."""
    held = network.inputs.apply(values)
    return scores(held, network(held), autoencoder=autoencoder)


@dataclass(frozen=True)
class Workshop:
    """What networks are made with.

    Attributes:
        training, validation: rows; an autoencoder learns from their background.
        own: the entry.
        seed: the study's seed.
        where: key of the entry.
    """

    training: Rows
    validation: Rows
    own: TriggerSettings
    seed: int
    where: str

    def autoencoder(self, settings: TriggerAutoencoder) -> Dense:
        """A trained autoencoder of the background."""
        n_inputs = self.training.values.shape[1]
        sizes = (n_inputs, *settings.hidden, settings.bottleneck, *settings.hidden[::-1], n_inputs)
        with seeded(integer_seed(self.seed, self.where, "weights")):
            made = nn.Sequential(*dense(sizes, last_activation=False))
        linear = [layer for layer in made.modules() if isinstance(layer, nn.Linear)]
        # The code is linear, as in `detect`'s autoencoders.
        relu = [number not in (len(settings.hidden), len(linear) - 1) for number in range(len(linear))]
        start = Dense(
            tuple(layer.weight.detach().double().numpy() for layer in linear),
            tuple(layer.bias.detach().double().numpy() for layer in linear),
            tuple(relu),
        )
        return self._trained(start, None, settings.training, "autoencoder")[0]

    def variants(self, start: Dense) -> Iterator[Variant]:
        """All networks in fixed point, one at a time."""
        own = self.own
        for pruning in own.pruning:
            pruned = start if pruning == 0 else self._pruned(start, pruning)
            for bits in own.bits:
                fixed = self.rounded(pruned, bits)
                yield Variant(bits, pruning, POST, fixed)
                if own.aware:
                    log.info("%s: train with %d bits, %g pruned", self.where, bits, pruning)
                    name = f"{AWARE}/{bits}/{pruning:g}"
                    _, trained = self._trained(pruned, fixed, own.fine_tuning, name)
                    yield Variant(bits, pruning, AWARE, trained)

    def rounded(self, network: Dense, bits: int) -> FixedNetwork:
        """A network in fixed point, with formats from the training rows."""
        step = -(-len(self._rows(self.training).values) // _N_PROFILE)
        values = self._rows(self.training).values[::step]
        return profiled(network.weights, network.biases, network.relu, values, bits, self.own.output_bits)

    def _rows(self, rows: Rows) -> Rows:
        return rows if self.own.autoencoder is None else rows.background()

    def _pruned(self, start: Dense, pruning: float) -> Dense:
        """The network without its smallest weights, trained on."""
        weights = tuple(np.where(smallest(weight, pruning), 0.0, weight) for weight in start.weights)
        log.info("%s: train with %g of the weights pruned", self.where, pruning)
        given = Dense(weights, start.biases, start.relu)
        return self._trained(given, None, self.own.fine_tuning, f"pruned/{pruning:g}")[0]

    def _trained(
        self, start: Dense, fixed: FixedNetwork | None, settings: ScheduledTraining, name: str
    ) -> tuple[Dense, FixedNetwork]:
        """A network trained on from `start`, whose zeros stay, and what it is in fixed point."""
        untouched = name == "autoencoder"
        kept = [np.ones_like(weight) if untouched else weight != 0 for weight in start.weights]
        network = Layers(start.weights, start.biases, start.relu, kept, fixed)
        samples = [
            FixedSamples(rows.values, rows.label, weight=rows.weight)
            for rows in map(self._rows, (self.training, self.validation))
        ]
        seed = integer_seed(self.seed, self.where, name)
        train(network, *samples, self._loss, settings, seed=seed, where=f"{self.where}.{name}")
        weights, biases = network.arrays()
        found = Dense(tuple(weights), tuple(biases), start.relu)
        return found, (network.in_fixed_point() if fixed is not None else None)  # type: ignore[return-value]

    def _loss(self, network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        rows, label = values
        outputs = network(rows)
        if self.own.autoencoder is not None:
            return (outputs - rows).square().mean(dim=1)
        return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], label, reduction="none")


def standardised(network: nn.Module, values: np.ndarray, where: str) -> np.ndarray:
    """Inputs as the layers of a network see them, (n, n_inputs) float32."""
    standardise, _ = taken_apart(network, where)
    with torch.no_grad():
        return standardise(torch.from_numpy(values)).numpy()
