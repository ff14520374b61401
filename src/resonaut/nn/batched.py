"""Training of a group of dense networks: one step is one tensor program for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from resonaut.errors import TrainingError
from resonaut.nn import random, stacked
from resonaut.nn.lists import Lists, Member, Sample
from resonaut.nn.memory import keep_memory
from resonaut.nn.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

Loss = Literal["cross_entropy", "reconstruction"]

_BETA = (0.9, 0.999)
_EPSILON = 1e-8
_SMALLEST = 1e-36
_AVERAGE = 0.1
_PER_NETWORK = (
    *("_keys", "_flat", "_first", "_second", "_steps"),
    *("_shift", "_scale", "_best_loss", "_waited"),
)


class Penalty(Protocol):
    """A term of the loss that depends on the outputs of a whole batch."""

    def __call__(
        self, output: torch.Tensor, rows: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value of each network (n,) and its gradient with respect to the output.

        Args:
            output: (n, size, n_outputs).
            rows: (n, size) rows of the shared table.
            weight: (n, size); 0 where a batch is padded.
        """
        ...


class Batch:
    """The state of a group of networks during training; see `ensemble.train` for the arguments.

    Attributes:
        best: (n_networks, n_parameters) weights to keep.
        best_epoch: (n_networks,) their epoch.
        losses: (2, n_networks, n_epochs) of training and validation; NaN after a network stopped.
    """

    def __init__(
        self,
        table: torch.Tensor,
        samples: Sequence[Sample],
        members: Sequence[Member],
        sizes: tuple[int, ...],
        loss: Loss,
        settings: TrainingSettings,
        constants: dict[int, tuple[torch.Tensor, torch.Tensor]],
        average: bool,
        penalty: Penalty | None = None,
    ) -> None:
        import torch

        keep_memory()
        self._average, self._penalty = average, penalty
        self._table, self._sizes, self._loss, self._settings = table, sizes, loss, settings
        self._train = Lists(samples, [member.train for member in members], settings.batch_size, table)
        self._validation = Lists(
            samples, [member.validation for member in members], settings.batch_size, table
        )
        device, count = table.device, len(members)
        seeds = torch.tensor([member.seed for member in members], dtype=torch.int64, device=device)
        self._keys = random.subkeys(seeds, 1)
        self._flat = stacked.initial(random.subkeys(seeds, 0), sizes, table.dtype)
        self._first, self._second = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self._steps = torch.zeros(count, 1, dtype=table.dtype, device=device)
        self._shift, self._scale = (
            torch.stack([constants[member.train][k] for member in members])[:, None] for k in (0, 1)
        )
        self._best_loss = torch.full((count,), torch.inf, dtype=table.dtype, device=device)
        self._waited = torch.zeros(count, dtype=torch.int64, device=device)
        self._running = np.arange(count)
        self.best = self._flat.clone()
        self.best_epoch = np.zeros(count, np.int64)
        self.losses = np.full((2, count, settings.epochs), np.nan)

    def epoch(self, number: int) -> bool:
        """Train for one epoch, validate, stop networks that no longer improve; True when all have stopped.

        Raises:
            TrainingError: a loss is not finite.
        """
        import torch

        train_loss = self._pass_training(number)
        if self._average:
            self.best.lerp_(self._flat, max(1 / (number + 1), _AVERAGE))
        loss = self._pass_validation(self.best if self._average else self._flat)
        better = loss < self._best_loss
        self._best_loss = torch.where(better, loss, self._best_loss)
        self._waited = torch.where(better, 0, self._waited + 1)
        # The one point of an epoch where the host waits for the device.
        host = torch.stack([train_loss, loss]).cpu().numpy()
        if not np.isfinite(host).all():
            raise TrainingError(
                f"epoch {number}: a loss is not finite; lower training.learning_rate "
                f"({self._settings.learning_rate:g}) or look for extreme inputs."
            )
        self.losses[:, self._running, number] = host
        if self._average:
            self.best_epoch[:] = number
            return False
        improved = better.cpu().numpy()
        self.best_epoch[self._running[improved]] = number
        self.best[torch.as_tensor(self._running[improved], device=loss.device)] = self._flat[better]
        stay = (self._waited < self._settings.patience).cpu().numpy()
        if not stay.all():
            self._drop(np.flatnonzero(stay))
        return not stay.any()

    def _drop(self, host: np.ndarray) -> None:
        import torch

        index = torch.as_tensor(host, device=self._flat.device)
        for name in _PER_NETWORK:
            setattr(self, name, getattr(self, name)[index])
        self._running = self._running[host]
        self._train.keep(index, host)
        self._validation.keep(index, host)

    def _losses_of(
        self, inputs: torch.Tensor, output: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of each row (n, size) and its gradient with respect to the output."""
        import torch

        if self._loss == "cross_entropy":
            logit = output[..., 0]
            value = torch.nn.functional.softplus(logit) - target * logit
            return value, (torch.sigmoid(logit) - target)[..., None]
        residual = output - inputs
        return residual.square().mean(2), residual * (2 / residual.shape[2])

    def _inputs(self, rows: torch.Tensor) -> torch.Tensor:
        count = len(rows)
        return self._table[rows].sub_(self._shift[:count]).div_(self._scale[:count])

    def _pass_training(self, number: int) -> torch.Tensor:
        import torch

        keys = random.subkeys(self._keys, number)
        position = random.permutations(keys, self._train.lengths, self._train.width)
        total = torch.zeros(len(keys), dtype=self._flat.dtype, device=self._flat.device)
        size = self._settings.batch_size
        for step, (count, (rows, weight, target)) in enumerate(self._train.batches(size, position)):
            filled = (self._train.lengths[:count] - step * size).clamp(max=size)[:, None]
            inputs = self._inputs(rows)
            activations = stacked.forward(self._flat[:count], self._sizes, inputs)
            value, slope = self._losses_of(inputs, activations[-1], target)
            total[:count] += (value * weight).sum(1)
            slope = slope * (weight / filled)[..., None]
            if self._penalty is not None:
                value, more = self._penalty(activations[-1], rows, weight)
                total[:count] += value * filled[:, 0]
                slope = slope + more
            self._step(count, stacked.gradient(self._flat[:count], self._sizes, activations, slope))
        return total / self._train.lengths

    def _step(self, count: int, gradient: torch.Tensor) -> None:
        """Adam on the first `count` networks."""
        import torch

        flat, first, second = self._flat[:count], self._first[:count], self._second[:count]
        self._steps[:count] += 1
        rate = self._settings.learning_rate
        # 1 - beta ** steps, without losing digits where the two are close.
        grown = [-torch.expm1(math.log(beta) * self._steps[:count]) for beta in _BETA]
        root = torch.sqrt(grown[1])
        factor = -rate * root / grown[0]
        if self._settings.weight_decay:
            flat.mul_(1 - rate * self._settings.weight_decay)
        first.lerp_(gradient, 1 - _BETA[0])
        second.mul_(_BETA[1]).addcmul_(gradient, gradient, value=1 - _BETA[1])
        # Square roots of 0 and of subnormal numbers take ten to forty times longer; to epsilon all this is 0.
        divisor = second.clamp(min=_SMALLEST).sqrt_().add_(_EPSILON * root)
        flat.addcmul_(torch.div(first, divisor, out=divisor), factor)

    def _pass_validation(self, flat: torch.Tensor) -> torch.Tensor:
        import torch

        total = torch.zeros(len(flat), dtype=flat.dtype, device=flat.device)
        size = self._settings.batch_size
        for step, (count, (rows, weight, target)) in enumerate(self._validation.batches(size, None)):
            inputs = self._inputs(rows)
            output = stacked.forward(flat[:count], self._sizes, inputs)[-1]
            total[:count] += (self._losses_of(inputs, output, target)[0] * weight).sum(1)
            if self._penalty is not None:
                filled = (self._validation.lengths[:count] - step * size).clamp(max=size)
                total[:count] += self._penalty(output, rows, weight)[0] * filled
        return total / self._validation.lengths
