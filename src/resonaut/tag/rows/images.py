"""Images as inputs of taggers: a row is a jet, (n_channels, rows, columns)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from resonaut.errors import BadValueError, CorruptFileError, InputError, MissingBranchError, nearest

if TYPE_CHECKING:
    from resonaut.nn.samples import Samples

# Read at once; more saves no time, and less reads a chunk of HDF5 twice.
_BLOCK_BYTES = 2**25


class Images:
    """A row is a jet: its image, the channels that the inputs name; the channels' axis is always there.

    See `representations.Representation`; here the values are (n_jets, n_inputs, rows, columns) float32, one
    per row.
    """

    def rows(self, inputs: Sequence[str]) -> str:
        """See `Representation`."""
        return "jets"

    def rows_per_event(self, file: h5py.File, inputs: Sequence[str], path: Path) -> int:
        """See `Representation`."""
        return _images(file, path).shape[1]

    def read(
        self, file: h5py.File, inputs: Sequence[str], events: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Representation`; the file is read in slices, in its own order.

        Raises:
            MissingBranchError: no images, or not this channel.
            BadValueError: a pixel is not finite.
            InputError, CorruptFileError: the images do not fit the events, or the channels.
        """
        images = _images(file, path)
        channels = _numbers(images, inputs, file, path)
        n_jets, *pixels = images.shape[1], *images.shape[-2:]
        made = np.empty((len(events), n_jets, len(inputs), *pixels), np.float32)
        order = np.argsort(events, kind="stable")
        for part, block in _blocks(images, np.asarray(events)[order]):
            values = block.reshape(len(block), n_jets, -1, *pixels)[:, :, channels]
            _finite(values, inputs, np.asarray(events)[order[part]], path)
            made[order[part]] = values
        flat = made.reshape(-1, len(inputs), *pixels)
        return flat, np.arange(len(flat) + 1)

    def samples(self, flat: np.ndarray, offsets: np.ndarray, *columns: np.ndarray) -> Samples:
        """See `Representation`: one image each."""
        from resonaut.nn.samples import FixedSamples

        return FixedSamples(flat, *columns)


def _images(file: h5py.File, path: Path) -> h5py.Dataset:
    """The images of a chunk, (n_events, n_jets, rows, columns), or with channels before the rows."""
    for name in ("images", "events/event"):
        if name not in file:
            raise MissingBranchError(f"{path}: no {name}; it holds {', '.join(sorted(file))}.")
    images, n_events = file["images"], len(file["events/event"])
    if images.ndim not in (4, 5) or len(images) != n_events:
        raise InputError(
            f"{path}: images of shape {images.shape} and {n_events} events; (events, jets, rows, columns) or "
            "(events, jets, channels, rows, columns) is expected. Run `represent images` again."
        )
    return images


def _numbers(images: h5py.Dataset, inputs: Sequence[str], file: h5py.File, path: Path) -> list[int]:
    """Positions of the wanted channels on the channels' axis."""
    text = file.attrs.get("channels", '["pt"]')
    try:
        channels = json.loads(text)
        stored = images.shape[2] if images.ndim == 5 else 1
        fits = isinstance(channels, list) and len(channels) == stored
    except (json.JSONDecodeError, TypeError):
        fits = False
    if not fits:
        raise CorruptFileError(
            f"{path}: the attribute 'channels' is {text!r}, but images of shape {images.shape} are stored; a "
            "JSON list with the name of each channel is expected. Run `represent images` again."
        )
    for name in inputs:
        if name not in channels:
            raise MissingBranchError(
                f"{path}: no images of the channel '{name}'. {nearest(name, channels)} Add it to "
                "represent.images.channels."
            )
    return [channels.index(name) for name in inputs]


def _blocks(images: h5py.Dataset, events: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Images of sorted events, block after block: which of `events`, and (n, n_jets, ...) images.

    A block is whole chunks of HDF5, so that none is unpacked twice; those without a wanted event are left.
    """
    in_chunk = images.chunks[0] if images.chunks else 1
    bytes_of_event = images.dtype.itemsize * int(np.prod(images.shape[1:]))
    step = in_chunk * max(1, _BLOCK_BYTES // max(1, in_chunk * bytes_of_event))
    if len(events) and (events[0] < 0 or events[-1] >= len(images)):
        raise IndexError(f"events {events[0]} to {events[-1]} of {len(images)}")
    for start in range(0, len(images), step):
        first, last = np.searchsorted(events, (start, start + step))
        if first < last:
            low = int(events[first])
            block = images[low : int(events[last - 1]) + 1]
            yield slice(int(first), int(last)), block[events[first:last] - low]


def _finite(values: np.ndarray, inputs: Sequence[str], events: np.ndarray, path: Path) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        event, jet, channel, row, column = place
        raise BadValueError(
            f"{path}: {inputs[channel]} is {values[place]} in pixel [{row}, {column}] of jet {jet} of row "
            f"{events[event]}; finite values are expected. Run `ingest` and `represent` again for this chunk."
        )
