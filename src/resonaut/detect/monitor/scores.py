"""How strange the histograms of a run are: plain tests against the mean, and an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.detect.monitor.settings import MonitorSettings
from resonaut.nn.device import choose, seeded
from resonaut.nn.networks.autoencoder import Autoencoder
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train
from resonaut.seeds import integer_seed

_FEWEST = 1.0


@dataclass(frozen=True)
class Reference:
    """Mean and standard deviation of each bin over good runs, (n_bins,)."""

    mean: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, runs: np.ndarray) -> Reference:
        """Of good runs, (n_runs, n_bins).

        A bin that is hardly ever filled counts as one of a single entry.
        """
        width = runs.std(axis=0, dtype=np.float64)
        return cls(runs.mean(axis=0, dtype=np.float64), np.maximum(width, _FEWEST))

    def pulls(self, runs: np.ndarray) -> np.ndarray:
        """Distance of each bin from its mean, in standard deviations, (n_runs, n_bins) float32."""
        return ((runs - self.mean) / self.width).astype(np.float32)


def chi2(pulls: np.ndarray) -> np.ndarray:
    """Sum of the squared pulls of a run, (n_runs,): a test against the mean histograms."""
    return np.square(pulls, dtype=np.float64).sum(axis=1)


def largest_pull(pulls: np.ndarray) -> np.ndarray:
    """Largest pull of any bin of a run, (n_runs,): a test for faults of one bin."""
    return np.abs(pulls).max(axis=1)


def largest_distance(runs: np.ndarray, reference: Reference, n_bins: Mapping[str, int]) -> np.ndarray:
    """Largest Kolmogorov-Smirnov distance of any histogram of a run from the mean one, (n_runs,).

    In units of 1 / sqrt(entries), so that full histograms count as much as empty ones; two axes are followed
    row by row.
    """
    found = np.zeros(len(runs))
    first = 0
    for size in n_bins.values():
        own, mean = runs[:, first : first + size].astype(np.float64), reference.mean[first : first + size]
        entries = own.sum(axis=1)
        shape = np.cumsum(own, axis=1) / np.maximum(entries, 1)[:, None]
        distance = np.abs(shape - np.cumsum(mean) / max(mean.sum(), 1e-12)).max(axis=1)
        found = np.maximum(found, distance * np.sqrt(entries))
        first += size
    return found


def trained(
    training: np.ndarray, validation: np.ndarray, own: MonitorSettings, seed: int, where: str
) -> tuple[Autoencoder, int]:
    """An autoencoder of the pulls of good runs, and the epochs that its training took.

    Args:
        training, validation: (n_runs, n_bins) pulls.
        seed: the study's seed.
        where: key of the entry.

    Raises:
        TrainingError: a loss is not finite.
    """
    with seeded(integer_seed(seed, where, "weights")):
        network = Autoencoder(training.shape[1], own.hidden, own.n_latent)
    plan = ScheduledTraining(**own.training.model_dump())
    samples = [FixedSamples(part) for part in (training, validation)]
    key = integer_seed(seed, where, "training")
    history = train(network, *samples, _loss, plan, seed=key, where=where)
    return network.eval(), len(history.epochs)


def _loss(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    made = network(values[0])
    return (made.outputs - made.inputs).square().mean(dim=-1)


def reconstruction(network: Autoencoder, pulls: np.ndarray, device: str) -> np.ndarray:
    """Sum of the squared differences of pulls and what the network makes of them, (n_runs,)."""
    there = choose(device)
    network.to(there)
    with torch.no_grad():
        parts = [
            network(part.to(there)).outputs.sub(part.to(there)).square().sum(dim=1).cpu()
            for part in torch.from_numpy(pulls).split(4096)
        ]
    network.to("cpu")
    return torch.cat(parts).double().numpy()
