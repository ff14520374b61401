"""Generated rows in the layout of the representation that was learnt, appended block by block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from resonaut.generate.drawing import Drawn
from resonaut.generate.interface import Shape
from resonaut.shower_files import ShowerWriter
from resonaut.showers import from_dense
from resonaut.store import SCHEMA_VERSION

_CHUNK_BYTES = 2**20
_ROWS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
Columns = Mapping[str, np.ndarray]


def representation_settings(shape: Shape) -> dict[str, Any]:
    """The attribute `settings` of files that are made like those that were learnt."""
    section = {key: value for key, value in shape.settings.items() if key not in ("n_jets", "geometry")}
    n_jets = {"n_jets": shape.settings["n_jets"]} if "n_jets" in shape.settings else {}
    return {**n_jets, shape.kind: section}


def attributes(shape: Shape, name: str, label: str, n_events: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a chunk of generated rows.

    Args:
        name: of the dataset.
        label: truth class; empty for none.
        n_events: that are in the file.
        more: provenance and others.
    """
    return {
        "kind": shape.kind,
        "schema_version": SCHEMA_VERSION,
        "dataset": name,
        "label": label,
        "n_events": n_events,
        "n_generated": n_events,
        "sum_weights": float(n_events),
        "cut_flow": {"read": n_events},
        "settings": representation_settings(shape),
        "generated": True,
        **more,
    }


class SampleWriter:
    """Append generated rows to an open file.

    Args:
        file: open and writable.
        shape: what the generator makes.
        n_rows: rows (jets) of each event; 1 where a row is an event.
    """

    def __init__(self, file: h5py.File, shape: Shape, n_rows: int) -> None:
        self._file, self._shape, self._n_rows = file, shape, n_rows
        self._points = 0
        self._showers = ShowerWriter(file, shape.settings["geometry"]) if shape.kind == "showers" else None

    def append(self, drawn: Drawn, columns: Columns) -> None:
        """Append rows, whole events of them.

        Args:
            drawn: the rows.
            columns: of the events, `events/<name>` (n_events,), and of their jets, `jets/<name>`
                (n_events * n_rows,).
        """
        if self._showers is not None:
            # Cells below the cut of the representation are in no shower that was learnt.
            threshold = 1e-3 * float(self._shape.settings.get("threshold", 0.0))
            of_events = {name.removeprefix("events/"): values for name, values in columns.items()}
            self._showers.append(
                from_dense(drawn.values, self._shape.settings["geometry"], of_events, threshold)
            )
            return
        for name, values in sorted(columns.items()):
            self._extend(name, self._by_event(values) if name.startswith("jets/") else values)
        getattr(self, f"_append_{self._shape.kind}")(drawn)

    def extend(self, name: str, values: np.ndarray) -> None:
        """Append rows to a dataset of the file, which is made if it is absent."""
        self._extend(name, values)

    def _append_images(self, drawn: Drawn) -> None:
        self._extend("images", self._by_event(drawn.values))

    def _append_clouds(self, drawn: Drawn) -> None:
        for number, name in enumerate(self._shape.columns):
            self._extend(f"constituents/{name}", drawn.values[:, number])
        if "offsets" not in self._file:
            self._extend("offsets", np.zeros(1, np.int64))
        self._extend("offsets", drawn.offsets[1:] + self._points)
        self._points += len(drawn.values)

    def _append_features(self, drawn: Drawn) -> None:
        of_jets: dict[str, dict[int, np.ndarray]] = {}
        for number, name in enumerate(self._shape.columns):
            values = drawn.values[:, number]
            group, *rest = name.split("/")
            if len(rest) == 2:
                of_jets.setdefault(rest[0], {})[int(rest[1])] = values
            elif group == "jets":
                self._extend(name, self._by_event(values))
            else:
                self._extend(f"events/{rest[0] if rest else group}", values[:: self._n_rows])
        for name, jets in sorted(of_jets.items()):
            if f"jets/{name}" not in self.names:
                table = np.full((len(drawn), max(jets) + 1), np.nan, np.float32)
                for jet, values in jets.items():
                    table[:, jet] = values
                self._extend(f"jets/{name}", table)

    @property
    def names(self) -> set[str]:
        """Columns of jets that are generated whole."""
        return {name for name in self._shape.columns if name.startswith("jets/") and name.count("/") == 1}

    def _by_event(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, self._n_rows, *values.shape[1:])

    def _extend(self, name: str, values: np.ndarray) -> None:
        if name not in self._file:
            row = max(1, values.dtype.itemsize * int(np.prod(values.shape[1:])))
            size = max(1, min(16_384, _CHUNK_BYTES // row))
            options = {"maxshape": (None, *values.shape[1:]), "chunks": (size, *values.shape[1:]), **_ROWS}
            self._file.create_dataset(name, shape=(0, *values.shape[1:]), dtype=values.dtype, **options)
        found = self._file[name]
        start = len(found)
        found.resize(start + len(values), axis=0)
        found[start:] = values


def generated_columns(shape: Shape) -> set[str]:
    """Columns `group/name` that the generator itself makes."""
    if shape.kind != "features":
        return set()
    found = set()
    for name in shape.columns:
        group, *rest = name.split("/")
        found.add(f"{group}/{rest[0]}" if rest else f"events/{group}")
    return found


def condition_columns(conditions: np.ndarray, places: tuple[str, ...], n_rows: int) -> dict[str, np.ndarray]:
    """Conditions of rows as columns at their places; classes have none.

    Args:
        conditions: (n, k).
        places: of the columns, see `Learnt`.
        n_rows: rows of each event.
    """
    found = {}
    for number, place in enumerate(places):
        if place and place.count("/") < 2:
            values = conditions[:, number]
            found[place] = values[::n_rows] if place.startswith("events/") else values
    return found
