"""Files of showers: what is written is read, by rows and piece by piece; broken files are named."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import shower_files
from resonaut.errors import BadValueError, CorruptFileError, EmptyFileError, InputError, MismatchError
from resonaut.shower_files import geometry_of, read_showers, slices, write_showers
from resonaut.showers import Showers, from_dense

GRID = {"kind": "cartesian", "shape": [4, 6, 6], "cell": "(layer * rows + row) * columns + column"}
N = 40


def showers_of(n: int = N, geometry: dict = GRID, seed: int = 5, time: bool = True) -> Showers:
    random = np.random.default_rng(seed)
    shape = (n, *geometry["shape"])
    dense = random.exponential(1e-3, shape).astype(np.float32) * (random.random(shape) < 0.2)
    dense[3:4] = 0
    columns = {"incident_energy": random.uniform(10, 100, n), "event": np.arange(n)}
    made = from_dense(dense, geometry, columns)
    times = random.exponential(3, len(made.cell)).astype(np.float32) if time else None
    return Showers(geometry, made.cell, made.energy, made.offsets, columns, times)


def same(found: Showers, expected: Showers) -> None:
    for name in ("cell", "energy", "offsets", "time"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.columns.keys() == expected.columns.keys()
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], values)
    assert found.geometry == expected.geometry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_showers(tmp_path / "showers.h5", showers_of(), {"dataset": "photons", "settings": {"a": 1}})
    return tmp_path / "showers.h5"


def test_what_is_written_is_read(path: Path) -> None:
    found = read_showers(path)
    same(found, showers_of())
    assert (found.cell.dtype, found.energy.dtype, found.offsets.dtype) == (np.int32, np.float32, np.int64)
    with h5py.File(path) as file:
        assert (file.attrs["kind"], file.attrs["n_events"], file.attrs["dataset"]) == (
            "showers",
            N,
            "photons",
        )
        assert file["hits/cell"].dtype == np.uint16
    assert geometry_of(path) == GRID


@pytest.mark.parametrize("rows", [[0], [3], [], [0, 3, 4, 17, 39], list(range(N))])
def test_rows(path: Path, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    # Pieces of one or two showers.
    monkeypatch.setattr(shower_files, "_READ_HITS", 50)
    same(read_showers(path, np.array(rows, np.int64)), showers_of().select(np.array(rows, np.int64)))


def test_a_slice_and_columns(path: Path) -> None:
    same(read_showers(path, slice(5, 12)), showers_of().select(np.arange(5, 12)))
    assert list(read_showers(path, slice(35, 99), ["event"]).columns["event"]) == [35, 36, 37, 38, 39]
    assert read_showers(path, columns=[]).columns == {}
    with pytest.raises(InputError, match=r"no column events/theta; it has event, incident_energy"):
        read_showers(path, columns=["theta"])
    for wrong in (np.array([3, 2]), np.array([N]), slice(0, 9, 2)):
        with pytest.raises(ValueError, match=r"showers|row numbers"):
            read_showers(path, wrong)


def test_pieces(path: Path) -> None:
    pieces = list(slices(path, 100))
    assert len(pieces) > 5
    assert max(len(piece.cell) for piece in pieces) < 200
    assert np.concatenate([piece.columns["event"] for piece in pieces]).tolist() == list(range(N))


def test_pieces_are_appended(path: Path, tmp_path: Path) -> None:
    whole = showers_of()
    with shower_files.writing(
        tmp_path / "parts.h5", GRID, {"dataset": "photons", "settings": {"a": 1}}
    ) as writer:
        for start in range(0, N, 7):
            writer.append(whole.select(np.arange(start, min(start + 7, N))))
    same(read_showers(tmp_path / "parts.h5"), whole)


def test_large_geometries_have_wider_cells(tmp_path: Path) -> None:
    large = {**GRID, "shape": [50, 40, 40]}
    cell = np.array([79_999], np.int32)
    showers = Showers(large, cell, np.ones(1, np.float32), np.array([0, 1]), {})
    write_showers(tmp_path / "large.h5", showers, {})
    assert read_showers(tmp_path / "large.h5").cell.tolist() == [79_999]


def test_what_cannot_be_showers_is_not_written(tmp_path: Path) -> None:
    made = showers_of(3)
    bad = Showers(GRID, made.cell, -made.energy, made.offsets, made.columns, made.time)
    with pytest.raises(BadValueError, match="energy is -"):
        write_showers(tmp_path / "bad.h5", bad, {})
    with (
        pytest.raises(MismatchError, match="4 x 6 x 6"),
        shower_files.writing(tmp_path / "bad.h5", {**GRID, "shape": [2, 2, 2]}, {}) as writer,
    ):
        writer.append(made)
    assert not (tmp_path / "bad.h5").exists()


def test_showers_of_other_columns_are_not_appended(tmp_path: Path) -> None:
    made = showers_of(3)
    other = Showers(
        GRID, made.cell, made.energy, made.offsets, {**made.columns, "theta": np.zeros(3)}, made.time
    )
    with shower_files.writing(tmp_path / "part.h5", GRID, {}) as writer:
        writer.append(made)
        with pytest.raises(MismatchError, match="not all of the showers that are written have theta"):
            writer.append(other)


def test_mixed_binnings_are_refused_and_both_named(path: Path, tmp_path: Path) -> None:
    write_showers(tmp_path / "other.h5", showers_of(geometry={**GRID, "shape": [2, 6, 6]}), {})
    write_showers(tmp_path / "none.h5", showers_of(0, geometry={**GRID, "shape": [1, 1, 1]}), {})
    message = r"other\.h5: showers of 2 x 6 x 6 cells, but .*showers\.h5 holds showers of 4 x 6 x 6 cells"
    with pytest.raises(MismatchError, match=message):
        geometry_of(tmp_path / "none.h5", path, tmp_path / "other.h5")
    with pytest.raises(EmptyFileError, match=r"no showers\. None passed represent\.showers"):
        geometry_of(tmp_path / "none.h5")
    assert geometry_of(tmp_path / "none.h5", path) == GRID


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        (
            "hits/energy",
            lambda v: np.where(np.arange(len(v)) == 7, np.nan, v),
            r"hits/energy is nan in shower 0",
        ),
        ("hits/energy", lambda v: -v, r"hits/energy is -\S+ in shower 0"),
        ("hits/cell", lambda v: v + 100, r"cell is \d+ in shower 0; a cell from 0 to 143"),
        ("hits/event_offsets", lambda v: v[::-1].copy(), "must start at 0 and not fall"),
        ("hits/energy", lambda v: v[:-1], "hits/energy has .* rows, the offsets end at"),
    ],
)
def test_broken_files_are_named(path: Path, name: str, make, message: str) -> None:
    with h5py.File(path, "r+") as file:
        values = make(file[name][:])
        del file[name]
        file[name] = values
    with pytest.raises(CorruptFileError, match=rf"showers\.h5: .*{message}"):
        read_showers(path)


def test_other_files_are_named(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["geometry"] = "?"
    with pytest.raises(CorruptFileError, match="attribute 'geometry'"):
        read_showers(path)
    with h5py.File(path, "r+") as file:
        file.attrs["kind"] = "images"
    with pytest.raises(InputError, match="showers are expected, got kind 'images'"):
        read_showers(path)
