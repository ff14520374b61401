"""The toy morphologies of the tutorial: what makes each class one, and that a seed is a file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from resonaut.config import load


@pytest.fixture(scope="module")
def toys(root: Path) -> ModuleType:
    """The generator, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("morphologies", root / "docs/tutorials/morphologies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sources(toys: ModuleType) -> dict[str, tuple[np.ndarray, ...]]:
    """flux, x, y and width of the Gaussians of 400 sources of each class."""
    return {
        name: toys._sources(np.full(400, number), np.random.default_rng(number))
        for number, name in enumerate(toys.CLASSES)
    }


def radius(source: tuple[np.ndarray, ...]) -> np.ndarray:
    """(n,) mean distance of the flux from the core, in units of the farthest Gaussian's."""
    flux, x, y, _ = source
    distance = np.hypot(x, y)
    return (flux * distance).sum(axis=1) / flux.sum(axis=1) / np.maximum(distance.max(axis=1), 1e-9)


def test_classes_are_bright_where_fanaroff_and_riley_say(sources: dict[str, tuple[np.ndarray, ...]]) -> None:
    """Bright regions nearer to the core than half the size make an FRI, farther ones an FRII."""
    assert (radius(sources["unresolved"]) == 0).all()
    assert (radius(sources["fr1"]) < 0.5).all()
    assert (radius(sources["fr2"]) > 0.5).all()
    # The brightest Gaussian: the core's neighbourhood of an FRI, a hot spot of an FRII.
    assert (np.argmax(sources["fr2"][0], axis=1) >= sources["fr2"][0].shape[1] - 2).mean() > 0.99
    assert (sources["fr1"][0][:, -2:] == 0).all()


def test_jets_of_an_fr1_fade_and_those_of_an_fr2_brighten(
    toys: ModuleType, sources: dict[str, tuple[np.ndarray, ...]]
) -> None:
    n = toys._N_BLOBS
    for jet in (slice(1, 1 + n), slice(1 + n, 1 + 2 * n)):
        assert (np.diff(sources["fr1"][0][:, jet]) < 0).all()
        assert (np.diff(sources["fr2"][0][:, jet]) > 0).all()


def test_a_picture_is_beam_and_noise(toys: ModuleType) -> None:
    """Of unresolved sources: the second moment is the beam's, the corners hold noise of width 1."""
    images = toys.pictures(np.zeros(4000, int), np.random.default_rng(4)).astype(np.float64)
    corners = np.concatenate([images[:, :8, :8].ravel(), images[:, -8:, -8:].ravel()])
    assert corners.mean() == pytest.approx(0, abs=4 / len(corners) ** 0.5)
    assert corners.std() == pytest.approx(1, abs=0.01)
    mean = images.mean(axis=0)[14:26, 14:26]
    pixel = np.arange(12) - mean.sum(axis=0) @ np.arange(12) / mean.sum()
    # The place of a source is smeared by 0.7 pixels.
    variance = mean.sum(axis=0) @ pixel**2 / mean.sum()
    assert variance == pytest.approx(toys.BEAM**2 + 0.7**2, rel=0.1)
    # The brightest pixel is uniform in its logarithm from 2 to 20, its mean is 18 / ln 10. The peak of a
    # source at a distance d from the next pixel is higher than that; d^2 is 1/6 on average.
    flux = 18 / np.log(10) * 2 * np.pi * toys.BEAM**2 * np.exp(1 / 12 / toys.BEAM**2)
    assert mean.sum() == pytest.approx(flux, rel=0.06)


def test_orientations_are_uniform(toys: ModuleType, sources: dict[str, tuple[np.ndarray, ...]]) -> None:
    _, x, y, _ = sources["fr2"]
    angle = np.arctan2(y[:, -1], x[:, -1])
    for order in (1, 2):
        assert abs(np.exp(1j * order * angle).mean()) < 4 / len(angle) ** 0.5


def test_a_seed_is_a_file(toys: ModuleType, tmp_path: Path) -> None:
    for name, seed, chunk in (("a", 1, 1000), ("b", 1, 1000), ("c", 2, 1000)):
        toys.write(tmp_path / name, 7, seed, chunk)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with h5py.File(tmp_path / "a") as first, h5py.File(tmp_path / "c") as other:
        assert first["images"].shape == (21, 40, 40)
        assert np.bincount(first["labels"][:]).tolist() == [7, 7, 7]
        assert np.abs(first["images"][:] - other["images"][:]).max() > 1


def test_the_study_names_the_classes_of_the_generator(toys: ModuleType, root: Path) -> None:
    study = load(root / "config/morphologies.yaml")
    assert study.represent.images.shape == (toys.N_PIXELS, toys.N_PIXELS)
    for name in toys.CLASSES:
        options = study.datasets[name].settings.options
        assert options["label_names"] == list(toys.CLASSES)
        assert study.datasets[name].representations == ("images",)
    assert study.tag["cnn_frozen"].transfer.start_from in study.tag
