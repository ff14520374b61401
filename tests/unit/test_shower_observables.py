"""Observables of showers against hand-made showers, dense sums, and the photons of Geant4."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut import shower_observables as measured
from resonaut.showers import Showers, from_dense

GRID = {"kind": "cartesian", "shape": [6, 4, 5], "cell": "(layer * rows + row) * columns + column"}
LAYERS = [{"id": 0, "r_edges": [0, 5, 10], "n_alpha": 4}, {"id": 3, "r_edges": [0, 20], "n_alpha": 1}]
RINGS = {"kind": "cylindrical", "particle": "any", "layers": LAYERS}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "showers" / "photons_train.h5"


def showers_of(n: int, seed: int = 3, geometry: dict = GRID) -> Showers:
    random = np.random.default_rng(seed)
    shape = tuple(geometry.get("shape", [9]))
    dense = random.exponential(1e-3, (n, *shape)) * (random.random((n, *shape)) < 0.2)
    return from_dense(dense.astype(np.float32), geometry, {})


def two_hits() -> Showers:
    """An empty shower, and one of 3 GeV in layer 1, row 0, column 1 and 1 GeV in layer 5, row 2, column 4."""
    cell = np.array([1 * 20 + 0 * 5 + 1, 5 * 20 + 2 * 5 + 4], np.int32)
    return Showers(GRID, cell, np.array([3, 1], np.float32), np.array([0, 0, 2]), {})


def test_every_observable_of_two_hits() -> None:
    found = measured.observables(two_hits())
    assert found.keys() == measured.OBSERVABLES.keys()
    row, column = 0.75 * -1.5 + 0.25 * 0.5, 0.75 * -1 + 0.25 * 2
    expected = {
        "visible_energy": 4,
        "n_hits": 2,
        "max_cell": 3,
        "depth": 2,
        "depth_width": np.sqrt(0.75 * 0.25) * 4,
        "max_layer": 1,
        "row_mean": row,
        "column_mean": column,
        "row_width": np.sqrt(0.75 * 0.25) * 2,
        "column_width": np.sqrt(0.75 * 0.25) * 3,
        "radius_mean": 0.75 * np.hypot(0.5, 0.75) + 0.25 * np.hypot(1.5, 2.25),
        "share_first_third": 0.75,
        "share_last_third": 0.25,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], [0, value], rtol=1e-6, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(measured.centre_of_gravity(two_hits()), [[0, 0, 0], [2, row, column]])


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 6), seed=st.integers(0, 99))
def test_sums_are_those_of_dense_showers(n: int, seed: int) -> None:
    showers = showers_of(n, seed)
    dense = showers.dense().astype(np.float64)
    np.testing.assert_allclose(measured.layer_energies(showers), dense.sum(axis=(2, 3)), rtol=1e-12)
    np.testing.assert_array_equal(measured.layer_hits(showers), (dense > 0).sum(axis=(2, 3)))
    found = measured.observables(showers)
    total = np.where(dense.sum(axis=(1, 2, 3)) > 0, dense.sum(axis=(1, 2, 3)), 1)
    for name, width, axis in (("depth", "depth_width", 1), ("row_mean", "row_width", 2)):
        place = np.arange(dense.shape[axis]) - (0 if axis == 1 else (dense.shape[axis] - 1) / 2)
        weight = dense.sum(axis=tuple({1, 2, 3} - {axis})) / total[:, None]
        mean = weight @ place
        np.testing.assert_allclose(found[name], mean, atol=1e-12)
        np.testing.assert_allclose(found[width] ** 2, weight @ place**2 - mean**2, atol=1e-9)
    mean_image = measured.mean_image(showers, (0, 2))
    np.testing.assert_allclose(mean_image, dense.sum(axis=(0, 2)) / max(1, n), atol=1e-12)
    np.testing.assert_allclose(measured.mean_image(showers, (2, 0)), mean_image.T)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), factor=st.floats(0.1, 10))
def test_energies_scale_and_shapes_do_not(seed: int, factor: float) -> None:
    showers = showers_of(5, seed)
    scaled = Showers(GRID, showers.cell, (showers.energy * factor).astype(np.float32), showers.offsets, {})
    one, other = measured.observables(showers), measured.observables(scaled)
    for name, values in one.items():
        expected = values * factor if name in ("visible_energy", "max_cell") else values
        np.testing.assert_allclose(other[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("geometry", [GRID, RINGS])
def test_rings_hold_all_energy_once(geometry: dict) -> None:
    showers = showers_of(7, geometry=geometry)
    profile = measured.radial_profile(showers, [0, 1, 2.5, 7.5, 100])
    np.testing.assert_allclose(profile.sum(axis=1), showers.visible(), rtol=1e-6)
    inner = measured.radial_profile(showers, [0, 1, 2.5])
    np.testing.assert_array_equal(inner, profile[:, :2])


def test_radii_are_from_the_centre_or_the_impact() -> None:
    # Places (-1.5, -1) and (0.5, 2): radii 1.80 and 2.06.
    np.testing.assert_allclose(measured.radial_profile(two_hits(), [0, 1.9, 3]), [[0, 0], [3, 1]])
    around = np.array([[0, 0], [-1.5, -1]])
    np.testing.assert_allclose(measured.radial_profile(two_hits(), [0, 0.5, 4], around), [[0, 0], [3, 1]])
    known = two_hits()
    known.columns.update(impact_row=np.array([0, -1.5]), impact_column=np.array([0, -1.0]))
    np.testing.assert_allclose(measured.radial_profile(known, [0, 0.5, 4]), [[0, 0], [3, 1]])


def test_places_of_rings() -> None:
    where = measured.places(RINGS)
    # Alpha outside, radius inside: the first four cells are at 45 and 135 degrees.
    root = np.sqrt(0.5)
    np.testing.assert_allclose(where.column[:4], root * np.array([2.5, 7.5, -2.5, -7.5]), rtol=1e-6)
    np.testing.assert_allclose(where.row[:4], root * np.array([2.5, 7.5, 2.5, 7.5]), rtol=1e-6)
    assert (where.layer.tolist(), where.row[8], where.column[8]) == ([0] * 8 + [1], 0, 0)
    cell = np.array([1, 8], np.int32)
    showers = Showers(RINGS, cell, np.array([1, 2], np.float32), np.array([0, 2]), {})
    np.testing.assert_allclose(measured.radial_profile(showers, [0, 8, 20]), [[1, 2]])
    with pytest.raises(ValueError, match="around its centre only"):
        measured.radial_profile(showers, [0, 1], np.zeros((1, 2)))
    with pytest.raises(ValueError, match="cartesian"):
        measured.mean_image(showers, (0, 1))


def test_photons_of_geant4() -> None:
    """The README's numbers of 500 photons: 2.79 % visible, 540 cells above 0.1 MeV, mean layer 14.4."""
    if not DATA.exists():
        pytest.skip(f"real data are absent: {DATA}")
    with h5py.File(DATA) as file:
        offsets = file["offsets"][:501]
        cell, deposit = file["cell"][: offsets[-1]], file["deposit"][: offsets[-1]]
        incident = file["energy"][:500, 0]
    grid = {**GRID, "shape": [30, 30, 30]}
    showers = Showers(grid, cell.astype(np.int32), (deposit * 1e-3).astype(np.float32), offsets, {})
    found = measured.observables(showers)
    assert (found["visible_energy"] / incident).mean() == pytest.approx(0.0279, rel=0.01)
    assert found["depth"].mean() == pytest.approx(14.4, abs=0.3)
    hits = measured.observables(showers.keep(showers.energy > 1e-4))["n_hits"]
    assert hits.mean() == pytest.approx(540, rel=0.04)
    assert abs(found["row_mean"].mean()) < 0.02
    # Four fifths within one Moliere radius or so of the axis.
    near = measured.radial_profile(showers, [0, 1, 16])
    assert near[:, 0].sum() / near.sum() == pytest.approx(0.78, abs=0.02)
