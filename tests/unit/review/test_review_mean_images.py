"""The mean of N jet images, against the mean of the same images in memory."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from review_files import head

from resonaut import manifest
from resonaut.errors import InputError
from resonaut.files import canonical_json
from resonaut.review.figures import represent


def write(folder, images, n_chunks=3, **settings):
    paths = []
    for number, part in enumerate(np.array_split(images, n_chunks)):
        paths.append(folder / f"{number}.h5")
        with h5py.File(paths[-1], "w") as file:
            for key, value in head("images", "qcd", len(part)).items():
                file.attrs[key] = canonical_json(value) if isinstance(value, dict) else value
            file.attrs["settings"] = canonical_json({"n_jets": 2, "images": settings})
            file["images"] = part
    manifest.write(folder / "qcd.json", paths)
    return manifest.read(folder / "qcd.json", "images")


@pytest.mark.parametrize("n_channels", [0, 2])
@pytest.mark.parametrize("slice_", [7, 4096])
def test_means_of_the_first_jets_over_chunks(tmp_path, monkeypatch, n_channels, slice_):
    monkeypatch.setattr(represent, "SLICE", slice_)
    shape = (130, 2, n_channels, 4, 5) if n_channels else (130, 2, 4, 5)
    images = np.random.default_rng(1).random(shape).astype(np.float32)
    leading = images[:, 0, 0] if n_channels else images[:, 0]
    found = represent.mean_images(write(tmp_path, images), [10, 43, 100, 130])
    assert len(found) == 4
    for made, size in zip(found, (10, 43, 100, 130), strict=True):
        np.testing.assert_allclose(made, leading[:size].mean(0, dtype=np.float64), rtol=1e-12)


def test_only_numbers_that_the_dataset_has():
    assert represent.sizes_of(9) == [9]
    assert represent.sizes_of(10) == [10]
    assert represent.sizes_of(9_999) == [10, 100, 1_000]
    assert represent.sizes_of(10**6) == [10, 100, 1_000, 10_000]


def test_the_scatter_of_the_mean_falls_like_one_over_the_root_of_n(tmp_path):
    images = np.random.default_rng(2).exponential(1.0, (1000, 1, 20, 20))
    small, large = represent.mean_images(write(tmp_path, images), [10, 1000])
    assert small.std() == pytest.approx(10**-0.5, rel=0.15)
    assert large.std() == pytest.approx(1000**-0.5, rel=0.15)


def test_a_file_without_images(tmp_path):
    item = write(tmp_path, np.zeros((6, 1, 4, 4)))
    with h5py.File(item.chunks[1], "a") as file:
        file.move("images", "pictures")
    with pytest.raises(InputError, match=r"1\.h5: no 'images'; it holds pictures"):
        represent.mean_images(item, [6])
