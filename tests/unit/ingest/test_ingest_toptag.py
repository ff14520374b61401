"""The top-tagging reference data (arXiv:1902.09914)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_public as formats
import h5py
import numpy as np
import pandas as pd
import pytest
from formats_public import read

from resonaut.errors import (
    BadValueError,
    CorruptFileError,
    EmptyFileError,
)

N_EVENTS = 30
FILES: dict[str, Callable[..., dict[str, Any]]] = {
    "toptag.h5": formats.write_toptag,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Small files, and what was written."""
    folder = tmp_path_factory.mktemp("toptag")
    return {name: (folder / name, write(folder / name, N_EVENTS, 11)) for name, write in FILES.items()}


def test_toptag_values(written: dict[str, Any]) -> None:
    path, truth = written["toptag.h5"]
    info, (batch,) = read(path, "toptag")
    assert info.label_names == ("qcd", "top")
    np.testing.assert_array_equal(batch.events["label"], truth["label"])
    np.testing.assert_array_equal(np.diff(batch.constituents.offsets), truth["counts"])
    np.testing.assert_allclose(batch.jets.columns["pt"], truth["pt"], rtol=1e-9)
    np.testing.assert_allclose(batch.jets.columns["mass"], truth["mass"], rtol=1e-6)
    np.testing.assert_allclose(batch.constituents.columns["pt"], truth["constituent_pt"], rtol=1e-6)
    # The file rounds to single precision, so only the masses of soft particles survive.
    soft = batch.constituents.columns["pt"] < 5
    assert np.median(batch.constituents.columns["mass"][soft]) == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize(("part", "number"), [("train", 0), ("test", 1), ("val", 2)])
def test_toptag_part(part: str, number: int, written: dict[str, Any]) -> None:
    path, truth = written["toptag.h5"]
    info, found = read(path, "toptag", step=4, part=part)
    rows = np.flatnonzero(truth["ttv"] == number)
    assert info.n_generated == len(rows) == 10
    np.testing.assert_array_equal(np.concatenate([batch.events["event"] for batch in found]), rows)
    np.testing.assert_array_equal(np.concatenate([b.events["label"] for b in found]), truth["label"][rows])
    np.testing.assert_allclose(np.concatenate([b.jets.columns["pt"] for b in found]), truth["pt"][rows])


def test_toptag_of_another_part_is_empty(tmp_path: Path) -> None:
    frame, _ = formats.toptag_frame(6, 1)
    frame["ttv"] = 1
    formats.write_frame(tmp_path / "test.h5", frame, "table", "table")
    with pytest.raises(EmptyFileError, match="none of its 6 jets is of 'part: val'"):
        read(tmp_path / "test.h5", "toptag", part="val")


def toptag_with(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Path:
    frame, _ = formats.toptag_frame(6, 1)
    changed = change(frame)
    formats.write_frame(path, frame if changed is None else changed, "table", "table")
    return path


def without_names(path: Path) -> Path:
    with h5py.File(path, "r+") as file:
        for name in ("values_block_0_kind", "values_block_1_kind"):
            del file["table/table"].attrs[name]
    return path


def test_toptag_refuses_columns_in_another_order(tmp_path: Path) -> None:
    def interchanged(frame: pd.DataFrame) -> pd.DataFrame:
        columns = list(frame.columns)
        columns[0], columns[1] = columns[1], columns[0]
        return frame[columns]

    path = toptag_with(tmp_path / "a.h5", interchanged)
    with pytest.raises(CorruptFileError, match="column 0 of 'values_block_0' is 'PX_0', 'E_0' is expected"):
        read(path, "toptag")
    swapped = toptag_with(
        tmp_path / "b.h5", lambda frame: frame[[*frame.columns[:-2], "is_signal_new", "ttv"]]
    )
    with pytest.raises(CorruptFileError, match="column 0 of 'values_block_1' is 'is_signal_new'"):
        read(swapped, "toptag")
    # Without names the data tell: ttv reaches 2.
    with pytest.raises(BadValueError, match=r"is_signal_new is 2 in entry 2; one of 0, 1 is expected"):
        read(without_names(swapped), "toptag")


def test_toptag_refuses_components_in_another_order_by_the_data_alone(tmp_path: Path) -> None:
    def by_component(frame: pd.DataFrame) -> pd.DataFrame:
        order = [f"{c}_{i}" for c in ("PX", "PY", "PZ", "E") for i in range(200)]
        return frame[[*order, *frame.columns[800:]]]

    path = without_names(toptag_with(tmp_path / "a.h5", by_component))
    with pytest.raises(CorruptFileError, match="have less energy than momentum"):
        read(path, "toptag")


def test_toptag_refuses_other_tables(tmp_path: Path) -> None:
    path = toptag_with(tmp_path / "a.h5", lambda frame: frame.drop(columns=["PZ_199"]))
    with pytest.raises(CorruptFileError, match="'values_block_0' with 804 floats"):
        read(path, "toptag")
    path = toptag_with(tmp_path / "b.h5", lambda frame: frame.astype({"ttv": "float64"}))
    with pytest.raises(CorruptFileError, match="'values_block_1' with 2 integers"):
        read(path, "toptag")
    path = toptag_with(tmp_path / "c.h5", lambda frame: frame.drop(columns=formats.TOPTAG_TRUTH))
    assert read(path, "toptag")[0].n_generated == 6


def test_toptag_passes_bad_values_on_and_keeps_jets_without_particles(tmp_path: Path) -> None:
    def spoil(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[1], "PX_0"] = np.nan
        frame.loc[frame.index[2], "E_1"] *= -1
        frame.loc[frame.index[4], formats.TOPTAG_COLUMNS] = 0

    (batch,) = read(toptag_with(tmp_path / "a.h5", spoil), "toptag")[1]
    assert batch.faults()[0].tolist() == [False, True, True, False, False, False]
    assert np.diff(batch.jets.offsets).tolist() == [1, 1, 1, 1, 0, 1]


def test_toptag_rows_that_were_lost_are_noticed(tmp_path: Path) -> None:
    path = toptag_with(tmp_path / "a.h5", lambda frame: None)
    with h5py.File(path, "r+") as file:
        file["table/table"].attrs["NROWS"] = np.int64(7)
    with pytest.raises(CorruptFileError, match="has 6 rows, its attribute NROWS says 7"):
        read(path, "toptag")


def test_toptag_never_unpickles(tmp_path: Path) -> None:
    path, trap = toptag_with(tmp_path / "a.h5", lambda frame: None), tmp_path / "trap"
    with h5py.File(path, "r+") as file:
        attributes = file["table/table"].attrs
        text = attributes["values_block_1_kind"]
        attributes["values_block_1_kind"] = np.bytes_(b"cos\nmkdir\n(V" + os.fsencode(trap) + b"\ntR" + text)
    assert read(path, "toptag")[0].n_generated == 6
    assert not trap.exists()
