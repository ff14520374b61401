"""Lists of rows of one shared table, one per network, padded to a common length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Sample:
    """Rows of the shared table on which networks train or validate.

    Attributes:
        rows: (n,) row numbers.
        weight: (n,) weight of each row in the loss, 0 or more; only ratios matter.
        target: (n,) 0 or 1 for the cross-entropy; None for the reconstruction, whose target is its input.
    """

    rows: np.ndarray
    weight: np.ndarray
    target: np.ndarray | None = None


@dataclass(frozen=True)
class Member:
    """One network: its seed and the numbers of its training and validation samples."""

    seed: int
    train: int
    validation: int


class Lists:
    """Samples of a group of networks, padded: padding points at row 0 with weight 0."""

    def __init__(
        self, samples: Sequence[Sample], numbers: Sequence[int], batch: int, table: torch.Tensor
    ) -> None:
        import torch

        used = sorted(set(numbers))
        lengths = np.array([len(samples[number].rows) for number in used])
        # Batches are always full, so a network's arithmetic does not depend on its neighbours' lengths.
        self.width = int(-(-lengths.max() // batch) * batch)
        rows = np.zeros((len(used), self.width), np.int64)
        weight = np.zeros((len(used), self.width))
        target = np.zeros((len(used), self.width))
        for line, number in enumerate(used):
            sample = samples[number]
            rows[line, : len(sample.rows)] = sample.rows
            weight[line, : len(sample.rows)] = sample.weight / np.mean(sample.weight)
            target[line, : len(sample.rows)] = 0 if sample.target is None else sample.target
        self.rows = torch.as_tensor(rows, device=table.device)
        self.weight = torch.as_tensor(weight, device=table.device, dtype=table.dtype)
        self.target = torch.as_tensor(target, device=table.device, dtype=table.dtype)
        self.of_network = torch.as_tensor([used.index(number) for number in numbers], device=table.device)
        self.lengths = torch.as_tensor(lengths, device=table.device)[self.of_network]
        self.host_lengths = lengths[[used.index(number) for number in numbers]]

    def keep(self, index: torch.Tensor, host: np.ndarray) -> None:
        """Drop the networks that stopped."""
        self.of_network, self.lengths = self.of_network[index], self.lengths[index]
        self.host_lengths = self.host_lengths[host]

    def batches(
        self, size: int, position: torch.Tensor | None
    ) -> Iterator[tuple[int, tuple[torch.Tensor, ...]]]:
        """Number of leading networks with rows left, and their (rows, weight, target), each (n, size)."""
        for start in range(0, int(self.host_lengths.max()), size):
            count = int(np.flatnonzero(self.host_lengths > start)[-1]) + 1
            lines = self.of_network[:count, None]
            if position is None:
                cut = (self.of_network[:count], slice(start, start + size))
            else:
                cut = (lines, position[:count, start : start + size])
            yield count, (self.rows[cut], self.weight[cut], self.target[cut])
