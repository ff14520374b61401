"""The training engine: mini batches, fused Adam, validation, early stopping, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import TrainingError
from resonaut.logs import log
from resonaut.nn import distributed, resume
from resonaut.nn.averaging import WeightAverage
from resonaut.nn.device import choose, seeded
from resonaut.nn.distributed import World
from resonaut.nn.failures import NotFinite, message
from resonaut.nn.memory import keep_memory
from resonaut.nn.passes import Passes
from resonaut.nn.precision import Loss, agreed_dtype, compiled
from resonaut.nn.records import Record, Records
from resonaut.nn.samples import Samples, batches_of_rows, shuffled_batches
from resonaut.nn.schedules import learning_rate
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.state import Epoch, State
from resonaut.nn.streaming import placed
from resonaut.seeds import generator, integer_seed

__all__ = ["Epoch", "History", "Loss", "Watch", "learning_rate", "n_parameters", "train"]

Watch = Callable[[nn.Module, Samples, Sequence[Tensor]], dict[str, float]]
"""Metrics of a network in evaluation mode, from validation rows and their batches (row numbers)."""

_AFTER_NAN = 0.5
_N_TRIAL = 64


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
    """Number of trained parameters; of a network without gradients (trees) what it says of itself."""
    fitted = [module.n_fitted for module in network.modules() if hasattr(module, "n_fitted")]
    return sum(fitted) + sum(p.numel() for p in network.parameters() if p.requires_grad)


@dataclass
class Training:
    """One training: what stays the same in all its epochs."""

    state: State
    passes: Passes
    training: Samples
    validation: Samples
    settings: ScheduledTraining
    seed: int
    where: str
    world: World
    folder: Path | None
    key: dict[str, Any]
    watch: Watch | None
    on_epoch: Callable[[Epoch], None] | None
    fixed: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.fixed = batches_of_rows(
            np.arange(len(self.validation)), self.validation.lengths, self.settings.batch_size
        )

    def run(self, records: Records, failures: Path | None) -> None:
        """Train until the last epoch, or until patience ends.

        Raises:
            TrainingError: a loss is not finite, again after a step back.
        """
        while len(self.state.epochs) < self.settings.epochs:
            number = len(self.state.epochs) + 1
            waited = number - 1 - self.state.best_epoch
            # One cycle is best at its end, where the rate is small, and often bad in its middle.
            if (
                self.settings.schedule != "one_cycle"
                and self.state.epochs
                and waited >= self.settings.patience
            ):
                log.info("%s: no better validation loss in %d epochs", self.where, self.settings.patience)
                break
            good = self._copy() if self.state.rate_factor == 1 else None
            start = time.monotonic()
            try:
                rate = self._epoch(number)
            except NotFinite as error:
                if good is None:
                    raise TrainingError(
                        message(error, number, self.where, self.settings, self.world, failures)
                    ) from None
                self._go_back(error, number, *good)
                continue
            records.add(self._record(time.monotonic() - start, rate))
            if self.folder is not None and self.world.first:
                resume.write(self.folder, self.state, self.key)
            if self.on_epoch is not None:
                self.on_epoch(self.state.epochs[-1])

    def _copy(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {name: tensor.clone() for name, tensor in self.state.tensors().items()}
        return tensors, self.state.numbers()

    def _epoch(self, number: int) -> float:
        """Train for an epoch and validate; returns the last learning rate."""
        settings, network, device = self.settings, self.state.network, self.passes.device
        rng = generator(self.seed, "shuffle", number)
        batches = shuffled_batches(self.training, settings.batch_size * self.world.size, rng)
        rates = [
            self.state.rate_factor
            * learning_rate(settings, (number - 1 + step / len(batches)) / settings.epochs)
            for step in range(len(batches))
        ]
        # Processes draw different noise; the first draws what it would draw alone.
        names = ("noise", number, *([self.world.rank] if self.world.rank else []))
        network.train()
        with seeded(integer_seed(self.seed, *names), device):
            trained = self.passes.train(self.training, batches, rates)
        if not math.isfinite(trained.loss):
            raise NotFinite("training", trained, self.training, batches)
        self.world.mean_buffers(network)
        network.eval()
        if self.state.average is None:
            self._validate(number, trained.loss)
        else:
            with self.state.average.in_place():
                self._validate(number, trained.loss)
        return rates[-1]

    def _validate(self, number: int, train_loss: float) -> None:
        with seeded(integer_seed(self.seed, "validation noise"), self.passes.device):
            found = self.passes.validate(self.validation, self.fixed)
        if not math.isfinite(found.loss):
            raise NotFinite("validation", found, self.validation, self.fixed)
        metrics = {}
        if self.watch is not None:
            with torch.no_grad():
                found_metrics = self.watch(self.passes.network, self.validation, self.fixed)
            # A checkpoint gives them back in this order.
            metrics = dict(sorted(found_metrics.items()))
        self.state.finish_epoch(Epoch(number, train_loss, found.loss, metrics))

    def _record(self, seconds: float, rate: float) -> Record:
        last = self.state.epochs[-1]
        return Record(
            epoch=last.epoch,
            train_loss=last.train_loss,
            validation_loss=last.validation_loss,
            learning_rate=rate,
            seconds=round(seconds, 4),
            rows_per_second=round(len(self.training) / max(seconds, 1e-9), 1),
            rate_factor=self.state.rate_factor,
            n_pieces=self.state.n_pieces,
            metrics=last.metrics,
        )

    def _go_back(
        self, error: NotFinite, number: int, tensors: dict[str, Tensor], numbers: dict[str, Any]
    ) -> None:
        n_pieces = self.state.n_pieces
        self.state.load(tensors, numbers)
        self.state.rate_factor, self.state.n_pieces = _AFTER_NAN, n_pieces
        log.warning(
            "%s: the %s loss is %s in epoch %d; goes back to the end of epoch %d, once, with half the "
            "learning rate",
            *(self.where, error.what, error.outcome.loss, number, number - 1),
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
    checkpoint_folder: str | Path | None = None,
    inputs: str = "",
    records: str | Path | None = None,
    watch: Watch | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train `network` in place; it ends on the CPU, in evaluation mode, with the weights of the best epoch.

    The optimiser is Adam (arXiv:1412.6980) with decoupled weight decay (arXiv:1711.05101). Shuffles and noise
    come from `seed` and the epoch's number alone; the noise of the validation is the same in each epoch. A
    loss that is not finite takes the training back to the last good epoch, once, with half the learning rate.
    Where memory runs out, batches are passed in pieces. Under torchrun each process computes its share of
    batches of `batch_size` rows per process.

    Args:
        network: what is trained.
        training: rows to learn from; their weights should have mean 1.
        validation: rows that decide when to stop.
        loss: loss of each row of a batch.
        settings: epochs, batch size, learning rate and its schedule, and so on.
        seed: seed of this training.
        where: the key of the configuration that this training belongs to, for the messages.
        checkpoint_folder: keep the state after each epoch here; a training of the same settings, seed, inputs
            and network goes on from it, with equal bits on a CPU. `resume.forget` removes it.
        inputs: digest of what the samples and the network were made from, part of the checkpoint's key.
        records: JSONL file with a line per epoch, see `records.Record`.
        watch: metrics of the validation rows, after each epoch; they choose nothing.
        on_epoch: is told of each epoch that this call trained; what it raises ends the training.

    Raises:
        TrainingError: no rows, a loss that is not finite, or too little memory for one row.
        ConfigError: the device, the package of a logger or a compiler is not there.
    """
    for samples, what in ((training, "training"), (validation, "validation")):
        if len(samples) == 0:
            raise TrainingError(f"{where}: no {what} rows; give more events.")
    folder = None if checkpoint_folder is None else Path(checkpoint_folder)
    path = None if records is None else Path(records)
    device = choose(settings.device)
    keep_memory()
    with distributed.world(device) as world:
        if device.type == "cuda":
            device = torch.device("cuda", torch.cuda.current_device())
        network.to(device)
        world.same_state(network)
        training, validation = placed((training, validation), device, settings.device_memory_fraction)
        key = {}
        if folder is not None:
            key = resume.key_of(
                *(network, training, validation, settings), seed=seed, where=where, inputs=inputs
            )
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        average = None if settings.ema is None else WeightAverage(network, settings.ema)
        state = State(network, optimiser, average)
        if folder is not None:
            resume.read_into(folder, state, key)
            _require_same_start(state, world, device, folder)
        passes = _passes(state, training, loss, settings, world, device, where)
        job = Training(
            *(state, passes, training, validation, settings, seed, where, world, folder, key),
            *(watch, on_epoch),
        )
        with Records(
            *(where, settings.epochs, len(state.epochs), path, settings.loggers, world.first)
        ) as lines:
            job.run(lines, folder or (path.parent if path else None))
    network.load_state_dict(state.best_weights)
    network.to("cpu").eval()
    return History(tuple(state.epochs), state.best_epoch)


def _require_same_start(state: State, world: World, device: torch.device, folder: Path) -> None:
    n_epochs = torch.tensor(float(len(state.epochs)), device=device)
    world.add([n_epochs])
    if float(n_epochs) != world.size * len(state.epochs):
        raise TrainingError(
            f"{folder}: process {world.rank} of {world.size} finds a checkpoint of {len(state.epochs)} "
            "epochs, others another number. Put the folder where all processes see the same files."
        )


def _passes(
    state: State,
    training: Samples,
    loss: Loss,
    settings: ScheduledTraining,
    world: World,
    device: torch.device,
    where: str,
) -> Passes:
    """Passes in the precision, and with the compiled network, that a first batch allows."""
    network, dtype = state.network, None
    if settings.precision != "float32" or settings.compile != "off":
        # A few rows from everywhere: the check must not run out of memory where a batch would.
        count = min(len(training), settings.batch_size, _N_TRIAL)
        first = training.take(torch.linspace(0, len(training) - 1, count).long())
        dtype = agreed_dtype(network, loss, first, settings, device, where)
        network = compiled(network, loss, first, settings, device, dtype, where)
    return Passes(network, loss, state, world, device, dtype, settings.clip_norm, where)
