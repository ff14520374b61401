"""Passes over batches: gradients, steps of the optimiser, and smaller pieces where memory runs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resonaut.errors import TrainingError
from resonaut.logs import log
from resonaut.nn.distributed import World
from resonaut.nn.precision import Loss, autocast
from resonaut.nn.samples import Batch, Samples, stream
from resonaut.nn.state import State


@dataclass(frozen=True)
class Outcome:
    """Result of a pass.

    Attributes:
        loss: weighted mean of the losses.
        bad_step: number of the first batch whose loss was not finite, if one was in this process.
    """

    loss: float
    bad_step: int | None


def pieces_of(batch: Batch, count: int) -> Iterator[Batch]:
    """The rows of a batch in at most `count` parts."""
    size = -(-len(batch.weight) // count)
    for start in range(0, len(batch.weight), size):
        part = slice(start, start + size)
        yield Batch(tuple(value[part] for value in batch.values), batch.weight[part])


@dataclass
class Passes:
    """Passes of one training.

    Attributes:
        network: what is called: the network of `state`, or its compiled form.
        loss: loss of each row.
        state: its `n_pieces` doubles where memory runs out.
        world: the processes that share each batch.
        dtype: of mixed precision; None for none.
        clip_norm: longest gradient; None for any.
        where: key of the configuration, for messages.
    """

    network: nn.Module
    loss: Loss
    state: State
    world: World
    device: torch.device
    dtype: torch.dtype | None
    clip_norm: float | None
    where: str

    def __post_init__(self) -> None:
        self._parameters = [p for p in self.state.network.parameters() if p.requires_grad]

    def train(self, samples: Samples, batches: Sequence[Tensor], rates: Sequence[float]) -> Outcome:
        """One step per batch, with these learning rates."""
        return self._pass(samples, batches, rates)

    def validate(self, samples: Samples, batches: Sequence[Tensor]) -> Outcome:
        """The loss alone."""
        with torch.no_grad():
            return self._pass(samples, batches, None)

    def _pass(self, samples: Samples, batches: Sequence[Tensor], rates: Sequence[float] | None) -> Outcome:
        total: Tensor | float = 0.0
        weight: Tensor | float = 0.0
        own = [self.world.share(rows) for rows in batches]
        # A process whose share is empty takes a row of the batch along, with weight 0.
        taken = [share if len(share) else rows[:1] for share, rows in zip(own, batches, strict=True)]
        finite = torch.ones(len(batches), dtype=torch.bool, device=self.device)
        for step, batch in enumerate(stream(samples, taken)):
            if not len(own[step]):
                batch = Batch(batch.values, torch.zeros_like(batch.weight))
            losses = self._losses_of(batch, None if rates is None else len(batches[step]))
            if rates is not None:
                self._step(rates[step])
            # Summed on the device: a number per step would make the host wait for it.
            total = total + losses
            weight = weight + batch.weight.sum()
            finite[step] = losses.isfinite()
        if self.world.size > 1:
            self.world.add([total, weight])
        loss = float(total / weight)
        bad = (~finite).nonzero()
        return Outcome(loss, int(bad[0]) if len(bad) else None)

    def _step(self, rate: float) -> None:
        optimiser = self.state.optimiser
        self.world.add_gradients(self._parameters)
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self.clip_norm)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        if self.state.average is not None:
            self.state.average.update()

    def _losses_of(self, batch: Batch, n_rows: int | None) -> Tensor:
        """Sum of the weighted losses of a batch; gradients as well where the batch is of `n_rows` in all."""
        while True:
            self.state.optimiser.zero_grad(set_to_none=True)
            losses = self._try(batch, n_rows)
            if losses is not None:
                return losses
            # After `_try`, whose frame holds the tensors of the failed pass, has gone.
            self._halve(len(batch.weight))

    def _try(self, batch: Batch, n_rows: int | None) -> Tensor | None:
        """As `_losses_of`; None if memory runs out."""
        total: Tensor | float = 0.0
        try:
            for piece in pieces_of(batch, self.state.n_pieces):
                with autocast(self.device, self.dtype):
                    losses = self.loss(self.network, piece.values)
                if self.dtype is not None:
                    losses = losses.float()
                weighted = losses * piece.weight
                if n_rows is not None:
                    # Not divided by the batch's own sum of weights: a batch rich in heavy rows would count
                    # for less.
                    objective = weighted.mean()
                    if len(piece.weight) != n_rows:
                        objective = objective * (len(piece.weight) / n_rows)
                    objective.backward()
                total = total + weighted.detach().sum()
        except torch.OutOfMemoryError:
            return None
        return total

    def _halve(self, n_rows: int) -> None:
        if self.state.n_pieces >= n_rows:
            raise TrainingError(
                f"{self.where}: memory runs out with a single row per pass. Make the network smaller, cut "
                "the number of constituents or pixels, or train on a device with more memory."
            )
        self.state.n_pieces *= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        log.warning(
            "%s: memory runs out; each batch is passed in %d pieces, gradients added up. Results change by "
            "rounding, and by more where a network has batch normalisation or dropout.",
            *(self.where, self.state.n_pieces),
        )
