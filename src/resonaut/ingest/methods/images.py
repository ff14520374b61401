"""Reader of pictures: any data set of 2-D images in HDF5, with or without labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from resonaut import settings as base
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, nearest
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.hdf5file import KIND, dataset, same_rows
from resonaut.ingest.padded import numbered
from resonaut.ingest.rootfile import reading

KINDS = ("hdf5",)
LEVEL = "images"
NUMBERED = False
_PIECE_BYTES = 2**25
_NUMBERS, _TEXT = "iufb", "SO"

Axis = Literal["channels", "rows", "columns"]
Channel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Settings(base.Settings):
    """Which dataset is what."""

    images: str = Field(description="Dataset of the pictures: `group/name`. Their number is its first axis.")
    axes: tuple[Axis, ...] = Field(
        ("rows", "columns"), description="Its other axes, [rows, columns, channels] for example."
    )
    channels: tuple[Channel, ...] = Field(
        ("intensity",), min_length=1, description="Names of the channels, for the `inputs` of taggers."
    )
    labels: str | None = Field(
        None, description="Dataset of the truth classes: whole numbers that count `label_names`, or names."
    )
    label_names: tuple[str, ...] = Field((), description="Classes, [unresolved, fr1, fr2] for example.")

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if bool(self.labels) != bool(self.label_names):
            raise ValueError("'labels' and 'label_names' go together")
        for what, names in (("channels", self.channels), ("label_names", self.label_names)):
            if len(set(names)) < len(names):
                raise ValueError(f"'{what}' names one of them twice")
        if sorted(self.axes) not in (["columns", "rows"], ["channels", "columns", "rows"]):
            raise ValueError("'axes' names rows and columns once each, and channels where there are several")
        if len(self.axes) == 2 and len(self.channels) > 1:
            raise ValueError(f"'channels' names {len(self.channels)}, but 'axes' names no axis of channels")
        return self


def matches(contents: Contents) -> bool:
    """Never: which dataset holds pictures has to be said."""
    return False


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the options with the names in a file.

    Raises:
        ConfigError: a dataset is absent; key, file and nearest dataset are named.
    """
    held = {f"{group}/{name}".lstrip("/") for group, names in contents.groups.items() for name in names}
    known = held - contents.groups.keys()
    for key in ("images", "labels"):
        name = getattr(settings, key)
        if name is not None and name.strip("/") not in known:
            near = nearest(name, known)
            raise ConfigError(f"options.{key}: {contents.path} has no dataset '{name}'. {near}")


def build(settings: Settings) -> PictureReader:
    """Build the reader."""
    return PictureReader(settings)


class PictureReader:
    """Events are pictures, named by their number in the file; there are no jets, and no mass.

    Pixels become float32 as they are: scale and zero are left to `represent` and to the training.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of pictures, all of one weight, and the attributes `channels` and `n_pixels`."""
        images, _ = self._datasets(file, path)
        shape = dict(zip(self.settings.axes, images.shape[1:], strict=True))
        attributes = {
            "channels": list(self.settings.channels),
            "n_pixels": [shape["rows"], shape["columns"]],
        }
        return SourceInfo(
            len(images), float(len(images)), None, "", self.settings.label_names, attributes=attributes
        )

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read pictures, 32 MiB at a time and in whole chunks of HDF5."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these are pictures. Leave "
                "'ingest.collection' out."
            )
        images, labels = self._datasets(file, path)
        step = min(step, _rows_at_a_time(images))
        for start in range(0, len(images), step):
            stop = min(start + step, len(images))
            events = numbered(np.arange(start, stop))
            if labels is not None:
                with reading(path, KIND):
                    values = labels[start:stop]
                events["label"] = self._classes(values, path, start)
            with reading(path, KIND):
                pixels = images[start:stop]
            yield Batch(events, start, images={"pixels": self._ordered(pixels)})

    def _datasets(self, file: Any, path: str) -> tuple[Any, Any]:
        """The datasets of the pictures and of the labels (None if there are none), their shapes checked.

        Raises:
            ConfigError: the pictures have other axes or channels than the settings say.
            MissingBranchError, CorruptFileError, EmptyFileError: see `hdf5file.dataset` and `same_rows`.
        """
        settings = self.settings
        with reading(path, KIND):
            shape = getattr(file.get(settings.images), "shape", None)
        if shape is not None and len(shape) != 1 + len(settings.axes):
            raise ConfigError(
                f"options.axes: '{settings.images}' of {path} has shape {shape}; the number of pictures and "
                f"{', '.join(settings.axes)} are {1 + len(settings.axes)} axes. Name all but the first: "
                "'axes: [rows, columns]', or with channels, '[rows, columns, channels]'."
            )
        images = dataset(file, path, settings.images, 1 + len(settings.axes), kinds="fiub")
        n_channels = images.shape[1 + settings.axes.index("channels")] if "channels" in settings.axes else 1
        if n_channels != len(settings.channels):
            raise ConfigError(
                f"options.channels: {', '.join(settings.channels)} for '{settings.images}' of {path}, of "
                f"shape {images.shape} with the axes {', '.join(settings.axes)}: {n_channels} names are "
                "expected."
            )
        if settings.labels is None:
            return images, None
        labels = dataset(file, path, settings.labels, 1, kinds=_NUMBERS + _TEXT)
        _require_text(labels, path)
        same_rows(path, images, labels)
        return images, labels

    def _ordered(self, pixels: np.ndarray) -> np.ndarray:
        """(n, n_channels, rows, columns) float32."""
        axes = self.settings.axes
        if "channels" not in axes:
            axes, pixels = (*axes, "channels"), pixels[..., None]
        places = [1 + axes.index(axis) for axis in ("channels", "rows", "columns")]
        # What float32 cannot hold becomes infinite, and is refused as such.
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(pixels.transpose(0, *places), np.float32)

    def _classes(self, values: np.ndarray, path: str, start: int) -> np.ndarray:
        """(n,) int32 class indices.

        Raises:
            BadValueError: a label is none of the classes.
        """
        names = self.settings.label_names
        known: list[Any] = list(range(len(names)))
        text = values.dtype.kind in _TEXT
        if text:
            values, known = np.char.decode(values.astype("S"), "utf-8", "replace"), list(names)
        found = np.full(len(values), -1, np.int32)
        for number, name in enumerate(known):
            found[values == name] = number
        wrong = np.flatnonzero(found < 0)
        if len(wrong):
            value = values[wrong[0]]
            expected = "one of them" if text else f"a whole number from 0 to {len(names) - 1}"
            hint = f" {nearest(value, names)}" if text else ""
            raise BadValueError(
                f"{path}: the label '{self.settings.labels}' is {value} in row {start + wrong[0]}; "
                f"'options.label_names' has {len(names)} names, and {expected} is expected.{hint}"
            )
        return found


def _rows_at_a_time(images: Any) -> int:
    """Pictures of 32 MiB as float32, in whole chunks where these are smaller."""
    rows = max(1, _PIECE_BYTES // (4 * math.prod(images.shape[1:])))
    in_chunk = images.chunks[0] if images.chunks else 1
    return max(in_chunk, rows // in_chunk * in_chunk)


def _require_text(labels: Any, path: str) -> None:
    """Refuse objects that are no texts: ragged arrays, references.

    Raises:
        CorruptFileError: they are something else.
    """
    import h5py

    if labels.dtype.kind in _TEXT and h5py.check_string_dtype(labels.dtype) is None:
        raise CorruptFileError(
            f"{path}: the dataset '{labels.name.lstrip('/')}' holds neither numbers nor names. Is "
            "'options.labels' the right one?"
        )
