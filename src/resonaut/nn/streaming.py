"""Samples that are not on the device: read from HDF5 or sent from the host while the device computes.

A thread prepares the next piece while the current one is used, so two of them are in memory at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from resonaut.nn.device import fits
from resonaut.nn.samples import Batch, FixedSamples, RaggedSamples, Samples, Subset, whole_sample

T = TypeVar("T")


class Source(Protocol):
    """Where a streamed sample reads its rows."""

    lengths: Tensor | None
    """(n_rows,) lengths of ragged rows; None where all are equal."""

    def __len__(self) -> int: ...

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Arguments of `FixedSamples`, or of `RaggedSamples` where rows are ragged.

        Args:
            rows: (n,) row numbers, rising.
        """


class _Stopped(Exception):
    """The consumer of a thread has gone."""


def ahead(pieces: Iterator[T]) -> Iterator[T]:
    """Iterate over `pieces`, which a thread computes one ahead; its errors are raised here."""
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def put(entry: tuple[T | None, BaseException | None]) -> None:
        while True:
            if stop.is_set():
                raise _Stopped
            try:
                ready.put(entry, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for piece in pieces:
                put((piece, None))
            put((None, None))
        except _Stopped:
            return
        except BaseException as error:
            try:
                put((None, error))
            except _Stopped:
                return

    thread = threading.Thread(target=work, daemon=True, name="resonaut-reader")
    thread.start()
    try:
        while True:
            piece, error = ready.get()
            if error is not None:
                raise error
            if piece is None:
                return
            yield piece
    finally:
        stop.set()
        thread.join()


def _send(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy on the device; from pinned memory the GPU fetches it by itself."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        # A thread begins on the first GPU, whichever its process has chosen.
        with torch.cuda.device(device):
            return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class StreamedSamples:
    """Rows in HDF5 files, larger than memory.

    `take` gives the same batches as the same rows in `FixedSamples` or `RaggedSamples`; `stream` reads pools
    of them ahead. Training shuffles blocks of rows and the rows of a pool (`samples.shuffled_batches`), so
    results depend on the two sizes and not on the memory of the machine.

    Args:
        source: `Hdf5Columns`, `Hdf5Ragged`, or another reader of rows.
        columns: arrays in memory, (n_rows, ...), that follow those of the source.
        weight: (n_rows,); 1 if absent.
        pool_size: rows in memory at a time, twice.
        block_size: neighbouring rows that are read together.
    """

    def __init__(
        self,
        source: Source,
        *columns: np.ndarray | Tensor,
        weight: np.ndarray | Tensor | None = None,
        pool_size: int = 65536,
        block_size: int = 1024,
    ) -> None:
        self.source = source
        self.columns = tuple(torch.as_tensor(column) for column in columns)
        self.weight = weight if weight is None else torch.as_tensor(weight, dtype=torch.float32)
        self.pool_size, self.block_size = pool_size, block_size
        self.lengths = source.lengths
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: torch.device) -> StreamedSamples:
        """The same sample, whose batches are sent to a device."""
        moved = StreamedSamples(
            self.source,
            *self.columns,
            weight=self.weight,
            pool_size=self.pool_size,
            block_size=self.block_size,
        )
        moved.device = torch.device(device)
        return moved

    def take(self, rows: Tensor) -> Batch:
        """The batch of these row numbers, (n,) int64 on the CPU; each call opens the files."""
        return next(self._batches_of_pool(*self._pool([rows]), [rows]))

    def stream(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """The batches of these row numbers, one after the other; pools of them are read ahead."""
        sizes = np.cumsum([len(rows) for rows in batches])
        pool = (sizes - 1) // max(self.pool_size, 1)
        groups = [list(batches[a:b]) for a, b in _runs(pool)]
        pools = ahead(self._pool(group) for group in groups)
        for group, (samples, rows) in zip(groups, pools, strict=True):
            yield from self._batches_of_pool(samples, rows, group)

    def _pool(self, batches: Sequence[Tensor]) -> tuple[Samples, np.ndarray]:
        rows = np.unique(torch.cat(list(batches)).numpy())
        kind = FixedSamples if self.lengths is None else RaggedSamples
        tensors = [torch.as_tensor(array) for array in self.source.read(rows)]
        tensors += [column[torch.from_numpy(rows)] for column in self.columns]
        weight = None if self.weight is None else self.weight[torch.from_numpy(rows)]
        weight = torch.ones(len(rows)) if weight is None else weight
        sent = [_send(tensor, self.device) for tensor in (*tensors, weight)]
        return kind(*sent[:-1], weight=sent[-1]), rows

    def _batches_of_pool(
        self, samples: Samples, rows: np.ndarray, batches: Sequence[Tensor]
    ) -> Iterator[Batch]:
        for batch in batches:
            yield samples.take(torch.from_numpy(np.searchsorted(rows, batch.numpy())))


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last position of each run of equal values."""
    edges = np.flatnonzero(np.diff(values)) + 1
    return list(zip([0, *edges], [*edges, len(values)], strict=True)) if len(values) else []


class SentAhead:
    """Samples in the memory of the host whose batches a thread sends to a GPU one ahead.

    Args:
        samples: the samples.
        device: where their batches go.
    """

    def __init__(self, samples: Samples, device: torch.device) -> None:
        self.samples, self.device = samples, device
        self.lengths = samples.lengths

    def __len__(self) -> int:
        return len(self.samples)

    def to(self, device: torch.device) -> SentAhead:
        """The same sample, for another device."""
        return SentAhead(self.samples, device)

    def take(self, rows: Tensor) -> Batch:
        """The batch of these row numbers, on the device."""
        batch = self.samples.take(rows)
        values = tuple(_send(value, self.device) for value in batch.values)
        return Batch(values, _send(batch.weight, self.device))

    def stream(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """The batches of these row numbers, one after the other."""
        return ahead(self.take(rows) for rows in batches)


def placed(samples: Sequence[Samples], device: torch.device, fraction: float) -> list[Samples]:
    """Samples on the device where they fit, otherwise sent there batch by batch; batches are the same.

    Subsets of one sample share it there.

    Args:
        samples: samples on the host, or there already.
        device: where the network is.
        fraction: of the free memory of a GPU, that all of them may take.
    """
    wholes = {id(whole): whole for whole in map(whole_sample, samples)}
    n_bytes = sum(
        getattr(whole, "n_bytes", 0)
        for whole in wholes.values()
        if not (isinstance(whole, FixedSamples | RaggedSamples) and whole.weight.device.type == device.type)
    )
    fit = fits(n_bytes, device, fraction)
    moved = {
        key: whole.to(device) if fit or not hasattr(whole, "n_bytes") else SentAhead(whole, device)
        for key, whole in wholes.items()
    }
    return [_with_whole(one, moved, device) for one in samples]


def _with_whole(samples: Samples, moved: dict[int, Samples], device: torch.device) -> Samples:
    if not isinstance(samples, Subset):
        return moved[id(samples)]
    weight = None if samples.weight is None else samples.weight.to(device)
    return Subset(_with_whole(samples.samples, moved, device), samples.rows, weight)
