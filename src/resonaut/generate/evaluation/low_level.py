"""A classifier of generated rows that sees all their values, beside its floor (`classifier`)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut import ragged
from resonaut.generate.evaluation.classifier import judged, pairs
from resonaut.generate.evaluation.settings import ClassifierSettings
from resonaut.nn.settings import ScheduledTraining
from resonaut.seeds import integer_seed

if TYPE_CHECKING:
    from torch import nn

    from resonaut.generate.learnt import Learnt
    from resonaut.nn.samples import Samples

_TRAINING = {
    "small": {"epochs": 10, "batch_size": 128, "learning_rate": 1e-3, "patience": 3},
    "published": {"epochs": 50, "batch_size": 1000, "learning_rate": 2e-4, "patience": 50},
}
_PASS = 512


def _standardised(columns: np.ndarray) -> np.ndarray:
    width = columns.std(0)
    return ((columns - columns.mean(0)) / np.where(width > 0, width, 1)).astype(np.float32)


def _logarithm(values: np.ndarray) -> np.ndarray:
    """log(1 + x / unit), the unit being a small value that is found: the many small cells count too."""
    positive = values[values > 0]
    unit = np.quantile(positive, 0.1) if len(positive) else 1.0
    return np.log1p(values / unit).astype(np.float32)


def _extra(parts: Sequence[Learnt], size: np.ndarray) -> np.ndarray:
    """Logarithm of the sum (or number) of each row, and conditions, standardised: (n, 1 + n_conditions)."""
    conditions = np.concatenate([part.conditions for part in parts])
    total = np.log(np.maximum(size, np.finfo(np.float32).tiny))
    return _standardised(np.column_stack([total, conditions]).astype(np.float64))


def _flat(parts: Sequence[Learnt]) -> tuple[np.ndarray, np.ndarray]:
    """Values and offsets of ragged rows of several samples, one behind the other."""
    values = np.concatenate([part.values for part in parts])
    return values, ragged.offsets_of(np.concatenate([np.diff(part.offsets) for part in parts]))


def _of_cells(parts: Sequence[Learnt], target: np.ndarray, published: bool) -> tuple[Samples, nn.Module]:
    from resonaut.generate.evaluation.low_level_networks import Cells, windows
    from resonaut.nn.samples import FixedSamples
    from resonaut.nn.shower_samples import SparseShowers

    dims = parts[0].shape().dims
    place, layout = windows(dims) if len(dims) > 1 else (np.arange(dims[0]), dims)
    if parts[0].kind == "showers":
        values, offsets = _flat(parts)
        extra = _extra(parts, np.bincount(ragged.row_of(offsets), values, len(offsets) - 1))
        cell = place[np.concatenate([part.cell for part in parts])]
        samples = SparseShowers(cell, _logarithm(values), offsets, layout, extra, target)
    else:
        values = np.concatenate([part.values for part in parts]).reshape(len(target), -1)
        dense = np.zeros((len(target), math.prod(layout)), np.float32)
        dense[:, place] = _logarithm(values)
        extra = _extra(parts, values.sum(1))
        samples = FixedSamples(dense.reshape(-1, *layout), extra, target)
    return samples, Cells(layout, extra.shape[1], published)


def _of_points(parts: Sequence[Learnt], target: np.ndarray, published: bool) -> tuple[Samples, nn.Module]:
    from resonaut.generate.evaluation.low_level_networks import Points
    from resonaut.nn.samples import RaggedSamples

    values, offsets = _flat(parts)
    extra = _extra(parts, np.diff(offsets))
    samples = RaggedSamples(_standardised(values), offsets, extra, target)
    return samples, Points(values.shape[1], extra.shape[1], published)


def low_level(
    real: Learnt, other: Learnt, generated: Learnt, settings: ClassifierSettings, seed: int, where: str
) -> dict[str, Any] | None:
    """How well all values together with the conditions tell generated rows from real ones.

    Args:
        real, other, generated: equally many rows of showers, images or clouds.
        settings: of the network.
        seed: of everything random.
        where: key of the configuration, for the messages.

    Returns:
        auc, error, folds, floor, floor_error, floor_folds, n_parameters; None for features, whose values are
        the observables.
    """
    if real.kind == "features":
        return None
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from resonaut.nn.device import choose, seeded
    from resonaut.nn.samples import Subset
    from resonaut.nn.training import n_parameters, train

    target, folds = pairs(len(real.conditions), settings.folds_low_level, 0.2, seed)
    make = _of_points if real.kind == "clouds" else _of_cells
    with seeded(integer_seed(seed, "low level")):
        samples, start = make(
            (real, other, generated), target.astype(np.float32), settings.size == "published"
        )
    device = choose(settings.device)
    samples = samples.to(device)

    def loss(network: nn.Module, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
        *seen, wanted = values
        return binary_cross_entropy_with_logits(network(*seen), wanted, reduction="none")

    scores = []
    training = ScheduledTraining(**_TRAINING[settings.size], device=settings.device, precision="float32")
    for number, fold in enumerate(folds):
        network = copy.deepcopy(start)
        train(
            *(network, Subset(samples, fold.train), Subset(samples, fold.validation), loss, training),
            seed=integer_seed(seed, "low level training", number),
            where=f"{where}, low-level classifier {number + 1} of {len(folds)}",
        )
        network.to(device)
        with torch.no_grad():
            found = [
                network(*samples.take(rows).values[:-1]).cpu().numpy()
                for rows in torch.as_tensor(fold.test).split(_PASS)
            ]
        scores.append(np.concatenate(found))
    return {**judged(scores, target, folds), "n_parameters": n_parameters(start)}
