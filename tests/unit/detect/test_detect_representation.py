"""All datasets of a mixture must be represented alike."""

from __future__ import annotations

import h5py
import pytest

from resonaut import manifest, mixtures
from resonaut.detect import data
from resonaut.detect.data import Sources
from resonaut.detect.interface import Needs
from resonaut.errors import InputError, MismatchError
from resonaut.files import canonical_json

IMAGES = {"n_pixels": 6, "half_width": 1.0, "channels": ["pt"]}


def record(paths, kind, settings_of):
    """Write how the chunks of each dataset were made."""
    for name, path in paths.items():
        for number, chunk in enumerate(manifest.read(path).chunks):
            with h5py.File(chunk, "a") as file:
                file.attrs["settings"] = canonical_json({"n_jets": 2, kind: settings_of(name, number)})


@pytest.mark.parametrize("kind", ["images", "features"])
@pytest.mark.parametrize("odd", ["dataset", "chunk"])
def test_made_differently(toy, files, scan, context, tmp_path, kind, odd):
    mixture, *paths = files(tmp_path, toy(40, 10))
    paths = dict(zip(("features", "images"), paths, strict=True))
    needs = Needs(images=True) if kind == "images" else Needs(features=("first",))

    def read():
        return data.read(mixtures.read(mixture), needs, Sources(**paths), scan, context)

    record(paths[kind], kind, lambda name, number: IMAGES)
    assert len(read()) == 50
    wrong = {"dataset": ("wprime", 0), "chunk": ("qcd", 1)}[odd]
    record(paths[kind], kind, lambda name, number: {**IMAGES, "half_width": 1.0 + ((name, number) == wrong)})
    message = rf"{wrong[0]}/{wrong[1]}\.h5: {kind} made with {{'half_width': 2\.0}}, but .*qcd/0\.h5 was made"
    with pytest.raises(MismatchError, match=message):
        read()


def test_images_of_several_channels(toy, files, scan, context, tmp_path):
    mixture, features, images = files(tmp_path, toy(40, 10))
    record(images, "images", lambda name, number: {**IMAGES, "channels": ["pt", "multiplicity"]})
    message = rf"qcd\.json: images of 2 channels \(pt, multiplicity\), but {context.where} takes one"
    with pytest.raises(InputError, match=message):
        data.read(mixtures.read(mixture), Needs(images=True), Sources(features, images), scan, context)
