"""Rows of a representation that stay in their files while a network is trained."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resonaut.store import open_h5
from resonaut.tag.rows.representations import REPRESENTATIONS

if TYPE_CHECKING:
    from resonaut.nn.streaming import Source


def _clouds(paths: Sequence[Path], counts: Sequence[int], inputs: Sequence[str]) -> Source:
    from resonaut.nn.hdf5_rows import Hdf5Ragged

    return Hdf5Ragged(paths, [f"constituents/{name}" for name in inputs])


class _Images:
    """Images of jets, numbered through the chunks; see `nn.streaming.Source`."""

    lengths = None

    def __init__(self, paths: Sequence[Path], counts: Sequence[int], inputs: Sequence[str]) -> None:
        self._paths, self._inputs = list(paths), list(inputs)
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """(n, n_inputs, rows, columns) of some rows, which rise."""
        edges, parts = np.searchsorted(rows, self._starts), []
        for number, (first, last) in enumerate(itertools.pairwise(edges)):
            if last > first:
                parts.append(self._of_chunk(number, rows[first:last] - self._starts[number]))
        return (np.concatenate(parts),)

    def _of_chunk(self, number: int, rows: np.ndarray) -> np.ndarray:
        images, path = REPRESENTATIONS["images"], self._paths[number]
        with open_h5(path) as file:
            n_jets = images.rows_per_event(file, self._inputs, path)
            events = np.unique(rows // n_jets)
            flat, _ = images.read(file, self._inputs, events, path)
        return flat[np.searchsorted(events, rows // n_jets) * n_jets + rows % n_jets]


SOURCES: dict[str, Callable[[Sequence[Path], Sequence[int], Sequence[str]], Source]] = {
    "clouds": _clouds,
    "images": _Images,
}
"""Reader of rows for each representation that can be streamed, from chunks, their rows, and inputs."""
