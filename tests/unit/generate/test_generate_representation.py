"""Images that a generator of square images of one channel cannot learn from."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.errors import InputError, MismatchError
from resonaut.files import canonical_json
from resonaut.generate import reading, sample, train
from resonaut.generate.methods.vae import Settings

SETTINGS = {"n_pixels": 8, "half_width": 1.0, "normalise": "sum", "channels": ["pt"]}


def write(folder, *changes, shape=(8, 8)):
    """One chunk of 20 events per mapping of changed settings."""
    paths = []
    for number, change in enumerate(changes):
        paths.append(folder / f"{number}.h5")
        with h5py.File(paths[-1], "w") as file:
            counts = {"n_events": 20, "n_generated": 20, "sum_weights": 1.0}
            file.attrs.update(
                {"kind": "images", "dataset": "qcd", "label": "qcd", "cut_flow": "{}", **counts}
            )
            file.attrs["settings"] = canonical_json({"n_jets": 2, "images": {**SETTINGS, **change}})
            file["images"] = np.random.default_rng(number).random((20, 2, *shape)).astype(np.float32)
            for key in ("run", "lumi", "event"):
                file[f"events/{key}"] = np.arange(20) + 20 * number
    manifest.write(folder / "qcd.json", paths)
    return folder / "qcd.json"


def read(path):
    settings = Settings(datasets=("qcd",), n_rows_max=1000)
    return reading.read({"qcd": path}, settings, 1, "generate.vae")


def test_settings_come_with_the_images(tmp_path):
    made = read(write(tmp_path, {}, {}))
    assert made.values.shape == (80, 8, 8)
    assert made.settings == {**SETTINGS, "n_jets": 2}


@pytest.mark.parametrize("change", [{"rotate": False}, {"channels": ["charged"]}, {"n_pixels": 9}])
def test_chunks_made_differently(tmp_path, change):
    item = write(tmp_path, {}, change)
    key = next(iter(change))
    with pytest.raises(MismatchError, match=rf"1\.h5: images made with .*'{key}'.*but .*0\.h5 was made with"):
        read(item)


@pytest.mark.parametrize(
    ("change", "shape", "message"),
    [
        (
            {"channels": ["pt", "charged"]},
            (2, 8, 8),
            r"images of 2 channels \(pt, charged\), but generate\.vae",
        ),
        (
            {"n_pixels": [8, 10]},
            (8, 10),
            r"represent\.images\.n_pixels \[8, 10\], but generate\.vae takes square",
        ),
        (
            {"half_width": [0.5, 1.0]},
            (8, 8),
            r"represent\.images\.half_width \[0\.5, 1\.0\], but generate\.vae",
        ),
    ],
)
def test_images_of_other_shapes(tmp_path, change, shape, message):
    item = write(tmp_path, change, shape=shape)
    with pytest.raises(
        InputError, match=rf"qcd\.json: images .*{message}" if "channels" not in change else message
    ):
        read(item)


@pytest.mark.parametrize(
    ("normalise", "expected"), [("sum", True), (True, True), ("none", False), (False, False)]
)
def test_samples_are_made_like_the_images(tmp_path, normalise, expected):
    """They record how the images were made, and sum to 1 only if these do."""
    images = write(tmp_path, {"normalise": normalise})
    training = {"epochs": 1, "batch_size": 16, "device": "cpu"}
    settings = {"datasets": ["qcd"], "hidden": [8], "n_latent": 2, "training": training}
    slice_ = {"method": "toy", "kind": "vae", "seed": 5, "settings": settings}
    train.run(slice_, {"qcd": images}, tmp_path / "w", tmp_path / "m.json", threads=1)
    sample.run(tmp_path / "w", tmp_path / "s.h5", sample.Request(10, seed=1, threads=1))
    with h5py.File(tmp_path / "s.h5") as file:
        made = {"n_jets": 2, "images": {**SETTINGS, "normalise": normalise}}
        assert json.loads(file.attrs["settings"]) == made
        sums = file["images"][:].sum((1, 2, 3))
    assert (np.abs(sums - 1) < 1e-4).all() == expected
