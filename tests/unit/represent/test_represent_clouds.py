"""Point clouds against the formulas of arXiv:1902.08570, table 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut.represent.clouds import write_clouds
from resonaut.represent.settings import RepresentSettings

LOOSE = {"n_jets_min": 1}


def test_inputs_of_one_jet(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    rows = np.array([[300.0, 0.5, 3.1], [200.0, 0.0, -3.1], [0.25, -0.2, 3.0]], np.float32)
    store = make_store(tmp_path / "s.h5", make_events([[rows]]))
    write_clouds(store, tmp_path / "c.h5", RepresentSettings(n_jets=1, selection=LOOSE))
    pt, eta, phi = rows.astype(float).T
    x, y, z = (pt * np.cos(phi)).sum(), (pt * np.sin(phi)).sum(), (pt * np.sinh(eta)).sum()
    jet_pt, energy = np.hypot(x, y), pt * np.cosh(eta)
    d_eta = eta - np.arcsinh(z / jet_pt)
    d_phi = (phi - np.arctan2(y, x) + np.pi) % (2 * np.pi) - np.pi
    expected = {
        "delta_eta": d_eta,
        "delta_phi": d_phi,
        "log_pt": np.log(pt),
        "log_energy": np.log(energy),
        "log_pt_fraction": np.log(pt / jet_pt),
        "log_energy_fraction": np.log(energy / energy.sum()),
        "delta_r": np.hypot(d_eta, d_phi),
    }
    with h5py.File(tmp_path / "c.h5") as file:
        for name, values in expected.items():
            np.testing.assert_allclose(file[f"constituents/{name}"][:], values, rtol=1e-5, atol=1e-6)
        assert file["constituents/charge"][:].tolist() == [-1, 1, -1]
        assert file["offsets"][:].tolist() == [0, 3]
        assert np.abs(file["constituents/delta_phi"][:]).max() < 0.3


def test_the_leading_constituents_are_kept(toy: Path, tmp_path: Path) -> None:
    write_clouds(toy, tmp_path / "all.h5", RepresentSettings())
    write_clouds(toy, tmp_path / "ten.h5", RepresentSettings(clouds={"n_constituents_max": 10}))
    with h5py.File(tmp_path / "all.h5") as whole, h5py.File(tmp_path / "ten.h5") as cut:
        all_offsets, offsets = whole["offsets"][:], cut["offsets"][:]
        assert len(offsets) == len(all_offsets) == 2 * 300 + 1
        np.testing.assert_array_equal(np.diff(offsets), np.minimum(np.diff(all_offsets), 10))
        log_pt, all_log_pt = cut["constituents/log_pt"][:], whole["constituents/log_pt"][:]
        for jet in range(0, 600, 37):
            kept = log_pt[offsets[jet] : offsets[jet + 1]]
            np.testing.assert_array_equal(kept, all_log_pt[all_offsets[jet] : all_offsets[jet] + len(kept)])
            assert (np.diff(kept) <= 0).all()


def test_fractions_add_up(toy: Path, tmp_path: Path) -> None:
    write_clouds(toy, tmp_path / "c.h5", RepresentSettings())
    with h5py.File(tmp_path / "c.h5") as file:
        offsets = file["offsets"][:]
        fractions = np.exp(file["constituents/log_energy_fraction"][:].astype(float))
    sums = np.add.reduceat(fractions, offsets[:-1])
    assert sums == pytest.approx(np.ones(600), abs=1e-4)


def test_no_charge_no_column(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    events = make_events([[np.array([[300.0, 0.5, 3.1], [200.0, 0.0, -3.1]])]])
    del events.constituents["charge"]
    store = make_store(tmp_path / "s.h5", events)
    write_clouds(store, tmp_path / "c.h5", RepresentSettings(n_jets=1, selection=LOOSE))
    with h5py.File(tmp_path / "c.h5") as file:
        assert "charge" not in file["constituents"]


def test_measured_columns(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    """Impact parameters are 0 without a track, which `has_track` says; classes are integers."""
    rows = np.array([[300.0, 0.5, 3.1], [200.0, 0.0, -3.1], [0.25, -0.2, 3.0]], np.float32)
    events = make_events([[rows]])
    events.constituents |= {
        "d0": np.float32([0.02, np.nan, -1.5]),
        "dz": np.float32([0.0, np.nan, 3.0]),
        "pdg_class": np.int32([1, 3, 5]),
    }
    store = make_store(tmp_path / "s.h5", events)
    write_clouds(store, tmp_path / "c.h5", RepresentSettings(n_jets=1, selection=LOOSE))
    with h5py.File(tmp_path / "c.h5") as file:
        found = file["constituents"]
        assert found["has_track"][:].tolist() == [1, 0, 1]
        assert found["d0"][:].tolist() == [np.float32(0.02), 0, -1.5]
        assert found["dz"][:].tolist() == [0, 0, 3]
        assert found["pdg_class"][:].tolist() == [1, 3, 5]
        assert {found[name].dtype for name in ("has_track", "pdg_class", "charge")} == {np.dtype(np.int8)}


def test_columns_that_the_store_lacks(toy: Path, tmp_path: Path) -> None:
    write_clouds(toy, tmp_path / "c.h5", RepresentSettings())
    with h5py.File(tmp_path / "c.h5") as file:
        assert not {"d0", "dz", "has_track", "pdg_class"} & set(file["constituents"])


def test_eta_or_phi_of_zero_counts(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    rows = np.array([[300.0, 0.0, 0.0], [200.0, 0.0, 0.3], [100.0, 0.2, 0.0]])
    store = make_store(tmp_path / "s.h5", make_events([[rows]]))
    write_clouds(store, tmp_path / "c.h5", RepresentSettings(n_jets=1, selection=LOOSE))
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["offsets"][:].tolist() == [0, 3]
        np.testing.assert_allclose(np.exp(file["constituents/log_pt"][:]), [300, 200, 100], rtol=1e-5)


def test_truncated_jets_and_constituents_without_pt_are_counted(
    make_events: Callable, make_store: Callable, tmp_path: Path
) -> None:
    """Of two events with jets of 2, 4, 3 and 5 constituents, one of them without pt."""
    pt = (
        np.array([90.0, 80.0]),
        np.array([70.0, 60, 50, 0]),
        np.array([9.0, 8, 7]),
        np.array([6.0, 5, 4, 3, 2]),
    )
    jets = [np.column_stack([values, 0.01 * values, 0 * values]) for values in pt]
    store = make_store(tmp_path / "s.h5", make_events([jets[:2], jets[2:]]))
    write_clouds(store, tmp_path / "c.h5", RepresentSettings(clouds={"n_constituents_max": 3}))
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["offsets"][:].tolist() == [0, 2, 5, 8, 11]
        assert (file.attrs["n_truncated_jets"], file.attrs["n_without_pt"]) == (1, 1)
        kept = np.exp(file["constituents/log_pt"][:])
        np.testing.assert_allclose(kept, [90, 80, 70, 60, 50, 9, 8, 7, 6, 5, 4], rtol=1e-5)
        assert all(np.isfinite(column[:]).all() for column in file["constituents"].values())
