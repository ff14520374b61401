"""Overlapping showers: energies of hits by hand, clusters, what is measured, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import ConfigError
from resonaut.shower_files import write_showers
from resonaut.showers import Showers, from_dense
from resonaut.tag.segmentation.clusters import k_means, nearest_axis
from resonaut.tag.segmentation.measure import matched, separation
from resonaut.tag.segmentation.overlap import Pairs, draw, overlap

GEOMETRY = {"kind": "cartesian", "shape": [3, 15, 15], "cell": "(layer * rows + row) * columns + column"}


def showers(n, seed=0, width=0.8):
    """Gaussian showers at the centre, of 10 to 20 GeV, 1 % of which is visible."""
    random = np.random.default_rng(seed)
    row = np.arange(15) - 7
    profile = np.exp(-(row[:, None] ** 2 + row**2) / (2 * width**2))
    profile = profile / profile.sum() * np.array([0.2, 0.5, 0.3])[:, None, None]
    energy = random.uniform(10, 20, n)
    dense = 0.01 * energy[:, None, None, None] * profile * random.gamma(20, 1 / 20, (n, 3, 15, 15))
    columns = {"run": np.zeros(n, int), "lumi": np.zeros(n, int), "event": np.arange(n)}
    return from_dense(dense.astype(np.float32), GEOMETRY, {**columns, "incident_energy": energy}, 1e-6)


def some_pairs(n=200, seed=1, distance_max=9.0):
    made = showers(50)
    return overlap(made, *draw(len(made), n, distance_max, np.random.default_rng(seed)))


def test_two_hits_of_one_cell_are_one_hit_of_both():
    """Cells (0, 7, 7) of 1 GeV and (1, 7, 8) of 2 GeV; the second shower is moved by one column."""
    cell = np.array([7 * 15 + 7, 225 + 7 * 15 + 8, 7 * 15 + 6, 225 + 7 * 15 + 14], np.int32)
    energy = np.array([1.0, 2.0, 4.0, 8.0], np.float32)
    made = Showers(GEOMETRY, cell, energy, np.array([0, 2, 4]), {})
    found = overlap(made, np.array([[0, 1]]), np.array([[[0, 0], [0, 1]]]))
    # The hit of 8 GeV leaves the calorimeter.
    np.testing.assert_array_equal(found.cell, [112, 338])
    np.testing.assert_array_equal(found.energies, [[1, 4], [2, 0]])
    np.testing.assert_array_equal(found.places(), [[0, 0, 0], [1, 0, 1]])
    assert found.distance == [1]
    np.testing.assert_allclose(found.inputs()[:, 0], np.log([5000, 2000]), rtol=1e-6)


def test_energy_is_conserved_and_showers_differ():
    made = showers(30)
    rows, moves = draw(30, 500, 3.0, np.random.default_rng(2))
    found = overlap(made, rows, moves)
    assert (rows[:, 0] != rows[:, 1]).all()
    assert np.hypot(*(moves[:, 1] - moves[:, 0]).T).max() <= 3 + np.sqrt(0.5)
    sums = np.stack([np.bincount(found.owner, found.energies[:, k], len(found)) for k in range(2)], 1)
    np.testing.assert_allclose(sums, made.visible()[rows], rtol=1e-4)
    key = found.owner * 675 + found.cell
    assert (np.diff(key) > 0).all()


def test_clusters_far_apart_are_found_and_an_axis_halves_what_is_between():
    pairs = some_pairs()
    for shares in (nearest_axis(pairs), k_means(pairs)):
        np.testing.assert_allclose(shares.sum(1), 1)
        far = separation(pairs, shares, (6.0, 10.0))[0]
        assert far["assigned"] > 0.98
        assert far["mean"] == pytest.approx(1, abs=0.01)
    together = separation(pairs, nearest_axis(pairs), (0.0, 0.5))[0]
    assert together["n_pairs"] < 20
    assert together["mean"] is None


def test_measures_by_hand():
    """Two hits of 3 and 1 GeV, of one shower each; a share of 1/2 each assigns half of the energy."""
    n = 40
    cell = np.tile([0, 1], n)
    energies = np.tile(np.array([[3, 0], [0, 1]], np.float32), (n, 1))
    axes = np.zeros((n, 2, 2))
    axes[:, 1, 0] = 2.0
    pairs = Pairs(GEOMETRY, cell, energies, 2 * np.arange(n + 1), axes)
    found = separation(pairs, np.full((2 * n, 2), 0.5), (0, 1, 3))
    assert [one["n_pairs"] for one in found] == [0, n]
    assert found[1]["assigned"] == pytest.approx(0.5)
    # 2 of 3 and 2 of 1 GeV.
    assert found[1]["mean"] == pytest.approx((2 / 3 + 2) / 2)
    assert found[1]["resolution"] == pytest.approx((2 - 2 / 3) / 2)
    truth = energies / energies.sum(1, keepdims=True)
    np.testing.assert_array_equal(matched(pairs, truth[:, ::-1]), truth)
    right = separation(pairs, truth[:, ::-1], (0, 3))[0]
    assert (right["assigned"], right["mean"], right["resolution"]) == (1, 1, 0)


def test_voxels_are_refused():
    geometry = {"kind": "cylindrical", "layers": [{"id": 0, "r_edges": [0, 1, 2], "n_alpha": 4}]}
    made = Showers(geometry, np.zeros(2, np.int32), np.ones(2, np.float32), np.arange(3), {})
    with pytest.raises(ConfigError, match="cartesian cells are expected, the showers are cylindrical"):
        overlap(made, np.array([[0, 1]]), np.zeros((1, 2, 2), int))


SMALL = {
    "n_pairs": 60,
    "n_test": 30,
    "distance_max": 8,
    "threshold": 0.05,
    "edges": [0, 9],
    "network": {"n_blocks": 1, "width": 16, "n_learned": 8, "k": 8, "n_outputs": 16, "f": [16]},
    "training": {"epochs": 3, "batch_size": 10, "learning_rate": 0.01, "device": "cpu"},
}


def few(folder, n):
    """A manifest of n showers."""
    head = {"dataset": "photons", "label": "photons", "n_generated": n, "sum_weights": float(n)}
    more = {**head, "cut_flow": {"read": n}, "settings": {"showers": {"threshold": 0.001}}}
    write_showers(folder / "p.h5", showers(n), more)
    manifest.write(folder / "p.json", [folder / "p.h5"])
    return folder / "p.json"


@pytest.fixture
def photons(tmp_path):
    return few(tmp_path, 120)


def command(photons, name, cluster):
    settings = json.dumps({"name": "toy", "seed": 3, "cluster": {"dataset": "photons", **cluster}})
    folder = photons.parent
    files = ["--weights", str(folder / f"{name}.w"), "--output", str(folder / f"{name}.json")]
    return main(
        ["tag", "cluster", "--settings", settings, "--showers", str(photons), "--threads", "1", *files]
    )


def test_the_command_learns_and_repeats(photons, tmp_path):
    assert command(photons, "a", SMALL) == 0
    assert command(photons, "b", SMALL) == 0
    assert (tmp_path / "a.w").read_bytes() == (tmp_path / "b.w").read_bytes()
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["n_pairs"] == {"train": 60, "validation": 30, "test": 30}
    losses = [epoch["train_loss"] for epoch in result["history"]]
    assert losses[-1] < losses[0]
    (all_,) = result["methods"]["gravnet"]
    assert all_["n_pairs"] == 30
    assert all_["assigned"] > 0.5


def test_bad_settings_and_too_few_showers(photons, tmp_path, capsys):
    assert command(photons, "a", {**SMALL, "n_pair": 3}) != 0
    assert "Did you mean 'n_pairs'" in capsys.readouterr().err
    few(tmp_path, 2)
    assert command(photons, "a", SMALL) != 0
    assert "two or more are expected" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()
