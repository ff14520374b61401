"""One of several processes of a training, started with the environment of torchrun: `... FOLDER BATCH_SIZE`.

The first process writes `<FOLDER>/history.json` and `<FOLDER>/weights.safetensors`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from resonaut.nn import checkpoint
from resonaut.nn.device import deterministic
from resonaut.nn.samples import RaggedSamples, Subset
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train

N_TRAINING = 193
"""Three batches of 64 and a row that is left: half of the processes have nothing in the last batch."""


class Sum(nn.Module):
    """A function of each constituent, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Log odds, (n,)."""
        return (self.layers(values).squeeze(-1) * mask).sum(1)


def cross_entropy(network: nn.Module, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Loss of each row."""
    *inputs, label = values
    return nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")


def run(folder: Path, batch_size: int) -> None:
    """Train; the initial weights differ between processes, as those of the first must win."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, 300)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    flat = rng.normal(size=(offsets[-1], 3))
    label = (rng.random(300) < 0.5).astype(np.float64)
    samples = RaggedSamples(flat, offsets, label, weight=rng.uniform(0.5, 1.5, 300))
    rank = int(os.environ.get("RANK", "0"))
    torch.manual_seed(1 + rank)
    settings = ScheduledTraining(
        epochs=4, batch_size=batch_size, learning_rate=0.02, device="cpu", ema=0.5, clip_norm=0.3
    )
    network = Sum().double()
    with deterministic(1):
        history = train(
            *(network, Subset(samples, np.arange(N_TRAINING)), Subset(samples, np.arange(N_TRAINING, 300))),
            *(cross_entropy, settings),
            seed=4,
            where="tag.toy",
            checkpoint_folder=folder,
            records=folder / "epochs.jsonl",
        )
    (folder / f"history_{rank}.json").write_text(json.dumps([asdict(epoch) for epoch in history.epochs]))
    checkpoint.save(folder / f"weights_{rank}.safetensors", network, {})


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
