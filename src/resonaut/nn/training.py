"""The training engine: mini batches, fused Adam, validation, early stopping, the best weights kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import TrainingError
from resonaut.logs import log
from resonaut.nn.device import choose, seeded
from resonaut.nn.samples import Samples, batches_of_rows
from resonaut.nn.settings import ScheduledTraining
from resonaut.seeds import generator, integer_seed

Loss = Callable[[nn.Module, tuple[Tensor, ...]], Tensor]
"""loss(network, values of a batch) -> (n_rows,) losses, before weights."""


@dataclass(frozen=True)
class Epoch:
    """Mean weighted losses of one epoch, the training loss in the middle of its steps."""

    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class History:
    """What happened in a training.

    Attributes:
        epochs: one entry per epoch, from 1.
        best_epoch: the epoch whose weights were kept.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int


def n_parameters(network: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def learning_rate(settings: ScheduledTraining, progress: float) -> float:
    """Learning rate at a fraction `progress` of all steps (cosine: arXiv:1608.03983, eq. 5, one period)."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return 0.5 * settings.learning_rate * (1 + math.cos(math.pi * progress))


def _pass_over(
    network: nn.Module,
    samples: Samples,
    loss: Loss,
    batches: list[Tensor],
    optimiser: torch.optim.Optimizer | None = None,
    rates: Sequence[float] = (),
) -> float:
    """Pass once over `batches`; train, by these learning rates, if there is an optimiser.

    Returns the weighted mean loss.
    """
    total: Tensor | float = 0.0
    weight: Tensor | float = 0.0
    for step, rows in enumerate(batches):
        batch = samples.take(rows)
        losses = loss(network, batch.values)
        if optimiser is not None:
            optimiser.param_groups[0]["lr"] = rates[step]
            optimiser.zero_grad(set_to_none=True)
            # Not divided by the batch's own sum of weights: a batch rich in heavy rows would count for less.
            (losses * batch.weight).mean().backward()
            optimiser.step()
        # Summed on the device: a number per step would make the host wait for it.
        total = total + (losses.detach() * batch.weight).sum()
        weight = weight + batch.weight.sum()
    return float(total / weight)


def _check(value: float, what: str, epoch: int, where: str, settings: ScheduledTraining) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"{where}: the {what} loss is {value} in epoch {epoch}; a finite one is expected. Lower "
            f"{where}.training.learning_rate (now {settings.learning_rate:g}) and look for extreme inputs."
        )


def train(
    network: nn.Module,
    training: Samples,
    validation: Samples,
    loss: Loss,
    settings: ScheduledTraining,
    *,
    seed: int,
    where: str,
) -> History:
    """Train `network` in place; it ends on the CPU, in evaluation mode, with the weights of the best epoch.

    The optimiser is Adam (arXiv:1412.6980) with decoupled weight decay (arXiv:1711.05101). Shuffles and noise
    come from `seed` and the epoch's number alone; the noise of the validation is the same in each epoch.

    Args:
        network: what is trained.
        training: rows to learn from; their weights should have mean 1.
        validation: rows that decide when to stop.
        loss: loss of each row of a batch.
        settings: epochs, batch size, learning rate and its schedule, weight decay, patience, device.
        seed: seed of this training.
        where: the key of the configuration that this training belongs to, for the messages.

    Raises:
        TrainingError: no rows, or a loss that is not finite.
        ConfigError: the device is not there.
    """
    for samples, what in ((training, "training"), (validation, "validation")):
        if len(samples) == 0:
            raise TrainingError(f"{where}: no {what} rows; give more events.")
    device = choose(settings.device)
    network.to(device)
    training, validation = training.to(device), validation.to(device)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    fixed = batches_of_rows(np.arange(len(validation)), validation.lengths, settings.batch_size)
    epochs: list[Epoch] = []
    best_epoch, best_loss, best_weights = 0, math.inf, copy.deepcopy(network.state_dict())
    for epoch in range(1, settings.epochs + 1):
        start = time.monotonic()
        rng = generator(seed, "shuffle", epoch)
        order = rng.permutation(len(training))
        batches = batches_of_rows(order, training.lengths, settings.batch_size, rng)
        rates = [
            learning_rate(settings, (epoch - 1 + step / len(batches)) / settings.epochs)
            for step in range(len(batches))
        ]
        network.train()
        with seeded(integer_seed(seed, "noise", epoch), device):
            train_loss = _pass_over(network, training, loss, batches, optimiser, rates)
        _check(train_loss, "training", epoch, where, settings)
        network.eval()
        with torch.no_grad(), seeded(integer_seed(seed, "validation noise"), device):
            validation_loss = _pass_over(network, validation, loss, fixed)
        _check(validation_loss, "validation", epoch, where, settings)
        epochs.append(Epoch(epoch, train_loss, validation_loss))
        log.info(
            "%s: epoch %d of %d, training loss %.5g, validation loss %.5g, %.1f s",
            *(where, epoch, settings.epochs, train_loss, validation_loss, time.monotonic() - start),
        )
        if validation_loss < best_loss:
            best_epoch, best_loss = epoch, validation_loss
            best_weights = copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= settings.patience:
            log.info("%s: no better validation loss in %d epochs", where, settings.patience)
            break
    network.load_state_dict(best_weights)
    network.to("cpu").eval()
    return History(tuple(epochs), best_epoch)
