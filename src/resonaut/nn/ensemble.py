"""Ensembles of dense networks, trained as one batched program.

Folds, restarts and windows of a search are hundreds of small networks on one table of events. Here they share
the table (each network has a list of rows, never a copy), and one step trains all of them. A network's result
depends on its own seed and lists only, not on which others stand in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut import logs
from resonaut.errors import TrainingError
from resonaut.nn import stacked
from resonaut.nn.batched import Batch, Loss, Penalty
from resonaut.nn.lists import Member, Sample
from resonaut.nn.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

__all__ = ["Ensemble", "History", "Member", "Penalty", "Sample", "moments", "train"]

_PASS = 2048


@dataclass(frozen=True)
class History:
    """How the training went; NaN after a network stopped.

    Attributes:
        train_loss: (n_networks, n_epochs) mean over the steps of an epoch.
        validation_loss: (n_networks, n_epochs) at the end of each epoch.
        best_epoch: (n_networks,) epoch whose weights are kept, from 0.
    """

    train_loss: np.ndarray
    validation_loss: np.ndarray
    best_epoch: np.ndarray


@dataclass(frozen=True)
class Ensemble:
    """Trained networks.

    Attributes:
        sizes: layers, inputs first.
        parameters: (n_networks, n_parameters), see `stacked.layers`.
        shift, scale: (n_networks, n_inputs): a network sees (x - shift) / scale.
        loss: what was minimised.
        history: losses of the training.
    """

    sizes: tuple[int, ...]
    parameters: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor
    loss: Loss
    history: History

    def scores(self, table: torch.Tensor, members: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Scores of rows by some of the networks.

        Args:
            table: (n_rows, n_inputs), on the device of the networks.
            members: numbers of the networks.
            rows: (n,) rows to score.

        Returns:
            (len(members), n): the probability of target 1, or the mean squared error of the reconstruction.
        """
        import torch

        chosen = torch.as_tensor(np.asarray(members), device=table.device)
        flat, shift, scale = self.parameters[chosen], self.shift[chosen, None], self.scale[chosen, None]
        out = torch.empty(len(members), len(rows), dtype=flat.dtype, device=flat.device)
        where = torch.as_tensor(rows, device=table.device)
        for start in range(0, len(rows), _PASS):
            inputs = (table[where[start : start + _PASS]] - shift) / scale
            output = stacked.forward(flat, self.sizes, inputs)[-1]
            out[:, start : start + _PASS] = (
                torch.sigmoid(output[..., 0])
                if self.loss == "cross_entropy"
                else (output - inputs).square().mean(2)
            )
        return out.cpu().numpy()


def moments(table: torch.Tensor, sample: Sample, overall: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Shift and scale of the inputs, from the rows of one sample.

    Args:
        table: (n_rows, n_inputs).
        sample: the training rows.
        overall: no shift and one scale for all inputs (pixels), instead of mean and deviation of each.

    Returns:
        Two tensors (n_inputs,).
    """
    import torch

    values = table[torch.as_tensor(sample.rows, device=table.device)]
    if overall:
        scale = values.square().mean().sqrt().expand(values.shape[1])
        return torch.zeros_like(scale), torch.where(scale > 0, scale, 1)
    scale, shift = torch.std_mean(values, dim=0, correction=0)
    # A column that is constant in one sample carries nothing there and must not divide by zero.
    return shift, torch.where(scale > 0, scale, 1)


def train(
    table: torch.Tensor,
    samples: Sequence[Sample],
    members: Sequence[Member],
    hidden: Sequence[int],
    loss: Loss,
    settings: TrainingSettings,
    average: bool = False,
    networks_per_batch: int = 256,
    what: str = "ensemble",
    penalty: Penalty | None = None,
) -> Ensemble:
    """Train dense networks, each on its own rows of one table.

    A step of network i minimises sum(w l) / n over a batch of n rows, with w scaled to mean 1 over the
    training sample, by Adam (arXiv:1412.6980, algorithm 1) with decoupled weight decay (arXiv:1711.05101,
    algorithm 2). The weights that are kept are those of the epoch with the lowest weighted mean of l on the
    validation sample, and a network stops after `patience` epochs without a better one; or, with `average`, a
    running mean over all epochs (arXiv:1803.05407, but with weight 1 / 10 for each new epoch from the tenth
    on): validation then chooses nothing, and its loss is that of the mean.

    Args:
        table: (n_rows, n_inputs) floating point, on the device that trains; its type is that of the networks.
        samples: lists of rows; several networks may share one.
        members: the networks.
        hidden: sizes of the hidden layers.
        loss: "cross_entropy" (one output) or "reconstruction" (squared error of scaled inputs).
        settings: epochs, batch size, learning rate, weight decay, patience.
        average: keep the running mean of the weights instead of the best epoch's.
        networks_per_batch: more networks than this are trained one group after the other, in bounded memory.
        what: name for the progress lines.
        penalty: added to the loss of each batch, in training and in validation.

    Raises:
        TrainingError: a sample is empty or has no weight, or a loss is not finite.
    """
    import torch

    for number, sample in enumerate(samples):
        if not len(sample.rows) or not sample.weight.sum() > 0:
            raise TrainingError(f"{what}: sample {number} has no events of positive weight; make it larger.")
    n_inputs = table.shape[1]
    sizes = (n_inputs, *hidden, 1 if loss == "cross_entropy" else n_inputs)
    constants = {
        number: moments(table, samples[number], loss == "reconstruction")
        for number in sorted({member.train for member in members})
    }
    # Longest lists first: at each step the networks that still have rows are then a prefix.
    order = sorted(range(len(members)), key=lambda i: -len(samples[members[i].train].rows))
    best, best_epoch, losses = [], [], []
    for start in range(0, len(order), networks_per_batch):
        group = [members[i] for i in order[start : start + networks_per_batch]]
        batch = Batch(table, samples, group, sizes, loss, settings, constants, average, penalty)
        epochs = logs.progress(range(settings.epochs), f"{what}, {len(group)} networks", settings.epochs)
        for epoch in epochs:
            if batch.epoch(epoch):
                break
        best.append(batch.best)
        best_epoch.append(batch.best_epoch)
        losses.append(batch.losses)
    back = np.argsort(order)
    curves = np.concatenate(losses, axis=1)[:, back]
    shift, scale = (torch.stack([constants[member.train][k] for member in members]) for k in (0, 1))
    return Ensemble(
        sizes=sizes,
        parameters=torch.cat(best)[torch.as_tensor(back, device=table.device)],
        shift=shift,
        scale=scale,
        loss=loss,
        history=History(curves[0], curves[1], np.concatenate(best_epoch)[back]),
    )
