"""Showers in memory: sparse against dense, cells taken together, parts joined, faults named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.errors import BadValueError, ConfigError, MismatchError
from resonaut.showers import (
    Showers,
    cell_layer,
    concatenate,
    from_dense,
    merged,
    n_cells,
    regrouped,
)

GRID = {"kind": "cartesian", "shape": [4, 6, 6], "cell": "(layer * rows + row) * columns + column"}
LAYERS = [{"id": 0, "r_edges": [0, 5, 10], "n_alpha": 4}, {"id": 3, "r_edges": [0, 20], "n_alpha": 1}]
RINGS = {"kind": "cylindrical", "particle": "any", "layers": LAYERS}


def dense_of(n: int, seed: int, geometry: dict = GRID) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = tuple(geometry.get("shape", [n_cells(geometry)]))
    filled = random.random((n, *shape)) < 0.1
    return np.where(filled, random.exponential(1e-3, (n, *shape)), 0).astype(np.float32)


def showers_of(n: int, seed: int = 3, geometry: dict = GRID) -> Showers:
    random = np.random.default_rng(seed)
    return from_dense(dense_of(n, seed, geometry), geometry, {"incident_energy": random.uniform(10, 100, n)})


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 6), seed=st.integers(0, 99), geometry=st.sampled_from([GRID, RINGS]))
def test_dense_and_back(n: int, seed: int, geometry: dict) -> None:
    dense = dense_of(n, seed, geometry)
    showers = from_dense(dense, geometry, {})
    np.testing.assert_array_equal(showers.dense(), dense)
    np.testing.assert_allclose(showers.visible(), dense.reshape(n, n_cells(geometry)).sum(axis=1), rtol=1e-5)
    showers.check("showers")
    rows = np.random.default_rng(seed).permutation(n)[: n // 2]
    np.testing.assert_array_equal(showers.select(rows).dense(), dense[rows])


def test_a_threshold_drops_cells_and_keep_too() -> None:
    dense = dense_of(9, 1)
    cut = from_dense(dense, GRID, {}, threshold=1e-3)
    np.testing.assert_array_equal(cut.dense(), np.where(dense > 1e-3, dense, 0))
    whole = from_dense(dense, GRID, {"theta": np.arange(9.0)})
    kept = whole.keep(whole.energy > np.float32(1e-3))
    np.testing.assert_array_equal(kept.dense(), cut.dense())
    assert kept.columns["theta"].tolist() == list(range(9))


def test_layers_of_cells() -> None:
    assert (n_cells(RINGS), cell_layer(RINGS).tolist()) == (9, [0] * 8 + [1])
    assert (np.bincount(cell_layer(GRID)) == 36).all()


@pytest.mark.parametrize("factors", [(2, 2, 2), (1, 3, 2), (4, 6, 6), (1, 1, 1)])
def test_regrouped_cells_hold_the_sum_of_their_cells(factors: tuple[int, int, int]) -> None:
    showers = showers_of(8)
    coarse = regrouped(showers, factors)
    layers, rows, columns = (size // factor for size, factor in zip((4, 6, 6), factors, strict=True))
    blocks = showers.dense().reshape(8, layers, factors[0], rows, factors[1], columns, factors[2])
    np.testing.assert_allclose(coarse.dense(), blocks.sum(axis=(2, 4, 6)), rtol=1e-5)
    np.testing.assert_allclose(coarse.visible(), showers.visible(), rtol=1e-6)
    assert coarse.geometry["shape"] == [layers, rows, columns]
    coarse.check("coarse")


def test_impact_in_cells_follows_the_cells() -> None:
    showers = showers_of(2)
    showers.columns.update(impact_row=np.array([1.0, -2.0]), impact_column=np.array([3.0, 0.0]))
    coarse = regrouped(showers, (1, 2, 3))
    assert coarse.columns["impact_row"].tolist() == [0.5, -1.0]
    assert coarse.columns["impact_column"].tolist() == [1.0, 0.0]


def test_what_cannot_be_regrouped_is_told() -> None:
    with pytest.raises(ConfigError, match=r"regroup: \[3, 2, 2\] does not divide the 4 x 6 x 6 cells"):
        regrouped(showers_of(1), (3, 2, 2))
    with pytest.raises(ConfigError, match=r"only cartesian .* 9 voxels in 2 layers"):
        regrouped(showers_of(1, geometry=RINGS), (1, 1, 1))


def test_a_cell_that_stands_twice_is_added_and_keeps_its_first_time() -> None:
    cell, energy = np.array([7, 2, 7, 1]), np.array([1.0, 2.0, 4.0, 8.0], np.float32)
    time = np.array([3.0, 1.0, 2.0, 5.0], np.float32)
    made = merged(Showers(GRID, cell, energy, np.array([0, 3, 3, 4]), {}, time))
    assert (made.cell.tolist(), made.energy.tolist()) == ([2, 7, 1], [2.0, 5.0, 8.0])
    assert (made.time.tolist(), made.offsets.tolist()) == ([1.0, 2.0, 5.0], [0, 2, 2, 3])


def test_parts_are_joined_in_order() -> None:
    showers = showers_of(9)
    parts = [showers.select(np.arange(*span)) for span in ((0, 4), (4, 4), (4, 9))]
    joined = concatenate(parts)
    np.testing.assert_array_equal(joined.dense(), showers.dense())
    np.testing.assert_array_equal(joined.columns["incident_energy"], showers.columns["incident_energy"])


def test_mixed_binnings_and_columns_are_named() -> None:
    with pytest.raises(
        MismatchError, match=r"b\.h5: showers of 9 voxels in 2 layers, but a\.h5 .* 4 x 6 x 6"
    ):
        concatenate([showers_of(2), showers_of(2, geometry=RINGS)], ["a.h5", "b.h5"])
    other = from_dense(dense_of(2, 1), GRID, {"theta": np.zeros(2)})
    with pytest.raises(MismatchError, match=r"only one of them has incident_energy, theta"):
        concatenate([showers_of(2), other])
    # A part without showers says nothing.
    nothing = showers_of(2, geometry=RINGS).select(np.arange(0))
    assert len(concatenate([nothing, showers_of(2)])) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": [0, 5, 144]}, r"cell is 144 in shower 1; a cell from 0 to 143"),
        ({"cell": [-1, 5, 7]}, r"cell is -1 in shower 0"),
        ({"cell": [5, 5, 7]}, r"cell is 5 in shower 0; a higher cell than the one before"),
        ({"energy": [1, -2, 1]}, r"energy is -2.0 in shower 0; a finite energy that is not negative"),
        ({"energy": [1, 1, np.nan]}, r"energy is nan in shower 1"),
        ({"time": [1, np.inf, 0]}, r"time is inf in shower 0; a finite time"),
        ({"time": [1]}, r"time has 1 rows, the offsets end at 3"),
        ({"offsets": [0, 2, 4]}, r"cell has 3 rows, the offsets end at 4"),
        ({"offsets": [0, 4, 3]}, r"offsets of the hits must start at 0 and not fall"),
    ],
)
def test_faults_are_named(change: dict, message: str) -> None:
    whole = {"cell": [0, 5, 3], "energy": [1, 1, 1], "offsets": [0, 2, 3], "time": [0, 0, 0]}
    values = {
        name: np.array(item, np.float32 if name in ("energy", "time") else np.int64)
        for name, item in (whole | change).items()
    }
    showers = Showers(GRID, values["cell"], values["energy"], values["offsets"], {}, values["time"])
    with pytest.raises(BadValueError, match=rf"f\.h5: .*{message}"):
        showers.check("f.h5")
