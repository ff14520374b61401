"""Training samples in memory: rows of fixed shape, or ragged rows that are padded batch by batch.

Both give batches by row numbers, on the device where they live, without a loop over rows. Samples that are
not in memory (`nn.streaming`) have `pool_size`, `block_size` and `stream` besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Rows of a sample.

    Attributes:
        values: one tensor per column, (n_rows, ...); what they mean is between a sample and its loss.
        weight: (n_rows,) weight of each row in the loss.
    """

    values: tuple[Tensor, ...]
    weight: Tensor


class Samples(Protocol):
    """What the training engine asks of a sample."""

    lengths: Tensor | None
    """(n_rows,) lengths of ragged rows, on the CPU; None where all are equal."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Samples:
        """The same sample on a device."""

    def take(self, rows: Tensor) -> Batch:
        """The batch of these row numbers, (n,) int64 on the CPU."""


def _weights(weight: np.ndarray | Tensor | None, n_rows: int) -> Tensor:
    return torch.ones(n_rows) if weight is None else torch.as_tensor(weight, dtype=torch.float32)


class FixedSamples:
    """Columns whose rows all have one shape.

    Args:
        columns: arrays of shape (n_rows, ...); a numpy array is not copied.
        weight: (n_rows,); 1 if absent.
    """

    lengths = None

    def __init__(self, *columns: np.ndarray | Tensor, weight: np.ndarray | Tensor | None = None) -> None:
        self.columns = tuple(torch.as_tensor(column) for column in columns)
        self.weight = _weights(weight, len(self))

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def n_bytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in (*self.columns, self.weight))

    def to(self, device: torch.device) -> FixedSamples:
        return FixedSamples(*(c.to(device) for c in self.columns), weight=self.weight.to(device))

    def take(self, rows: Tensor) -> Batch:
        rows = rows.to(self.weight.device)
        return Batch(tuple(column[rows] for column in self.columns), self.weight[rows])


class RaggedSamples:
    """Rows of different lengths, stored flat; a batch is padded to its own longest row.

    The values of a batch are (padded (n, longest, n_features), mask (n, longest), *columns): the mask is true
    where a value is real, padded values are 0.

    Args:
        flat: (n_values, n_features) all rows, one behind the other.
        offsets: (n_rows + 1,) first value of each row.
        columns: arrays of shape (n_rows, ...), a target for example.
        weight: (n_rows,); 1 if absent.
    """

    def __init__(
        self,
        flat: np.ndarray | Tensor,
        offsets: np.ndarray | Tensor,
        *columns: np.ndarray | Tensor,
        weight: np.ndarray | Tensor | None = None,
    ) -> None:
        self.flat = torch.as_tensor(flat)
        self.offsets = torch.as_tensor(offsets)
        self.columns = tuple(torch.as_tensor(column) for column in columns)
        self.weight = _weights(weight, len(self))
        self.lengths = self.offsets.diff().cpu()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_bytes(self) -> int:
        """Bytes of all values, offsets and columns."""
        return sum(column.nbytes for column in (self.flat, self.offsets, *self.columns, self.weight))

    def to(self, device: torch.device) -> RaggedSamples:
        return RaggedSamples(
            self.flat.to(device),
            self.offsets.to(device),
            *(column.to(device) for column in self.columns),
            weight=self.weight.to(device),
        )

    def take(self, rows: Tensor) -> Batch:
        # From the CPU's copy: asking the device for the longest row would wait for it at each step.
        longest = max(1, int(self.lengths[rows].max()))
        rows = rows.to(self.weight.device)
        first = self.offsets[rows]
        step = torch.arange(longest, device=first.device)
        mask = step < (self.offsets[rows + 1] - first)[:, None]
        index = (first[:, None] + step).clamp_(max=max(0, len(self.flat) - 1))
        if len(self.flat):
            padded = self.flat[index] * mask[..., None]
        else:
            padded = self.flat.new_zeros(*mask.shape, self.flat.shape[1])
        return Batch((padded, mask, *(column[rows] for column in self.columns)), self.weight[rows])


class Subset:
    """Some rows of a sample, without a copy of them.

    Args:
        samples: the whole sample; move it to the device first, or each subset moves it anew.
        rows: (n,) row numbers.
        weight: (n,) weights that replace the sample's own.
    """

    def __init__(self, samples: Samples, rows: np.ndarray, weight: np.ndarray | Tensor | None = None) -> None:
        self.samples = samples
        self.rows = torch.as_tensor(rows)
        self.weight = None if weight is None else _weights(weight, len(self))
        self.lengths = None if samples.lengths is None else samples.lengths[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device) -> Subset:
        weight = None if self.weight is None else self.weight.to(device)
        return Subset(self.samples.to(device), self.rows, weight)

    def take(self, rows: Tensor) -> Batch:
        return self._weighted(self.samples.take(self.rows[rows]), rows)

    def stream(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """The batches of these row numbers, one after the other."""
        taken = stream(self.samples, [self.rows[rows] for rows in batches])
        for rows, batch in zip(batches, taken, strict=True):
            yield self._weighted(batch, rows)

    def _weighted(self, batch: Batch, rows: Tensor) -> Batch:
        if self.weight is None:
            return batch
        return Batch(batch.values, self.weight[rows.to(self.weight.device)])


def stream(samples: Samples, batches: Sequence[Tensor]) -> Iterator[Batch]:
    """Batches of a sample, read ahead where it can."""
    if hasattr(samples, "stream"):
        return samples.stream(batches)
    return (samples.take(rows) for rows in batches)


def whole_sample(samples: Samples) -> Samples:
    """The sample that a subset (of a subset ...) is taken from."""
    while isinstance(samples, Subset):
        samples = samples.samples
    return samples


def shuffled_batches(samples: Samples, batch_size: int, rng: np.random.Generator) -> list[Tensor]:
    """Random batches of all rows of a sample; each row stands in exactly one.

    Where a sample is read from files, blocks of neighbouring rows are shuffled, and then the rows within each
    pool of blocks: a row meets all others over the epochs, and a file is read about once in each.
    """
    whole = whole_sample(samples)
    if not hasattr(whole, "pool_size"):
        return batches_of_rows(rng.permutation(len(samples)), samples.lengths, batch_size, rng)
    rows = np.arange(len(samples))
    blocks = np.array_split(rows, np.arange(whole.block_size, len(rows), whole.block_size))
    rows = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
    pool = max(1, whole.pool_size // batch_size) * batch_size
    return [
        batch
        for start in range(0, len(rows), pool)
        for batch in batches_of_rows(
            rng.permutation(rows[start : start + pool]), samples.lengths, batch_size, rng
        )
    ]


def batches_of_rows(
    order: np.ndarray, lengths: Tensor | None, batch_size: int, rng: np.random.Generator | None = None
) -> list[Tensor]:
    """Cut rows into batches; ragged rows of similar length share a batch, so that little is padding.

    Args:
        order: (n,) row numbers, shuffled for training.
        lengths: (n_rows,) length of each row; None where all are equal.
        batch_size: rows per batch.
        rng: shuffles the batches of ragged rows, which are sorted otherwise; None leaves them sorted.

    Returns:
        Row numbers of each batch; each row of `order` stands in exactly one.
    """
    if lengths is not None:
        # Sorting within pools only keeps the batches random: a global sort makes each a slice of the lengths.
        pool = batch_size * 32 if rng is not None else max(1, len(order))
        length = lengths.numpy()[order]
        order = order[np.lexsort((length, np.arange(len(order)) // pool))]
    cut = [torch.from_numpy(order[i : i + batch_size]) for i in range(0, len(order), batch_size)]
    if lengths is not None and rng is not None:
        cut = [cut[i] for i in rng.permutation(len(cut))]
    return cut
