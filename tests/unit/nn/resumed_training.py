"""A small training with everything that has state, for tests that kill it: run as a program, or called.

`python resumed_training.py FOLDER [EPOCH]`: train below FOLDER; SIGKILL itself within the epoch after EPOCH.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from resonaut.nn.device import deterministic, seeded
from resonaut.nn.samples import RaggedSamples, Subset
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import History, train

N_STEPS = 5


class Toy(nn.Module):
    """Dropout and batch normalisation: noise and buffers that a checkpoint must keep."""

    def __init__(self) -> None:
        super().__init__()
        self.constituent = nn.Sequential(nn.Linear(3, 8), nn.ReLU())
        self.jet = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Log odds, (n,)."""
        return self.jet((self.constituent(values) * mask[..., None]).sum(1)).squeeze(-1)


def samples() -> tuple[Subset, Subset]:
    """Training and validation rows."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, 260)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = rng.normal(size=(offsets[-1], 3)).astype(np.float32)
    label = rng.integers(0, 2, 260).astype(np.float32)
    both = RaggedSamples(flat, offsets, label, weight=rng.uniform(0.5, 1.5, 260))
    return Subset(both, np.arange(160)), Subset(both, np.arange(160, 260))


def settings(**more: object) -> ScheduledTraining:
    """Settings whose state is as large as it can be."""
    usual = {"epochs": 5, "batch_size": 32, "learning_rate": 0.02, "device": "cpu", "patience": 5}
    rich = {"schedule": "one_cycle", "ema": 0.9, "clip_norm": 1.0}
    return ScheduledTraining(**{**usual, **rich, **more})


def run(
    folder: Path, kill_after: int | None = None, seed: int = 7, **more: object
) -> tuple[nn.Module, History, int]:
    """Train; returns network, history and the number of training steps that were computed."""
    steps = []

    def loss(network: nn.Module, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
        *inputs, label = values
        if network.training:
            steps.append(len(label))
            if kill_after is not None and len(steps) == kill_after * N_STEPS + 3:
                os.kill(os.getpid(), signal.SIGKILL)
        return nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")

    with deterministic(1):
        with seeded(3):
            network = Toy()
        history = train(
            *(network, *samples(), loss, settings(**more)),
            seed=seed,
            where="tag.toy",
            checkpoint_folder=folder,
            records=folder / "epochs.jsonl",
            inputs="abc",
        )
    return network, history, len(steps)


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
