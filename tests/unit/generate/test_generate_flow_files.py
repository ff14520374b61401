"""Flows through the files of the stage: trained, drawn, and the same bytes twice."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from generate_files import write_features, write_showers

from resonaut.generate import sample, train
from resonaut.shower_files import read_showers

TRAINING = {"epochs": 15, "batch_size": 100, "learning_rate": 5e-3, "device": "cpu", "ema": 0.95}
FEATURES = {
    "datasets": ["qcd"],
    "learn": "features",
    "inputs": ["x", "y"],
    "conditions": ["energy"],
    "training": TRAINING,
}
SHOWERS = {
    "datasets": ["photons"],
    "conditions": ["incident_energy"],
    "patch": [1, 2, 2],
    "width": 32,
    "blocks": 1,
    "steps": 4,
    "symmetries": True,
    "sums_training": {**TRAINING, "epochs": 30},
    "training": {**TRAINING, "epochs": 1},
}


def run(kind, settings, manifests, folder):
    """Weights and 400 draws at two conditions."""
    folder.mkdir()
    slice_ = {"method": "toy", "kind": kind, "seed": 5, "settings": settings}
    weights, drawn = folder / "w.safetensors", folder / "s.h5"
    train.run(slice_, manifests, weights, folder / "t.json", threads=1)
    name = settings["conditions"][0]
    sample.run(weights, drawn, sample.Request(400, 1, device="cpu", threads=1), words=[f"{name}=30,80"])
    return weights, drawn


@pytest.mark.parametrize("kind", ["flow", "flow_matching"])
def test_features_are_drawn_for_their_condition(kind, tmp_path):
    """x is normal, of mean 2 energy and width 0.5; y is normal, of mean -1."""
    more = {"transforms": 2, "hidden": [32]} if kind == "flow" else {"width": 48, "blocks": 1}
    _, drawn = run(kind, FEATURES | more, {"qcd": write_features(tmp_path)}, tmp_path / "a")
    with h5py.File(drawn) as file:
        x, y, energy = (file[f"events/{name}"][:] for name in ("x", "y", "energy"))
    for value in (30, 80):
        assert x[energy == value].mean() == pytest.approx(2 * value, abs=4)
    assert y.mean() == pytest.approx(-1, abs=0.2)
    assert y.std() == pytest.approx(1, abs=0.2)


def test_showers_are_drawn_for_their_energy_and_twice_the_same(tmp_path):
    """Visible energy is 28.8 MeV per GeV, less what is below the threshold."""
    manifests = {"photons": write_showers(tmp_path, n=700)}
    first = run("flow_matching", SHOWERS, manifests, tmp_path / "a")
    drawn, true = read_showers(first[1]), read_showers(tmp_path / "photons.h5")
    for value in (30, 80):
        near = np.abs(true.columns["incident_energy"] - value) < 2
        expected = (true.visible() / true.columns["incident_energy"])[near].mean()
        found = drawn.visible()[drawn.columns["incident_energy"] == value].mean()
        assert found == pytest.approx(expected * value, rel=0.08)
    parts = [entry["metrics"]["part"] for entry in json.loads((tmp_path / "a/t.json").read_text())["history"]]
    assert parts == [0.0] * 30 + [1.0]
    second = run("flow_matching", SHOWERS, manifests, tmp_path / "b")
    assert first[0].read_bytes() == second[0].read_bytes()
    np.testing.assert_array_equal(read_showers(second[1]).energy, drawn.energy)
