"""One training of one network of a tagger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError, TrainingError
from resonaut.nn.device import seeded
from resonaut.nn.networks.rescaled import Rescaled
from resonaut.nn.samples import Samples, Subset, stream
from resonaut.nn.training import Epoch, History, Loss, train
from resonaut.seeds import integer_seed
from resonaut.tag.interface import Table, Tagger
from resonaut.tag.robust.training import robust_of, unguarded
from resonaut.tag.rows.prepare import Prepared
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.transfer import apply, tensors_of

N_MEASURED = 50_000
"""Training rows at most that means and deviations of the inputs are taken from."""


@dataclass(frozen=True)
class Fitted:
    """A trained network, on the CPU in evaluation mode, and how its training went."""

    network: nn.Module
    history: History


def fit_once(
    settings: TaggerSettings,
    tagger: Tagger,
    rows: Prepared,
    seed: int,
    where: str,
    *,
    restart: int = 0,
    folder: Path | None = None,
    records: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    transfer: Path | None = None,
) -> Fitted:
    """Train a network on the training rows; the validation rows decide when to stop.

    Args:
        seed: the study's seed.
        where: key of the configuration; with the seed and the number of the restart it makes all seeds.
        restart: number of the network.
        folder: where the state is kept after each epoch.
        records: JSONL with a line per epoch.
        on_epoch: is told of each epoch; what it raises ends the training. Methods that are not trained by
            gradients tell it afterwards.
        transfer: weights that the training starts from, as `settings.transfer` says.

    Raises:
        TrainingError: a loss is not finite.
        ConfigError, MismatchError, InputError: the weights to start from are not there, or do not fit.
    """
    task = rows.task
    more = (restart,) if restart else ()
    with seeded(integer_seed(seed, where, "weights", *more)):
        network = task.network(tagger)
    if settings.transfer is not None:
        path = transfer or settings.transfer.path
        if path is None:
            raise ConfigError(
                f"{where}.transfer.start_from: the weights of '{settings.transfer.start_from}' are not "
                "given; add --transfer FILE."
            )
        # A network that predicts a value stands in one that gives its units.
        inner = network.network if isinstance(network, Rescaled) else network
        apply(inner, _own(tensors_of(path, restart)), settings.transfer, where)
    robust = robust_of(settings.robust, rows)
    weights = [rows.weights(part) for part in (0, 1)]
    if robust is not None:
        weights = [robust.weights(rows, part, weight) for part, weight in enumerate(weights)]
    if isinstance(network, Rescaled):
        network.measure(torch.from_numpy(rows.target[rows.parts[0]]))
    if tagger.fit is not None:
        history = _fit(tagger, network, rows, weights, integer_seed(seed, where, "training", *more))
        for epoch in history.epochs if on_epoch is not None else ():
            on_epoch(epoch)
        return Fitted(network.eval(), history)
    standardise = getattr(network, "standardise", None)
    if standardise is not None:
        standardise.measure(torch.from_numpy(_measured(rows)))
    columns, loss = (), _loss(rows, tagger)
    if robust is not None:
        columns, loss = robust.columns, robust.loss(loss)
        with seeded(integer_seed(seed, where, "adversary", *more)):
            network = robust.guarded(network, len(rows.parts[0]), settings.training.epochs)
    samples = rows.samples(*columns, rows.target)
    training, validation = (Subset(samples, rows.place[rows.parts[part]], weights[part]) for part in (0, 1))
    history = train(
        *(network, training, validation, loss, settings.training),
        seed=integer_seed(seed, where, "training", *more),
        where=where,
        checkpoint_folder=folder,
        inputs=rows.digest,
        records=records,
        watch=_watch(rows, len(columns)),
        on_epoch=on_epoch,
    )
    return Fitted(unguarded(network), history)


def _loss(rows: Prepared, tagger: Tagger) -> Loss:
    """Loss of each row; the divergence of the weights counts once in an epoch (arXiv:1505.05424 eq. 8)."""
    loss, divergence = rows.task.loss(tagger), tagger.divergence
    if divergence is None:
        return loss
    n_rows = len(rows.parts[0])
    return lambda network, values: loss(network, values) + divergence(network) / n_rows


def _own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the network itself, where they are of one that gives the units of what it predicts."""
    if "shift" not in tensors:
        return dict(tensors)
    start = "network."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _measured(rows: Prepared) -> np.ndarray:
    """Values of training rows, evenly chosen."""
    part = rows.parts[0]
    return rows.values(part[:: -(-len(part) // N_MEASURED)])


def _watch(
    rows: Prepared, n_columns: int
) -> Callable[[nn.Module, Samples, Sequence[Tensor]], dict[str, float]]:
    def watch(network: nn.Module, samples: Samples, batches: Sequence[Tensor]) -> dict[str, float]:
        found, targets = [], []
        for batch in stream(samples, batches):
            *inputs, target = batch.values
            inputs = inputs[: len(inputs) - n_columns]
            found.append(rows.task.outputs(network(*inputs)).float())
            targets.append(target)
        return rows.task.watched(torch.cat(found).cpu().numpy(), torch.cat(targets).cpu().numpy())

    return watch


def _fit(
    tagger: Tagger, network: nn.Module, rows: Prepared, weights: Sequence[np.ndarray], seed: int
) -> History:
    if rows.kind != "features":
        raise TrainingError(f"{rows.kind} are ragged or have several axes; this method learns from features.")
    target, inner = rows.target, network
    if isinstance(network, Rescaled):
        target = (target - network.shift.numpy()) / network.scale.numpy()
        inner = network.network
    tables = [
        Table(rows.values(part), target[part], weight)
        for part, weight in zip(rows.parts[:2], weights, strict=True)
    ]
    return tagger.fit(inner, *tables, rows.task.name, seed)
