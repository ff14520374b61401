"""Bad input of the stage through its command line: the message, and that nothing is written."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from generate_files import slice_of, write_features, write_showers

from resonaut import manifest
from resonaut.cli import main
from resonaut.generate import train
from resonaut.nn import checkpoint
from resonaut.shower_files import writing
from resonaut.showers import from_dense

INPUTS = {"inputs": ["x", "y"], "conditions": ["energy"]}


@pytest.fixture
def trained(toy, tmp_path):
    """Weights of a toy, conditional on the energy."""
    manifests = {"qcd": write_features(tmp_path, n=300)}
    train.run(slice_of(**INPUTS), manifests, tmp_path / "w", tmp_path / "t.json", threads=1)
    return tmp_path / "w"


def message(capsys, *words):
    """What a command that must fail says."""
    assert main(["generate", *map(str, words)]) != 0
    return capsys.readouterr().err


def drawing(weights, *more, number=5):
    common = ("--seed", 1, "--device", "cpu", "--threads", 1, "--output", weights.parent / "s.h5")
    return ("sample", "--weights", weights, "--number", number, *common, *more)


@pytest.mark.parametrize(
    ("number", "more", "expected"),
    [
        (0, ("--conditions", "energy=50"), "--number: 1 or more is expected, got 0"),
        (5, (), "conditional on energy: give values"),
        (5, ("--conditions", "energy=5000"), "energy is 5000, trained from"),
        (5, ("--conditions", "energy=nan"), "a number is expected, got 'nan'"),
        (5, ("--showers", "qcd=none.json"), "none.json"),
    ],
)
def test_requests_that_are_refused(trained, capsys, number, more, expected):
    assert expected in message(capsys, *drawing(trained, *more, number=number))
    assert not (trained.parent / "s.h5").exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("ranges"), "of another version, their description lacks ranges. Train again"),
        (lambda d: d["settings"].update(dataset="qcd"), "another version, whose settings cannot be read"),
        (lambda d: d["shape"].update(conditions=["energy", "theta"]), "weights do not fit the network"),
    ],
)
def test_weights_of_another_version_name_their_file(trained, capsys, change, expected):
    tensors, description = checkpoint.read(trained)
    change(description)
    checkpoint.write(trained, tensors, description)
    found = message(capsys, *drawing(trained, "--conditions", "energy=50"))
    assert str(trained) in found
    assert expected in found


def learn(folder, manifests, **more):
    settings = json.dumps(slice_of(**more))
    files = ("--weights", folder / "w", "--training", folder / "t.json", "--threads", 1)
    return ("train", "--settings", settings, *files, "--showers", *(f"{k}={v}" for k, v in manifests.items()))


def test_mixed_binnings_name_both_files(toy, tmp_path, capsys):
    one = write_showers(tmp_path, "photons", 50)
    geometry = {"kind": "cartesian", "shape": [2, 4, 4], "cell": "(layer * rows + row) * columns + column"}
    columns = {name: np.zeros(50, int) for name in ("run", "lumi")} | {"event": np.arange(50)}
    columns["incident_energy"] = np.linspace(10, 100, 50)
    head = {"dataset": "pions", "label": "pions", "n_generated": 50, "sum_weights": 50.0}
    more = {**head, "cut_flow": {"read": 50}, "settings": {"showers": {"threshold": 2.0}}}
    with writing(tmp_path / "pions.h5", geometry, more) as writer:
        writer.append(from_dense(np.ones((50, 2, 4, 4), np.float32), geometry, columns))
    manifest.write(tmp_path / "pions.json", [tmp_path / "pions.h5"])
    settings = {"datasets": ["photons", "pions"], "learn": "showers", "conditions": ["incident_energy"]}
    both = {"photons": one, "pions": tmp_path / "pions.json"}
    found = message(capsys, *learn(tmp_path, both, **settings))
    for part in ("pions.h5", "photons.h5", "2 x 4 x 4 cells", "3 x 4 x 4 cells", "Take one binning"):
        assert part in found
    assert not (tmp_path / "w").exists()


def test_a_cell_without_a_number_is_named(toy, tmp_path, capsys):
    one = write_showers(tmp_path, "photons", 50)
    with h5py.File(tmp_path / "photons.h5", "a") as file:
        file["hits/energy"][3] = np.nan
    settings = {"datasets": ["photons"], "learn": "showers", "conditions": ["incident_energy"]}
    found = message(capsys, *learn(tmp_path, {"photons": one}, **settings))
    assert "photons.h5" in found
    assert "nan" in found
    assert not (tmp_path / "w").exists()
