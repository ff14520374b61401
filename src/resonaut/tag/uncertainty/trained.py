"""Train what each method needs, with the rows and settings of a tagger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.nn import laplace
from resonaut.nn.device import choose
from resonaut.nn.latent import latent
from resonaut.nn.lists import Member, Sample
from resonaut.nn.many import train_many
from resonaut.nn.networks.bayesian import bayesian_like, divergence
from resonaut.nn.networks.dense import Standardise
from resonaut.nn.networks.rescaled import Rescaled
from resonaut.nn.row_layers import dropped, replaced, row_layers
from resonaut.nn.samples import Subset, stream
from resonaut.seeds import integer_seed
from resonaut.tag.fitting import N_MEASURED, fit_once
from resonaut.tag.interface import Tagger
from resonaut.tag.rows.prepare import Prepared
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.uncertainty.predictors import DrawnLastLayer, Members, Stochastic
from resonaut.tag.uncertainty.settings import UncertaintySettings

_FEW = 4
_PLAIN = (nn.Sequential, nn.Linear, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.ELU, nn.LeakyReLU, nn.Flatten)


@dataclass(frozen=True)
class Trainer:
    """What is trained, and from what.

    Attributes:
        settings, tagger, rows: of the tagger; the training part of the rows may be a share of them.
        own: the entry of the configuration.
        seed: the study's seed.
        where: key of the configuration; with the seed it makes all seeds.
        first_epochs: of the tagger, whatever the share of its rows.
    """

    settings: TaggerSettings
    tagger: Tagger
    rows: Prepared
    own: UncertaintySettings
    seed: int
    where: str
    first_epochs: int

    @property
    def device(self) -> str:
        """Where networks run."""
        return self.settings.training.device

    def of_rows(self, training: np.ndarray) -> Trainer:
        """The same for these training rows, in as many steps: fewer rows, but more epochs."""
        rows = replace(self.rows, parts=[training, *self.rows.parts[1:]])
        return replace(self, rows=rows)._longer(len(self.rows.parts[0]) / len(training))

    def _longer(self, factor: float) -> Trainer:
        """The same with so many times the epochs, and patience; boosted trees have neither."""
        plan = self.settings.training
        if self.tagger.fit is not None:
            return self
        steps = {"epochs": math.ceil(plan.epochs * factor), "patience": math.ceil(plan.patience * factor)}
        settings = self.settings.model_copy(update={"training": plan.model_copy(update=steps)})
        return replace(self, settings=settings)

    def fit(self, tagger: Tagger, *names: str, restart: int = 0) -> nn.Module:
        """A trained network."""
        where = ".".join((self.where, *names))
        return fit_once(self.settings, tagger, self.rows, self.seed, where, restart=restart).network

    def single(self) -> Members:
        """One network, as it is."""
        return Members([self.fit(self.tagger, "ensemble")], self.device)

    def ensemble(self) -> Members:
        """Networks that differ by their seeds; plain dense ones are trained as one program (`nn.many`)."""
        if self.own.batched and can_be_batched(self.rows, self.tagger):
            return Members(self._batched(), self.device)
        count = range(self.own.n_networks)
        return Members([self.fit(self.tagger, "ensemble", restart=k) for k in count], self.device)

    def dropout(self) -> Stochastic:
        """A network with dropout in front of its linear layers of rows, but for the first."""
        return self._stochastic("dropout", self.dropout_tagger())

    def bayesian(self) -> Stochastic:
        """A network whose linear layers of rows have widths."""
        wanted, epochs = self.own.bayesian_epochs, self.first_epochs
        trainer = self if wanted is None else self._longer(wanted / epochs)
        return trainer._stochastic("bayesian", self.bayesian_tagger())

    def laplace(self, network: nn.Module) -> DrawnLastLayer:
        """Laplace's approximation of the last layer of a trained network."""
        samples, part = self.rows.samples(), self.rows.parts[0]
        inputs = latent(network, Subset(samples, self.rows.place[part]), self.where, self.device)
        last = network.get_submodule(row_layers(network, self._trial(), self.where)[-1])
        parameters = torch.cat([last.weight, last.bias[:, None]], dim=1).detach().double().numpy()
        posterior = laplace.fit(inputs, parameters, self.rows.weights(0).astype(np.float64))
        seed = integer_seed(self.seed, self.where, "laplace")
        return DrawnLastLayer(network, posterior, self.own.n_draws, seed, self.where, self.device)

    def dropout_tagger(self) -> Tagger:
        """The tagger with dropout; the network's own, where it has any, stays as it is."""

        def network(n_outputs: int) -> nn.Module:
            made = self.tagger.network(n_outputs)
            if any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in made.modules()):
                return made
            names = row_layers(made, self._trial(), self.where)
            # Inputs of the network are measured and not learnt: what is dropped there is information.
            first = next(name for name, layer in made.named_modules() if isinstance(layer, nn.Linear))
            inside = [name for name in names if name != first] or names
            return replaced(made, inside, lambda layer: dropped(layer, self.own.dropout))

        return replace(self.tagger, network=network)

    def bayesian_tagger(self) -> Tagger:
        """The tagger with widths; one that has them already stays as it is."""
        if self.tagger.divergence is not None:
            return self.tagger

        def network(n_outputs: int) -> nn.Module:
            made = self.tagger.network(n_outputs)
            names = row_layers(made, self._trial(), self.where)
            return replaced(made, names, lambda layer: bayesian_like(layer, self.own.prior_width))

        return replace(self.tagger, network=network, divergence=divergence)

    def _stochastic(self, name: str, tagger: Tagger) -> Stochastic:
        network = self.fit(tagger, name)
        return Stochastic(network, self.own.n_draws, integer_seed(self.seed, self.where, name), self.device)

    def _trial(self) -> tuple[Tensor, ...]:
        """Arguments of the network for a few rows."""
        rows = torch.as_tensor(self.rows.place[self.rows.parts[0][:_FEW]])
        return next(iter(stream(self.rows.samples(), [rows]))).values

    def _batched(self) -> list[nn.Module]:
        rows, task = self.rows, self.rows.task
        network = task.network(self.tagger)
        if isinstance(network, Rescaled):
            network.measure(torch.from_numpy(rows.target[rows.parts[0]]))
        measured = rows.parts[0][:: -(-len(rows.parts[0]) // N_MEASURED)]
        network.standardise.measure(torch.from_numpy(rows.values(measured)))
        constants = {name: value.clone() for name, value in network.named_buffers()}
        samples = [Sample(rows.parts[k], rows.weights(k), rows.target[rows.parts[k]]) for k in (0, 1)]
        count = self.own.n_networks
        where = f"{self.where}.ensemble"
        members = [Member(integer_seed(self.seed, where, "weights", k), 0, 1) for k in range(count)]
        table = torch.from_numpy(rows.jets.flat).to(choose(self.device))
        loss, label = task.loss(self.tagger), rows.target.dtype
        trained = train_many(
            lambda: task.network(self.tagger),
            table,
            samples,
            members,
            lambda call, inputs, target, key: loss(
                call, (inputs, target.long() if label == np.int64 else target)
            ),
            self.settings.training,
            what=where,
            constants={
                name: value.to(table.device).expand(count, *value.shape) for name, value in constants.items()
            },
        )
        found = []
        for number in range(count):
            own = {name: values[number].cpu() for name, values in trained.parameters.items()}
            made = task.network(self.tagger)
            made.load_state_dict({**own, **constants})
            found.append(made.eval())
        return found


def can_be_batched(rows: Prepared, tagger: Tagger) -> bool:
    """Whether networks are plain dense ones on a table in memory: no noise, no statistics of batches."""
    if rows.kind != "features" or rows.source is not None or tagger.fit or tagger.loss or tagger.divergence:
        return False
    parts = [part for part in rows.task.network(tagger).modules() if not list(part.children())]
    return all(isinstance(part, (*_PLAIN, Standardise)) for part in parts)


def require_gradients(tagger: Tagger, methods: Sequence[str], where: str) -> None:
    """Refuse methods that need a network with weights.

    Raises:
        ConfigError: the tagger learns without gradients.
    """
    wrong = [method for method in methods if method != "ensemble"]
    if tagger.fit is not None and wrong:
        raise ConfigError(
            f"{where}.methods: {wrong[0]} needs a network that learns by gradients, and boosted trees do "
            "not. Leave only ensemble, or name another tagger."
        )
