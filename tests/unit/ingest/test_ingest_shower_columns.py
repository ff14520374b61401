"""The house's own layout of showers: geometry, times, columns and labels of a file, and bad ones."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_public
import h5py
import numpy as np
import pytest

from resonaut import store
from resonaut.errors import BadValueError, CorruptFileError, MismatchError
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.showers import from_dense

read = functools.partial(formats_public.read, reader="showers")
N = 6
GRID = {"kind": "cartesian", "shape": [4, 6, 6], "cell": "(layer * rows + row) * columns + column"}
RINGS = {
    "kind": "cylindrical",
    "layers": [{"id": 0, "r_edges": [0, 5, 10], "n_alpha": 4}, {"id": 3, "r_edges": [0, 20], "n_alpha": 1}],
}


def write(path: Path, geometry: dict = GRID, change: Callable[[h5py.File], None] | None = None) -> Path:
    """Six showers of the layout that `simulate` writes."""
    random = np.random.default_rng(3)
    shape = (N, *geometry.get("shape", [9]))
    made = from_dense((random.exponential(2.0, shape) * (random.random(shape) < 0.3)), geometry, {})
    with h5py.File(path, "w") as file:
        file["energy"] = np.linspace(10, 60, N)[:, None]
        file["offsets"], file["cell"], file["deposit"] = made.offsets, made.cell, made.energy
        file["time"] = np.arange(len(made.cell)) / 4
        file["columns/theta"] = np.linspace(0, 0.5, N)
        file["columns/impact_row"] = np.linspace(-1, 1, N)
        file["columns/label"] = np.array([0, 1, 0, 1, 2, 2])
        file.attrs["geometry"] = json.dumps(geometry)
        file.attrs["label_names"] = json.dumps(["photon", "electron", "pion"])
        file.attrs["n_generated"] = 40
        if change is not None:
            change(file)
    return path


@pytest.mark.parametrize("geometry", [GRID, RINGS])
def test_what_the_file_carries(tmp_path: Path, geometry: dict) -> None:
    path = write(tmp_path / "a.h5", geometry)
    # The file's geometry wins over the option.
    info, (batch,) = read(path, shape=[2, 2, 2])
    assert info.attributes == {"geometry": geometry}
    assert (info.n_generated, info.sum_weights) == (40, 40.0)
    assert info.label_names == ("photon", "electron", "pion")
    assert batch.events["theta"].tolist() == np.linspace(0, 0.5, N).tolist()
    assert batch.events["impact_row"].tolist() == np.linspace(-1, 1, N).tolist()
    assert batch.events["label"].tolist() == [0, 1, 0, 1, 2, 2]
    time = batch.hits.columns["time"]
    assert time.dtype == np.float32
    assert time.tolist() == (np.arange(len(time)) / 4).tolist()


def test_all_of_it_is_stored(tmp_path: Path) -> None:
    source = write(tmp_path / "a.h5")
    task = IngestTask(dataset="mixed", reader="showers", classes=("photon", "pion"))
    convert([str(source)], tmp_path / "s.h5", task)
    with store.Store(tmp_path / "s.h5") as events:
        found = events.read()
        assert json.loads(events.attributes["geometry"]) == GRID
        assert json.loads(events.attributes["label_names"]) == ["photon", "electron", "pion"]
    assert found.events["label"].tolist() == [0, 0, 2, 2]
    assert found.events["incident_energy"].tolist() == [10, 30, 50, 60]
    (whole,) = read(source)[1]
    expected = whole.hits.take(np.array([0, 2, 4, 5]))
    for name in ("cell", "energy", "time"):
        np.testing.assert_array_equal(found.hits[name], expected.columns[name])


def setting(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if name.startswith("@"):
            file.attrs[name[1:]] = value
        else:
            if name in file:
                del file[name]
            file[name] = value

    return change


BAD_LAYER = [{"id": 2, "r_edges": [0, 5, 5], "n_alpha": 1}]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("@geometry", "no JSON", r"the attribute 'geometry' is no JSON; .*\[layers, rows, columns\]"),
        ("@geometry", '{"kind": "cubic"}', "the attribute 'geometry' is"),
        ("@geometry", '{"kind": "cartesian", "shape": [4, 0, 6]}', "the attribute 'geometry' is"),
        ("@geometry", json.dumps({"kind": "cylindrical", "layers": BAD_LAYER}), "layer 2 .* rising"),
        (
            "@geometry",
            '{"kind": "cartesian", "shape": [4, 6, 5]}',
            "below 120 is expected. Make the file again",
        ),
        ("time", np.zeros(3), "rows of its datasets differ"),
        ("columns/theta", np.zeros(3), "rows of its datasets differ"),
        ("columns/event", np.zeros(N), r"columns/event: this name is taken"),
        ("columns/label", np.arange(N), r"columns/label holds 0 to 5 .*'label_names'"),
        ("@label_names", "photon", r"columns/label holds 0 to 2 and the attribute 'label_names' is photon"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, value: Any, message: str) -> None:
    path = write(tmp_path / "bad.h5", change=setting(name, value))
    with pytest.raises(CorruptFileError, match=rf"bad\.h5: .*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "energy",
            np.array([[1.0], [0.0], [3.0], [1.0], [1.0], [1.0]]),
            r"incident_energy .* is 0\.0 in entry 1",
        ),
        ("columns/theta", np.array([0, np.nan, 0, 0, 0, 0]), "theta is nan in entry 1"),
        ("columns/theta", np.array([0, np.inf, 0, 0, 0, 0]), "theta is inf in entry 1"),
    ],
)
def test_impossible_particles_are_faults(tmp_path: Path, name: str, value: Any, message: str) -> None:
    path = str(write(tmp_path / "bad.h5", change=setting(name, value)))
    with pytest.raises(BadValueError, match=message):
        convert([path], tmp_path / "s.h5", IngestTask(dataset="a", reader="showers"))
    rejecting = IngestTask(dataset="a", reader="showers", ingest={"on_bad_event": "reject"})
    assert convert([path], tmp_path / "s.h5", rejecting).flow["ingest_good"] == N - 1


def test_two_binnings_in_one_dataset_are_named(tmp_path: Path) -> None:
    files = [str(write(tmp_path / "a.h5")), str(write(tmp_path / "b.h5", RINGS))]
    with pytest.raises(
        MismatchError, match=r"b\.h5: it holds showers .*cylindrical.*a\.h5 holds .*cartesian"
    ):
        convert(files, tmp_path / "s.h5", IngestTask(dataset="a", reader="showers"))
