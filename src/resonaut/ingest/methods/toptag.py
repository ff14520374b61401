"""Reader of the top-tagging reference data (arXiv:1902.09914): jets of up to 200 particles, top or QCD."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.errors import ConfigError, CorruptFileError, EmptyFileError
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.hdf5file import KIND, dataset
from resonaut.ingest.padded import labels, momenta, numbered, one_jet_each, unpad
from resonaut.ingest.rootfile import reading

KINDS = ("hdf5",)
LEVEL = "jets"
NUMBERED = False
TABLE = "table/table"
_MOMENTA, _FLAGS = "values_block_0", "values_block_1"
_N_PARTICLES = 200
_COMPONENTS = ("E", "PX", "PY", "PZ")
_COLUMNS = [f"{component}_{i}" for i in range(_N_PARTICLES) for component in _COMPONENTS]
_TRUTH = [f"truth{component}" for component in _COMPONENTS]
_NAME = re.compile(rb"(?:E|PX|PY|PZ)_[0-9]+|truth(?:E|PX|PY|PZ)|ttv|is_signal_new")
_PARTS = {"train": 0, "test": 1, "val": 2}
_ROUNDING, _SPACE_LIKE_MAX = 1e-3, 0.25


class Settings(base.Settings):
    """What to read of a file."""

    part: Literal["train", "val", "test", "all"] = Field(
        "all", description="Jets of one part, by the column 'ttv'; the published files hold one part each."
    )


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return (
        contents.kind == "hdf5" and contents.has("table", "table") and contents.has(TABLE, _MOMENTA, _FLAGS)
    )


def build(settings: Settings) -> TopTag:
    """Build the reader."""
    return TopTag(settings.part)


class TopTag:
    """A jet is the sum of its particles; the file has no other collection. Nothing is unpickled.

    The table is one of PyTables: float32 columns E_0, PX_0, PY_0, PZ_0, ..., PZ_199, truthE, ..., truthPZ in
    one field, the integers `ttv` and `is_signal_new` in another.
    """

    def __init__(self, part: str) -> None:
        self.part = part

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of jets of the part; all weigh the same."""
        table = _table(file, path)
        n_jets = len(table)
        if self.part != "all":
            step = max(1, 2**25 // table.dtype.itemsize)
            n_jets = 0
            for start in range(0, len(table), step):
                with reading(path, KIND):
                    parts = table.fields(_FLAGS)[start : start + step][:, 0]
                n_jets += int(np.count_nonzero(parts == _PARTS[self.part]))
        if n_jets == 0:
            raise EmptyFileError(
                f"{path}: none of its {len(table)} jets is of 'part: {self.part}'. Choose 'all' or "
                "another file."
            )
        return SourceInfo(n_jets, float(n_jets), None, "", ("qcd", "top"))

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read the jets of the part."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these files have one jet per row. Leave "
                "'ingest.collection' out."
            )
        table = _table(file, path)
        for start in range(0, len(table), step):
            with reading(path, KIND):
                rows = table[start : start + step]
            yield self._batch(rows, path, start)

    def _batch(self, rows: np.ndarray, path: str, start: int) -> Batch:
        part, label = rows[_FLAGS][:, 0], rows[_FLAGS][:, 1]
        labels(part, len(_PARTS), f"{path}: ttv", start)
        label = labels(label, 2, f"{path}: is_signal_new", start)
        wanted = np.ones(len(rows), bool) if self.part == "all" else part == _PARTS[self.part]
        values = rows[_MOMENTA][wanted, : len(_COLUMNS)].reshape(-1, _N_PARTICLES, len(_COMPONENTS))
        columns = {name: values[:, :, i] for i, name in enumerate(_COMPONENTS)}
        particles = unpad(columns, columns["E"] != 0)
        energy, px, py, pz = (particles.columns[name].astype(np.float64) for name in _COMPONENTS)
        space_like = energy < (1 - _ROUNDING) * np.sqrt(px**2 + py**2 + pz**2)
        if len(energy) and (space_like & (energy > 0)).mean() > _SPACE_LIKE_MAX:
            raise CorruptFileError(
                f"{path}: {space_like.mean():.0%} of the particles from entry {start} on have less energy "
                "than momentum: the columns are not E_0, PX_0, PY_0, PZ_0, E_1, ... in this order. Use the "
                "published file."
            )
        events = numbered(start + np.flatnonzero(wanted))
        events["label"] = label[wanted]
        particles.columns.clear()
        particles.columns.update(momenta(px, py, pz, energy))
        return one_jet_each(events, start, particles)


def _table(file: Any, path: str) -> Any:
    """The table, its layout checked.

    Raises:
        CorruptFileError: the columns are not those published, or not in that order.
    """
    table = dataset(file, path, TABLE, 1, kinds="V")
    with reading(path, KIND):
        fields = table.dtype.fields
        found = {name: (item[0].base.kind, item[0].shape) for name, item in fields.items()}
        n_rows = table.attrs.get("NROWS", len(table))
        attributes = {name: table.attrs.get(f"{name}_kind") for name in (_MOMENTA, _FLAGS)}
    counts = {("f", (len(_COLUMNS),)), ("f", (len(_COLUMNS) + len(_TRUTH),))}
    if found.get(_MOMENTA) not in counts or found.get(_FLAGS) != ("i", (2,)):
        raise CorruptFileError(
            f"{path}: the fields of '{TABLE}' are {table.dtype}; '{_MOMENTA}' with 804 floats and '{_FLAGS}' "
            "with 2 integers are expected. Use the published file, or '--reader table'."
        )
    if n_rows != len(table):
        raise CorruptFileError(
            f"{path}: '{TABLE}' has {len(table)} rows, its attribute NROWS says {n_rows}. Copy it again."
        )
    expected = {_MOMENTA: [*_COLUMNS, *_TRUTH], _FLAGS: ["ttv", "is_signal_new"]}
    for field, text in attributes.items():
        # The list of names is a pickle. It is looked at as text, and never loaded.
        names = [name.decode() for name in _NAME.findall(text)] if isinstance(text, bytes) else []
        if names and names != expected[field][: found[field][1][0]]:
            wrong = next(
                i for i, pair in enumerate(zip(names, expected[field], strict=False)) if len({*pair}) > 1
            )
            raise CorruptFileError(
                f"{path}: column {wrong} of '{field}' is '{names[wrong]}', '{expected[field][wrong]}' is "
                "expected: the columns are in another order than published. Use the published file."
            )
    return table
