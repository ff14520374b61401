"""Calorimeter showers in three layouts: values, geometries, bad files."""

from __future__ import annotations

import functools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_public
import formats_showers as formats
import h5py
import numpy as np
import pytest

from resonaut import ragged, registry
from resonaut.errors import (
    ConfigError,
    CorruptFileError,
    EmptyFileError,
    InputError,
    MissingBranchError,
    MissingFileError,
)
from resonaut.ingest import geometry
from resonaut.ingest.batch import Batch
from resonaut.ingest.contents import contents_of, opened
from resonaut.ingest.remote import DEFAULTS

read = functools.partial(formats_public.read, reader="showers")
WRITERS = {
    "getting_high": formats.write_getting_high,
    "sparse": formats.write_sparse_showers,
    "calochallenge": formats.write_calochallenge,
}
N_VOXELS = {"photons": 368, "pions": 533, "dataset_2": 6480, "dataset_3": 40_500}


def dense(batch: Batch, n_cells: int) -> np.ndarray:
    """(n_showers, n_cells) GeV."""
    cells = np.zeros((len(batch), n_cells))
    cells[ragged.row_of(batch.hits.offsets), batch.hits.columns["cell"]] = batch.hits.columns["energy"]
    return cells


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict, dict]]:
    """A file of 23 showers in each layout: path, truth, options."""
    folder = tmp_path_factory.mktemp("showers")
    options = {"calochallenge": {"binning": str(formats.write_binning(folder / "binning.xml", "photons"))}}
    return {
        name: (folder / f"{name}.hdf5", write(folder / f"{name}.hdf5", 23, 4), options.get(name, {}))
        for name, write in WRITERS.items()
    }


@pytest.mark.parametrize("layout", WRITERS)
def test_values(layout: str, written: dict[str, Any]) -> None:
    path, truth, options = written[layout]
    info, (batch,) = read(path, **options)
    assert (info.n_generated, info.sum_weights, info.label_names) == (23, 23.0, ())
    np.testing.assert_allclose(batch.events["incident_energy"], truth["incident_energy"], rtol=1e-12)
    assert batch.events["event"].tolist() == list(range(23))
    cell, energy = batch.hits.columns["cell"], batch.hits.columns["energy"]
    assert (cell.dtype, energy.dtype) == (np.int32, np.float32)
    assert len(energy) == np.count_nonzero(truth["cells"])
    assert (energy > 0).all()
    np.testing.assert_allclose(dense(batch, truth["cells"].shape[1]), truth["cells"], rtol=1e-6)
    # The last shower left nothing.
    assert np.diff(batch.hits.offsets)[-1] == 0
    assert batch.faults()[1] == []


@pytest.mark.parametrize("layout", WRITERS)
def test_the_step_changes_nothing(
    layout: str, written: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _, options = written[layout]
    (whole,) = read(path, **options)[1]
    # Pieces of two showers, inside batches of five.
    monkeypatch.setattr("resonaut.ingest.shower_layouts._PIECE_BYTES", 2 * 8 * 27_000)
    parts = read(path, step=5, **options)[1]
    assert [part.first_entry for part in parts] == [0, 5, 10, 15, 20]
    for name in ("cell", "energy"):
        joined = np.concatenate([part.hits.columns[name] for part in parts])
        np.testing.assert_array_equal(joined, whole.hits.columns[name])
    counts = np.concatenate([np.diff(part.hits.offsets) for part in parts])
    np.testing.assert_array_equal(counts, np.diff(whole.hits.offsets))


@pytest.mark.parametrize("layout", WRITERS)
def test_only_this_reader_knows_the_file(layout: str, written: dict[str, Any]) -> None:
    path = str(written[layout][0])
    with opened(path, "hdf5", DEFAULTS) as file:
        contents = contents_of(file, path, "hdf5")
    matching = [
        name for name in ("lhco", "toptag", "showers") if registry.load("ingest", name).matches(contents)
    ]
    assert matching == ["showers"]


def test_photons_of_geant4(shared: Path) -> None:
    path = shared / "showers" / "photons_train.h5"
    if not path.exists():
        pytest.skip(f"real data are absent: {path}")
    info, batches = read(path, step=4000)
    energy = np.concatenate([batch.events["incident_energy"] for batch in batches])
    counts = np.concatenate([np.diff(batch.hits.offsets) for batch in batches])
    cell = np.concatenate([batch.hits.columns["cell"] for batch in batches])
    deposit = np.concatenate([batch.hits.columns["energy"] for batch in batches]).astype(np.float64)
    offsets = ragged.offsets_of(counts)
    visible = ragged.sums(deposit, offsets)
    layer = ragged.sums(deposit * (cell // 900), offsets) / visible
    assert info.n_generated == len(energy) == 15_500
    assert energy.min() == pytest.approx(10, abs=0.1)
    assert energy.max() == pytest.approx(100, abs=0.1)
    # As the README of the file has them; it rounds 539.1 cells.
    assert 100 * (visible / energy).mean() == pytest.approx(2.79, abs=0.005)
    assert ragged.sums((deposit > 1e-4).astype(np.int64), offsets).mean() == pytest.approx(540, abs=1)
    assert layer.mean() == pytest.approx(14.4, abs=0.05)
    assert info.attributes["geometry"]["shape"] == [30, 30, 30]


# Geometries


@pytest.mark.parametrize("name", N_VOXELS)
def test_published_binnings(name: str, tmp_path: Path) -> None:
    path = formats.write_binning(tmp_path / "binning.xml", name)
    found = geometry.cylindrical(str(path), None)
    assert geometry.n_cells(found) == N_VOXELS[name]
    assert json.loads(json.dumps(found)) == found
    _, particle, layers = formats.BINNINGS[name]
    assert found["particle"] == particle
    assert [layer["id"] for layer in found["layers"]] == [
        n for n, (edges, _) in layers.items() if len(edges) > 1
    ]
    showers_path = tmp_path / "showers.hdf5"
    truth = formats.write_calochallenge(showers_path, 3, 2, N_VOXELS[name])
    info, (batch,) = read(showers_path, binning=str(path), particle=particle)
    assert info.attributes["geometry"] == found
    np.testing.assert_allclose(dense(batch, N_VOXELS[name]), truth["cells"], rtol=1e-6)


def test_a_particle_of_a_file_with_several(tmp_path: Path) -> None:
    path = str(formats.write_binning(tmp_path / "binning.xml", "photons", "pions", named=False))
    assert geometry.n_cells(geometry.cylindrical(path, "photon")) == 368
    assert geometry.n_cells(geometry.cylindrical(path, "pion")) == 533
    with pytest.raises(ConfigError, match="describes photon, pion: name one, 'particle: photon'"):
        geometry.cylindrical(path, None)
    with pytest.raises(ConfigError, match="no layers for 'particle: electron'"):
        geometry.cylindrical(path, "electron")


def test_the_binning_must_be_that_of_the_file(written: dict[str, Any], tmp_path: Path) -> None:
    path = written["calochallenge"][0]
    with pytest.raises(ConfigError, match="binning: required"):
        read(path)
    pions = formats.write_binning(tmp_path / "pions.xml", "pions")
    with pytest.raises(CorruptFileError, match=r"368 voxels per shower, .*pions.xml describes 533 \(pion\)"):
        read(path, binning=str(pions))
    with pytest.raises(MissingFileError, match=r"absent\.xml: no such file"):
        read(path, binning=str(tmp_path / "absent.xml"))
    with pytest.raises(ConfigError, match="needs no XML file"):
        read(written["getting_high"][0], binning=str(pions))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable XML file"),
        ("<Bins><Bin", "not a readable XML file"),
        ("<html><body/></html>", "no particle with layers in <html>"),
        ('<Bins><Bin><Layer id="0" n_bin_alpha="1"/></Bin></Bins>', "r_edges"),
        ('<Bins><Bin><Layer id="0" r_edges="0,x" n_bin_alpha="1"/></Bin></Bins>', "r_edges"),
        ('<Bins><Bin><Layer id="0" r_edges="0,5,5" n_bin_alpha="1"/></Bin></Bins>', "rising radii"),
        ('<Bins><Bin><Layer id="0" r_edges="0,nan" n_bin_alpha="1"/></Bin></Bins>', "rising radii"),
        ('<Bins><Bin><Layer id="0" r_edges="0,5" n_bin_alpha="0"/></Bin></Bins>', "at least 1"),
    ],
)
def test_bad_binnings(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "binning.xml").write_text(text)
    with pytest.raises(CorruptFileError, match=message):
        geometry.cylindrical(str(tmp_path / "binning.xml"), None)


def changed(path: Path, source: Path, change: Callable[[h5py.File], None]) -> Path:
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replaced(name: str, make: Callable[[np.ndarray], np.ndarray]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        values = make(file[name][()])
        del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("layout", "name", "make", "message"),
    [
        ("sparse", "offsets", lambda v: v[:-1], "23 offsets for 23 showers"),
        ("sparse", "offsets", lambda v: v[::-1].copy(), "rising offsets"),
        ("sparse", "offsets", lambda v: v + 10**6, "rising offsets"),
        (
            "sparse",
            "offsets",
            lambda v: np.where(np.arange(24) == 23, 2**40, v),
            "at most 27000 cells per shower",
        ),
        (
            "sparse",
            "cell",
            lambda v: np.where(np.arange(len(v)) == 1500, 27_000, v),
            "cell 27000 in entry 1, below",
        ),
        ("sparse", "cell", lambda v: v[:-1], "rows of its datasets differ"),
        ("sparse", "deposit", lambda v: v.astype(np.int32), "type int32"),
        ("getting_high", "30x30/layers", lambda v: v.reshape(23, 900, 30), "shape .23, 900, 30."),
        ("getting_high", "30x30/energy", lambda v: v[:-1], "rows of its datasets differ"),
        ("getting_high", "30x30/energy", lambda v: np.hstack([v, v]), "one number per shower"),
        ("calochallenge", "showers", lambda v: v[:0], "at least 1 row is expected"),
        ("calochallenge", "showers", lambda v: v[:, 1:], "367 voxels per shower"),
        ("calochallenge", "incident_energies", lambda v: np.full(v.shape, b"x"), r"type \|S1"),
    ],
)
def test_wrong_shapes_types_and_offsets(
    layout: str, name: str, make: Any, message: str, written: dict[str, Any], tmp_path: Path
) -> None:
    source, _, options = written[layout]
    path = changed(tmp_path / "bad.hdf5", source, replaced(name, make))
    with pytest.raises((CorruptFileError, EmptyFileError), match=message) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)


def test_a_missing_dataset_is_named(written: dict[str, Any], tmp_path: Path) -> None:
    path = changed(tmp_path / "bad.hdf5", written["sparse"][0], lambda file: file.pop("offsets"))
    with pytest.raises(MissingBranchError, match=r"no known layout .*sparse: energy, offsets, cell, deposit"):
        read(path)


@pytest.mark.parametrize("layout", WRITERS)
def test_a_truncated_file_is_named(layout: str, written: dict[str, Any], tmp_path: Path) -> None:
    source, _, options = written[layout]
    content = source.read_bytes()
    for part in (0.3, 0.9):
        (tmp_path / "short.hdf5").write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError, match=r"short\.hdf5"):
            read(tmp_path / "short.hdf5", **options)


@pytest.mark.parametrize(("layout", "name"), [("getting_high", "30x30/layers"), ("sparse", "deposit")])
def test_bad_values_are_passed_on(layout: str, name: str, written: dict[str, Any], tmp_path: Path) -> None:
    def spoil(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(-1)
        filled = np.flatnonzero(flat)
        flat[filled[0]], flat[filled[-1]] = np.nan, -1
        return values

    path = changed(tmp_path / "bad.hdf5", written[layout][0], replaced(name, spoil))
    (batch,) = read(path)[1]
    assert np.flatnonzero(batch.faults()[0]).tolist() == [0, 21]


def test_angles_are_read_where_the_file_has_them(written: dict[str, Any], tmp_path: Path) -> None:
    def tilt(file: h5py.File) -> None:
        file["theta"] = np.full((23, 1), 0.5)

    path = changed(tmp_path / "tilted.hdf5", written["sparse"][0], tilt)
    (batch,) = read(path)[1]
    assert batch.events["theta"].tolist() == [0.5] * 23
    assert "phi" not in batch.events


def test_memory_does_not_follow_the_dense_size(tmp_path: Path) -> None:
    path = tmp_path / "large.hdf5"
    with h5py.File(path, "w") as file:
        file["30x30/energy"] = np.full((400, 1), 50.0)
        layers = file.create_dataset(
            "30x30/layers", (400, 30, 30, 30), np.float64, chunks=(20, 30, 30, 30), compression=1
        )
        one = np.zeros((20, 30, 30, 30))
        one[:, 3, 4, 5] = 2.0
        for start in range(0, 400, 20):
            layers[start : start + 20] = one
    tracemalloc.start()
    (batch,) = read(path, step=400)[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert batch.hits.columns["cell"].tolist() == [(3 * 30 + 4) * 30 + 5] * 400
    assert peak < 0.6 * 400 * 27_000 * 8
