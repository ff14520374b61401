"""The LHC Olympics 2020 (arXiv:2101.08320)."""

from __future__ import annotations

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
    ConfigError,
    CorruptFileError,
    InputError,
    MissingBranchError,
    MissingFileError,
)

N_EVENTS = 30
FILES: dict[str, Callable[..., dict[str, Any]]] = {
    "events_anomalydetection.h5": formats.write_lhco,
    "events_anomalydetection.features.h5": formats.write_lhco_features,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Small files, and what was written."""
    folder = tmp_path_factory.mktemp("lhco")
    return {name: (folder / name, write(folder / name, N_EVENTS, 11)) for name, write in FILES.items()}


def test_lhco_particles(written: dict[str, Any]) -> None:
    path, truth = written["events_anomalydetection.h5"]
    info, (batch,) = read(path, "lhco")
    assert info.label_names == ("background", "signal")
    np.testing.assert_array_equal(batch.events["label"], truth["label"])
    assert batch.events["label"].dtype == np.int32
    np.testing.assert_array_equal(np.diff(batch.particles.offsets), truth["counts"])
    for column in ("pt", "eta", "phi"):
        np.testing.assert_array_equal(batch.particles.columns[column], truth[column])
    # eta or phi of 0 exactly is a direction, not filler.
    assert (
        (batch.particles.columns["eta"] == 0).sum() == (batch.particles.columns["phi"] == 0).sum() == N_EVENTS
    )
    assert not batch.particles.columns["mass"].any()


def black_box(folder: Path, key: str | None = None) -> Path:
    formats.write_lhco(folder / "events_LHCO2020_BlackBox1.h5", 6, 3, labelled=False)
    if key is not None:
        (folder / "events_LHCO2020_BlackBox1.masterkey").write_text(key)
    return folder / "events_LHCO2020_BlackBox1.h5"


def test_lhco_black_box(tmp_path: Path) -> None:
    path = black_box(tmp_path)
    info, (batch,) = read(path, "lhco")
    assert info.label_names == ()
    assert "label" not in batch.events
    black_box(tmp_path, "0\n1\n0\n0\n0\n1\n")
    info, (batch,) = read(path, "lhco")
    assert info.label_names == ("background", "signal")
    assert batch.events["label"].tolist() == [0, 1, 0, 0, 0, 1]
    # Black box 3 has two kinds of signal.
    (tmp_path / "other.txt").write_text("0.0\n2.0\n1.0\n0.0\n0.0\n0.0\n")
    info, found = read(path, "lhco", step=4, masterkey=str(tmp_path / "other.txt"))
    assert info.label_names == ("background", "signal", "signal_2")
    assert np.concatenate([batch.events["label"] for batch in found]).tolist() == [0, 2, 1, 0, 0, 0]


def test_lhco_wrong_keys(tmp_path: Path, written: dict[str, Any]) -> None:
    path = black_box(tmp_path, "0\n1\n")
    with pytest.raises(BadValueError, match=r"masterkey: 2 labels, .*BlackBox1.h5 has 6 events"):
        read(path, "lhco")
    black_box(tmp_path, "0\n1\n0\n0\n7\n1\n")
    with pytest.raises(BadValueError, match=r"masterkey: the label is 7.0 in entry 4; one of 0, 1, 2"):
        read(path, "lhco")
    black_box(tmp_path, "0\n1\n0\n<html>\n0\n1\n")
    with pytest.raises(CorruptFileError, match="not a readable masterkey"):
        read(path, "lhco")
    with pytest.raises(MissingFileError, match=r"absent\.txt: no such file"):
        read(path, "lhco", masterkey=str(tmp_path / "absent.txt"))
    with pytest.raises(ConfigError, match="has labels itself"):
        read(written["events_anomalydetection.h5"][0], "lhco", masterkey="key.txt")


@pytest.mark.parametrize("integer_label", [False, True])
def test_lhco_features(integer_label: bool, tmp_path: Path) -> None:
    path = tmp_path / "events.features.h5"
    truth = formats.write_lhco_features(path, 20, 5, integer_label=integer_label)
    info, (batch,) = read(path, "lhco")
    assert info.label_names == ("background", "signal")
    np.testing.assert_array_equal(batch.events["label"], truth["label"])
    assert batch.constituents is None
    # The second jet of the last event is missing.
    assert np.diff(batch.jets.offsets).tolist() == [2] * 19 + [1]
    first_leads = truth["j1"][0] >= truth["j2"][0]
    first_leads[-1] = True
    leading = batch.jets.offsets[:-1]
    sides = dict.fromkeys(("j1", "j2"), truth["columns"])
    for column, name in (("mass", "m"), ("tau1", "tau1"), ("tau2", "tau2"), ("tau3", "tau3")):
        expected = np.where(first_leads, sides["j1"][f"{name}j1"], sides["j2"][f"{name}j2"])
        np.testing.assert_array_equal(batch.jets.columns[column][leading], expected)
    for column, i in (("pt", 0), ("eta", 1)):
        expected = np.where(first_leads, truth["j1"][i], truth["j2"][i])
        np.testing.assert_allclose(batch.jets.columns[column][leading], expected, rtol=1e-12)


def test_lhco_refuses_other_frames(tmp_path: Path, written: dict[str, Any]) -> None:
    formats.write_frame(tmp_path / "a.h5", pd.DataFrame(np.ones((3, 2102))), "df")
    with pytest.raises(CorruptFileError, match=r"2102 columns \(0, 1, 2, 3 ...\); 2100 numbered ones"):
        read(tmp_path / "a.h5", "lhco")
    frame = pd.read_hdf(written["events_anomalydetection.features.h5"][0]).drop(columns="pyj2")
    formats.write_frame(tmp_path / "b.h5", frame, "df")
    with pytest.raises(MissingBranchError, match=r"no column 'pyj2'. Did you mean 'p.j.'"):
        read(tmp_path / "b.h5", "lhco")
    values = pd.DataFrame(np.zeros((3, 2101)))
    values[2100] = [0, 1, 5.0]
    formats.write_frame(tmp_path / "c.h5", values, "df")
    with pytest.raises(BadValueError, match=r"label is 5.0 in entry 2"):
        read(tmp_path / "c.h5", "lhco")
    formats.write_frame(tmp_path / "d.h5", values.iloc[:0], "df")
    with pytest.raises(InputError, match=r"d\.h5"):
        read(tmp_path / "d.h5", "lhco")


def test_rows_that_were_never_written_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["df/axis0"] = file["df/block0_items"] = np.arange(2100)
        file.create_dataset("df/block0_values", (10**9, 2100), np.float64, chunks=(10, 2100))
        file["df/block0_values"][0] = 1
    with pytest.raises(CorruptFileError, match="was not written to its end, or is damaged"):
        read(path, "lhco")


@pytest.mark.parametrize("name", ["events_anomalydetection.h5", "events_anomalydetection.features.h5"])
def test_lhco_rows_that_were_lost_are_noticed(name: str, written: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(written[name][0].read_bytes())
    with h5py.File(path, "r+") as file:
        index = file["df/axis1"][:-1]
        del file["df/axis1"]
        file["df/axis1"] = index
    with pytest.raises(CorruptFileError, match=r"rows .* differ \(df/block0_values 30, df/axis1 29\)"):
        read(path, "lhco")
