"""Training of a group of networks of any kind: one step is one tensor program for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resonaut.errors import TrainingError
from resonaut.nn import random
from resonaut.nn.lists import Lists, Member, Sample
from resonaut.nn.memory import keep_memory
from resonaut.nn.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]

_BETA = (0.9, 0.999)
_EPSILON = 1e-8
_AVERAGE = 0.1
_PER_NETWORK = ("_orders", "_noise", "_fixed_noise", "_flat", "_first", "_second", "_steps", "_waited")


class Program(Protocol):
    """What the networks compute. The first axis of every tensor is the networks.

    Attributes:
        n_parameters: of one network.
    """

    n_parameters: int

    def initial(self, seeds: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Initial parameters (n_networks, n_parameters), each network's from its own seed.

        Args:
            seeds: of the networks.
            like: gives type and device.
        """
        ...

    def losses(
        self,
        flat: torch.Tensor,
        constants: Tensors,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
    ) -> torch.Tensor:
        """Loss of each row.

        Args:
            flat: (n_networks, n_parameters).
            constants: what differs between networks and is not trained, (n_networks, ...) each.
            inputs: (n_networks, n_batch, n_inputs) rows of the table.
            target: (n_networks, n_batch).
            keys: (n_networks,) int64, for random numbers.

        Returns:
            (n_networks, n_batch).
        """
        ...

    def gradient(
        self,
        flat: torch.Tensor,
        constants: Tensors,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
        slope: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses, and the gradient (n_networks, n_parameters) of the sum of `slope` times losses."""
        ...


class ManyBatch:
    """The state of a group of networks during training; see `many.train_many` for the arguments.

    Attributes:
        kept: (keep, n_networks, n_parameters) weights of the best epochs, the best first.
        best_epoch: (n_networks,) the epoch of the best.
        losses: (2, n_networks, n_epochs) of training and validation; NaN after a network stopped.
    """

    def __init__(
        self,
        program: Program,
        table: torch.Tensor,
        samples: Sequence[Sample],
        members: Sequence[Member],
        settings: TrainingSettings,
        constants: Tensors,
        average: bool,
        keep: int,
        clip_norm: float | None,
    ) -> None:
        import torch

        keep_memory()
        self._program, self._table, self._settings = program, table, settings
        self._average, self._clip_norm = average, clip_norm
        size, device, count = settings.batch_size, table.device, len(members)
        self._train = Lists(samples, [member.train for member in members], size, table)
        self._validation = Lists(samples, [member.validation for member in members], size, table)
        seeds = torch.tensor([member.seed for member in members], dtype=torch.int64, device=device)
        self._orders, self._noise, self._fixed_noise = (random.subkeys(seeds, k) for k in (1, 2, 3))
        self._constants = dict(constants)
        self._flat = program.initial([member.seed for member in members], table)
        self._first, self._second = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self._steps = torch.zeros(count, 1, dtype=table.dtype, device=device)
        self._waited = torch.zeros(count, dtype=torch.int64, device=device)
        self._running = np.arange(count)
        self._kept_loss = torch.full((keep, count), torch.inf, dtype=table.dtype, device=device)
        self.kept = self._flat.expand(keep, -1, -1).clone()
        self.best_epoch = np.zeros(count, np.int64)
        self.losses = np.full((2, count, settings.epochs), np.nan)

    def epoch(self, number: int) -> bool:
        """Train for one epoch, validate, stop networks that no longer improve; True when all have stopped.

        Raises:
            TrainingError: a loss is not finite.
        """
        import torch

        running = torch.as_tensor(self._running, device=self._flat.device)
        train_loss = self._pass_training(number)
        if self._average:
            self.kept[0].lerp_(self._flat, max(1 / (number + 1), _AVERAGE))
        loss = self._pass_validation(self.kept[0] if self._average else self._flat)
        better = loss < self._kept_loss[0, running]
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
        self._keep(loss, running)
        self.best_epoch[self._running[better.cpu().numpy()]] = number
        stay = (self._waited < self._settings.patience).cpu().numpy()
        if not stay.all():
            self._drop(np.flatnonzero(stay))
        return not stay.any()

    def _keep(self, loss: torch.Tensor, running: torch.Tensor) -> None:
        """Put this epoch among the best ones of each network where it belongs."""
        import torch

        flat = self._flat.clone()
        for place in range(len(self.kept)):
            here = self._kept_loss[place, running]
            better = loss < here
            # What is better takes the place; what stood there moves on to the next.
            self._kept_loss[place, running] = torch.where(better, loss, here)
            loss = torch.where(better, here, loss)
            which = running[better]
            flat[better], self.kept[place, which] = self.kept[place, which], flat[better]

    def _drop(self, host: np.ndarray) -> None:
        import torch

        index = torch.as_tensor(host, device=self._flat.device)
        for name in _PER_NETWORK:
            setattr(self, name, getattr(self, name)[index])
        self._constants = {name: values[index] for name, values in self._constants.items()}
        self._running = self._running[host]
        self._train.keep(index, host)
        self._validation.keep(index, host)

    def _first_constants(self, count: int) -> Tensors:
        return {name: values[:count] for name, values in self._constants.items()}

    def _pass_training(self, number: int) -> torch.Tensor:
        import torch

        orders, noise = random.subkeys(self._orders, number), random.subkeys(self._noise, number)
        position = random.permutations(orders, self._train.lengths, self._train.width)
        total = torch.zeros(len(orders), dtype=self._flat.dtype, device=self._flat.device)
        size = self._settings.batch_size
        for step, (count, (rows, weight, target)) in enumerate(self._train.batches(size, position)):
            filled = (self._train.lengths[:count] - step * size).clamp(max=size)[:, None]
            value, gradient = self._program.gradient(
                self._flat[:count],
                self._first_constants(count),
                self._table[rows],
                target,
                random.subkeys(noise[:count], step),
                weight / filled,
            )
            total[:count] += (value * weight).sum(1)
            self._step(count, gradient)
        return total / self._train.lengths

    def _step(self, count: int, gradient: torch.Tensor) -> None:
        """Adam on the first `count` networks."""
        import torch

        if self._clip_norm is not None:
            length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient = gradient * (self._clip_norm / length.clamp(min=self._clip_norm))
        flat, first, second = self._flat[:count], self._first[:count], self._second[:count]
        self._steps[:count] += 1
        rate = self._settings.learning_rate
        # 1 - beta ** steps, without losing digits where the two are close.
        grown = [-torch.expm1(math.log(beta) * self._steps[:count]) for beta in _BETA]
        root = torch.sqrt(grown[1])
        if self._settings.weight_decay:
            flat.mul_(1 - rate * self._settings.weight_decay)
        first.lerp_(gradient, 1 - _BETA[0])
        second.mul_(_BETA[1]).addcmul_(gradient, gradient, value=1 - _BETA[1])
        divisor = second.sqrt().add_(_EPSILON * root)
        flat.addcmul_(torch.div(first, divisor, out=divisor), -rate * root / grown[0])

    def _pass_validation(self, flat: torch.Tensor) -> torch.Tensor:
        import torch

        total = torch.zeros(len(flat), dtype=flat.dtype, device=flat.device)
        batches = self._validation.batches(self._settings.batch_size, None)
        with torch.no_grad():
            for step, (count, (rows, weight, target)) in enumerate(batches):
                # The same random numbers in every epoch: epochs are compared, not draws.
                keys = random.subkeys(self._fixed_noise[:count], step)
                value = self._program.losses(
                    flat[:count], self._first_constants(count), self._table[rows], target, keys
                )
                total[:count] += (value * weight).sum(1)
        return total / self._validation.lengths
