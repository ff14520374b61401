"""Many networks of any one architecture, trained as one batched program.

`nn.ensemble` does this for dense networks with a gradient written out; here the architecture is any
`torch.nn.Module` and the loss any function of its outputs. Parameters of all networks are rows of one matrix,
`torch.func.functional_call` runs the module with one row, and `torch.func.vmap` runs it for all rows at once.
As there, a network's result depends on its own seed and lists only, not on which others stand in the batch.

    def loss(call, inputs, target, noise_key):      # of one network: (B, d), (B,), () -> (B,)
        return (call(inputs) - inputs).square().mean(1)

    trained = train_many(make, table, samples, members, loss, settings)
    scores = trained.apply([0, 3], lambda call, inputs: call(inputs).square().sum(1), table)   # (2, n)

`noise_key` names random numbers: `random.uniform(noise_key[None], count, dtype)[0]` are `count` of them, new
at each step and independent of other networks; in validation they are the same in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from resonaut import logs
from resonaut.errors import TrainingError
from resonaut.nn.ensemble import History
from resonaut.nn.lists import Member, Sample
from resonaut.nn.many_batch import ManyBatch, Program
from resonaut.nn.settings import TrainingSettings
from resonaut.nn.vectorised import Call, Vectorised

if TYPE_CHECKING:
    import torch

    Loss = Callable[[Call, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    Function = Callable[[Call, torch.Tensor], torch.Tensor]

__all__ = ["Many", "Member", "Sample", "Vectorised", "kept_epochs", "train_many", "train_program"]

_PASS = 2048


@dataclass(frozen=True)
class Many:
    """Trained networks.

    Attributes:
        program: what they compute.
        kept: (keep, n_networks, n_parameters) weights of the epochs of lowest validation loss, the best
            first; or of the running average, (1, ...).
        constants: what differs between networks and was not trained, (n_networks, ...) each.
        history: losses of the training; `best_epoch` is that of `kept[0]`.
    """

    program: Vectorised
    kept: torch.Tensor
    history: History
    constants: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """Weights of the best epoch by name, (n_networks, ...) each."""
        return self.program.parameters(self.kept[0])

    def apply(
        self,
        members: Sequence[int],
        function: Function,
        table: torch.Tensor,
        rows: np.ndarray | None = None,
        place: int = 0,
    ) -> torch.Tensor:
        """A function of rows for some of the networks, in bounded memory and without gradients.

        Args:
            members: numbers of the networks.
            function: `function(call, inputs)` of one network, (B, d) -> (B, ...).
            table: (n_rows, d), on the device of the networks.
            rows: (n,) rows of the table; all by default.
            place: which of the kept epochs, 0 the best.

        Returns:
            (len(members), n, ...).
        """
        import torch

        chosen = torch.as_tensor(np.asarray(members), device=table.device)
        flat = self.kept[place, chosen]
        constants = {name: values[chosen] for name, values in self.constants.items()}
        where = torch.arange(len(table)) if rows is None else torch.as_tensor(rows)
        where = where.to(table.device)
        parts = []
        with torch.no_grad():
            # At least one pass, so that no rows give a result of the right shape.
            for part in where.split(_PASS) if len(where) else (where,):
                inputs = table[part].expand(len(chosen), -1, -1)
                parts.append(self.program.run(function, flat, constants, inputs))
        return torch.cat(parts, dim=1)


def kept_epochs(keep: int, settings: TrainingSettings) -> int:
    """How many of the best epochs can be kept: every network trains for at least so many."""
    return min(keep, settings.epochs, settings.patience + 1)


def train_many(
    make: Callable[[], torch.nn.Module],
    table: torch.Tensor,
    samples: Sequence[Sample],
    members: Sequence[Member],
    loss: Loss,
    settings: TrainingSettings,
    average: bool = False,
    networks_per_batch: int = 256,
    what: str = "networks",
    constants: Mapping[str, torch.Tensor] | None = None,
    keep: int = 1,
    clip_norm: float | None = None,
) -> Many:
    """Train networks of one architecture, each on its own rows of one table.

    A step of network i minimises sum(w l) / n over a batch of n rows, with w scaled to mean 1 over the
    training sample, by Adam (arXiv:1412.6980, algorithm 1) with decoupled weight decay (arXiv:1711.05101,
    algorithm 2). The weights that are kept are those of the epoch with the lowest weighted mean of l on the
    validation sample, and a network stops after `patience` epochs without a better one; or, with `average`, a
    running mean over all epochs (arXiv:1803.05407, see `ensemble.train`).

    Args:
        make: makes the module of one network, see `Vectorised`.
        table: (n_rows, d) floating point, on the device that trains; its type is that of the networks.
        samples: lists of rows, with weights and, if the loss uses them, targets (any numbers; 0 if None).
        members: the networks: seed, training sample, validation sample.
        loss: `loss(call, inputs, target, noise_key)` of one network: `call` runs the module (its `forward`,
            with any arguments), inputs (B, d), target (B,), noise_key () int64; returns (B,), a loss per row.
            The last batch of a sample is filled up with row 0 of the table at weight 0.
        settings: epochs, batch size, learning rate, weight decay, patience.
        average: keep the running mean of the weights instead of the best epoch's.
        networks_per_batch: more networks than this are trained one group after the other, in bounded memory.
        what: name for the progress lines.
        constants: buffers of the module that differ between networks, by name, (n_networks, ...) each: for
            example the shift and scale of the inputs, from each network's own training rows.
        keep: so many of the best epochs are kept, see `kept_epochs`; 1 with `average`.
        clip_norm: longest gradient of a network; a longer one is scaled to it (arXiv:1211.5063).

    Raises:
        TrainingError: a sample is empty or has no weight, or a loss is not finite.
    """
    program = Vectorised(make, loss, table)
    kept, history = train_program(
        program,
        table,
        samples,
        members,
        settings,
        constants or {},
        average=average,
        networks_per_batch=networks_per_batch,
        what=what,
        keep=keep,
        clip_norm=clip_norm,
    )
    return Many(program, kept, history, constants or {})


def train_program(
    program: Program,
    table: torch.Tensor,
    samples: Sequence[Sample],
    members: Sequence[Member],
    settings: TrainingSettings,
    constants: Mapping[str, torch.Tensor],
    *,
    average: bool = False,
    networks_per_batch: int = 256,
    what: str = "networks",
    keep: int = 1,
    clip_norm: float | None = None,
) -> tuple[torch.Tensor, History]:
    """`train_many` for a program of one's own; weights (keep, n_networks, n_parameters) and losses."""
    import torch

    check_samples(samples, what)
    # Longest lists first: at each step the networks that still have rows are then a prefix.
    order = sorted(range(len(members)), key=lambda i: -len(samples[members[i].train].rows))
    places = 1 if average else kept_epochs(keep, settings)
    done = []
    for start in range(0, len(order), networks_per_batch):
        numbers = order[start : start + networks_per_batch]
        group = [members[i] for i in numbers]
        own = {name: values[numbers] for name, values in constants.items()}
        batch = ManyBatch(program, table, samples, group, settings, own, average, places, clip_norm)
        epochs = logs.progress(range(settings.epochs), f"{what}, {len(group)} networks", settings.epochs)
        for epoch in epochs:
            if batch.epoch(epoch):
                break
        done.append(batch)
    back = np.argsort(order)
    kept = torch.cat([batch.kept for batch in done], dim=1)
    curves = np.concatenate([batch.losses for batch in done], axis=1)[:, back]
    best_epoch = np.concatenate([batch.best_epoch for batch in done])[back]
    return kept[:, torch.as_tensor(back, device=kept.device)], History(curves[0], curves[1], best_epoch)


def check_samples(samples: Sequence[Sample], what: str) -> None:
    """Every sample must have events of positive weight.

    Raises:
        TrainingError: one has none.
    """
    for number, sample in enumerate(samples):
        if not len(sample.rows) or not sample.weight.sum() > 0:
            raise TrainingError(f"{what}: sample {number} has no events of positive weight; make it larger.")
