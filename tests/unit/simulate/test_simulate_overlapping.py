"""Two showers in one calorimeter: energies add up, cells are added, and the axes are where they should be."""

import json

import h5py
import numpy as np
import pytest

from resonaut.errors import ConfigError
from resonaut.settings import validate
from resonaut.simulate.methods.overlapping_showers import Settings
from resonaut.simulate.showers.chunk import simulate_showers
from resonaut.simulate.showers.overlapping import added
from resonaut.simulate.showers.spots import Hits


def settings(**more):
    given = {"energies": {"low": 20, "high": 60}, "n_events": 40, "seed": 3, "impact": 2, **more}
    return validate(Settings, given)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    made = settings(particles=["photon", "pion"], distance=[8, 8], share=[0.6, 0.7])
    simulate_showers("pairs", "overlapping_showers", made, 0, path)
    with h5py.File(path) as file:
        columns = {name: file[f"columns/{name}"][:] for name in file["columns"]}
        hits = {name: file[name][:] for name in ("energy", "offsets", "cell", "deposit")}
        return columns, hits, json.loads(file.attrs["geometry"])


def test_the_two_make_the_pair(pairs):
    columns, hits, _ = pairs
    energy = hits["energy"][:, 0]
    first, second = columns["energy_first"], columns["energy_second"]
    np.testing.assert_allclose(first + second, energy, rtol=1e-6)
    np.testing.assert_allclose(first / energy, columns["share"], rtol=1e-6)
    assert columns["share"].min() >= 0.6
    assert columns["share"].max() <= 0.7
    rows, across = (
        [columns[f"{which}_{axis}"] for which in ("first", "second")] for axis in ("row", "column")
    )
    np.testing.assert_allclose(np.hypot(rows[0] - rows[1], across[0] - across[1]), 8, rtol=1e-5)
    # The impact is the energy-weighted mean of both.
    for axis, both in (("row", rows), ("column", across)):
        mean = columns["share"] * both[0] + (1 - columns["share"]) * both[1]
        np.testing.assert_allclose(mean, columns[f"impact_{axis}"], atol=1e-5)


def test_energy_lies_around_both_axes(pairs):
    columns, hits, geometry = pairs
    place = hits["cell"].astype(int) % 900
    row, column = place // 30 - 14.5, place % 30 - 14.5
    owner = np.repeat(np.arange(40), np.diff(hits["offsets"]))
    near = {
        which: np.hypot(row - columns[f"{which}_row"][owner], column - columns[f"{which}_column"][owner]) < 3
        for which in ("first", "second")
    }
    total = np.bincount(owner, hits["deposit"], 40)
    around = np.bincount(owner, hits["deposit"] * near["first"], 40)
    # A photon of 60 to 70 % of the energy is mostly within 15 mm; the pion gives less for its energy.
    assert geometry["shape"] == [30, 30, 30]
    assert np.median(around / total) > 0.55
    assert near["second"].any()


def test_cells_of_both_are_added():
    first = Hits(
        2, np.array([0, 0, 1]), np.array([1, 4, 2]), np.array([1.0, 2.0, 5.0]), np.array([1.0, 1, 1])
    )
    second = Hits(2, np.array([0, 1]), np.array([4, 0]), np.array([6.0, 3.0]), np.array([5.0, 2.0]))
    found = added([first, second], 10)
    np.testing.assert_array_equal(found.owner, [0, 0, 1, 1])
    np.testing.assert_array_equal(found.cell, [1, 4, 0, 2])
    np.testing.assert_array_equal(found.deposit, [1, 8, 3, 5])
    np.testing.assert_array_equal(found.time, [1, (2 * 1 + 6 * 5) / 8, 2, 1])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"share": [0.3, 0.9]}, "share: .*from 0.5 to below 1"),
        ({"distance": [3, 1]}, "distance: .*rising range"),
        ({"calorimeter": "cylinders"}, "square cells"),
        ({"particles": ["photon", "muon"]}, "particles"),
    ],
)
def test_what_is_refused(more, message):
    with pytest.raises(ConfigError, match=message):
        settings(**more)
